// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "proxy/upstream/upstream.h"

namespace weir {

// How Weir reaches the API server, and in which namespace it lives.
struct Kubeconfig {
  UpstreamTarget target;
  std::string namespace_name;
};

// Reads a context of a kubeconfig, YAML or JSON, as client-go does: embedded data wins over a
// file, paths are relative to the kubeconfig, the first of two entries with one name counts.
// `context`: "" for its current-context. What Weir cannot do (exec and auth-provider plugins,
// proxies, passwords, impersonation) is refused by name. The error lists every mistake, one per
// line, with file, line and what to do.
absl::StatusOr<Kubeconfig> LoadKubeconfig(const std::string& path, std::string_view context);
// The same of a text. `path` is its name in messages, and what paths in it are relative to.
absl::StatusOr<Kubeconfig> ParseKubeconfig(const std::string& path, std::string_view text,
                                           std::string_view context);

// An environment variable, or nullopt.
using EnvironmentLookup = std::function<std::optional<std::string>(const std::string& name)>;
inline constexpr char kServiceAccountDir[] = "/var/run/secrets/kubernetes.io/serviceaccount";

// What a pod is given: KUBERNETES_SERVICE_HOST and _PORT, and token, ca.crt and namespace in
// `mount`. Token and CA are read again when their files change.
absl::StatusOr<Kubeconfig> LoadInCluster(const EnvironmentLookup& environment,
                                         const std::string& mount = kServiceAccountDir);

}  // namespace weir
