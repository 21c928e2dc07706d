// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/server/yaml_document.h"

namespace weir {

struct InjectOptions {
  std::string image;
  int port = 6443;         // Where Weir listens for the pod's containers, on 127.0.0.1.
  int admin_port = 15090;  // On all addresses of the pod, for probes and Prometheus.
  std::string memory_limit = "512Mi";
  std::optional<int64_t> run_as_user;  // Of who says no other, nor its pod.
};

// A mistake and where it is in the document.
struct InjectMistake {
  int line = 1, column = 1;
  std::string text;
};

// What came of one pod or pod template.
struct Injection {
  std::vector<InjectMistake> mistakes;  // If any, the pod is in no state to be used.
  std::string left_alone;               // Why nothing was changed; "" if it was.
};

// Makes Weir the first init container of a pod or a pod template (what has metadata and spec), as
// a native sidecar (Kubernetes 1.29), and has every other container reach the API server through
// it: deploy/sidecar.yaml is an example of the result.
Injection InjectPod(YamlNode& pod, const InjectOptions& options);

}  // namespace weir
