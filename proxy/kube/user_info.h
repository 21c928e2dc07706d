// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

// authentication.k8s.io/v1 UserInfo: what authorizers decide by.
struct UserInfo {
  std::string username, uid;
  std::vector<std::string> groups;  // Sorted.
  // Without what tells apart the tokens of one service account (the pod, the node, the token).
  std::map<std::string, std::vector<std::string>> extra;

  friend bool operator==(const UserInfo&, const UserInfo&) = default;
};

// The status.userInfo of a SelfSubjectReview in JSON. Error: not one, or without a user name.
absl::StatusOr<UserInfo> ParseSelfSubjectReview(std::string_view json);

}  // namespace weir
