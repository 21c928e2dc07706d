// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/user_info.h"

#include <algorithm>

#include "simdjson.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

absl::Status Malformed(std::string_view what) {
  return InvalidArgumentError(StrCat("not a SelfSubjectReview: ", what));
}

// An absent member is "".
absl::Status ReadString(simdjson::dom::object object, std::string_view key, std::string& out) {
  std::string_view text;
  const simdjson::error_code error = object.at_key(key).get_string().get(text);
  if (error == simdjson::NO_SUCH_FIELD) return absl::OkStatus();
  if (error != simdjson::SUCCESS) return Malformed(StrCat("userInfo.", key, " is not a string"));
  out = text;
  return absl::OkStatus();
}

absl::Status ReadGroups(simdjson::dom::object user_info, std::vector<std::string>& out) {
  simdjson::dom::array groups;
  const simdjson::error_code error = user_info.at_key("groups").get_array().get(groups);
  if (error == simdjson::NO_SUCH_FIELD) return absl::OkStatus();
  if (error != simdjson::SUCCESS) return Malformed("userInfo.groups is not an array");
  for (const simdjson::dom::element element : groups) {
    std::string_view group;
    if (element.get_string().get(group) != simdjson::SUCCESS) {
      return Malformed("a group is not a string");
    }
    out.emplace_back(group);
  }
  std::sort(out.begin(), out.end());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UserInfo> ParseSelfSubjectReview(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
    return Malformed("it is not JSON");
  }
  std::string_view kind;
  if (root["kind"].get_string().get(kind) != simdjson::SUCCESS || kind != "SelfSubjectReview") {
    return Malformed(StrCat("its kind is ", Quoted(kind)));
  }
  simdjson::dom::object user_info;
  if (root["status"]["userInfo"].get_object().get(user_info) != simdjson::SUCCESS) {
    return Malformed("there is no status.userInfo");
  }
  UserInfo user;
  WEIR_RETURN_IF_ERROR(ReadString(user_info, "username", user.username));
  WEIR_RETURN_IF_ERROR(ReadString(user_info, "uid", user.uid));
  WEIR_RETURN_IF_ERROR(ReadGroups(user_info, user.groups));
  if (user.username.empty()) return Malformed("it names no user");
  return user;
}

}  // namespace weir
