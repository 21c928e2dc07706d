// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "proxy/cli/inject_pod.h"

namespace weir {

// What came of the text of manifests.
struct InjectedManifests {
  std::string text;   // Documents without a workload are those of the source, byte for byte.
  std::string notes;  // A line for each workload: what was done with it.
};

// Adds Weir to every workload in YAML or JSON of any number of documents: Deployment, StatefulSet,
// DaemonSet, ReplicaSet, ReplicationController, Job, CronJob, Pod, also in a List. `file` is the
// text's name in messages. The error has all mistakes, a line for each.
absl::StatusOr<InjectedManifests> InjectManifests(std::string_view file, std::string_view text,
                                                  const InjectOptions& options);

struct InjectFlags {
  std::string file = "-";
  std::string image = DefaultImage();
  int port = InjectOptions().port;
  int admin_port = InjectOptions().admin_port;
  std::string memory_limit = InjectOptions().memory_limit;
  std::string run_as_user;

  static std::string DefaultImage();
};

// `weir inject`: manifests to stdout, notes to stderr. With a mistake nothing goes to stdout.
int Inject(const InjectFlags& flags);

}  // namespace weir
