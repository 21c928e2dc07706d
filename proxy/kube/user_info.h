// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

// authentication.k8s.io/v1 UserInfo without `extra`.
struct UserInfo {
  std::string username, uid;
  std::vector<std::string> groups;  // Sorted.
};

// The status.userInfo of a SelfSubjectReview in JSON. Error: not one, or without a user name.
absl::StatusOr<UserInfo> ParseSelfSubjectReview(std::string_view json);

}  // namespace weir
