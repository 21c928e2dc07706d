// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "proxy/kube/resource.h"

namespace weir {

// What a SelfSubjectAccessReview (authorization.k8s.io/v1) asks: its spec.resourceAttributes.
struct AccessQuestion {
  std::string verb;
  GroupVersionResource resource;
  std::string namespace_name;                  // "" for all, and for cluster scope.
  std::string name;                            // "" for all.
  std::string label_selector, field_selector;  // As sent. API servers before 1.31 ignore them.
};

// In JSON.
std::string EncodeAccessReview(const AccessQuestion& question);
// The status.allowed of the answer in JSON. Error: not one. Its evaluationError is not looked at:
// the API server answers the request itself in spite of one, in the same way.
absl::StatusOr<bool> ParseAccessReview(std::string_view json);

}  // namespace weir
