// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/user_info.h"

#include <algorithm>
#include <iterator>

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

absl::Status ReadStrings(simdjson::dom::array array, std::string_view what,
                         std::vector<std::string>& out) {
  for (const simdjson::dom::element element : array) {
    std::string_view text;
    if (element.get_string().get(text) != simdjson::SUCCESS) {
      return Malformed(StrCat(what, " is not a string"));
    }
    out.emplace_back(text);
  }
  return absl::OkStatus();
}

// k8s.io/apiserver authentication/serviceaccount. Any other key may be what an authorizer wants.
bool IsOfOneToken(std::string_view key) {
  static constexpr std::string_view kKeys[] = {
      "authentication.kubernetes.io/credential-id", "authentication.kubernetes.io/node-name",
      "authentication.kubernetes.io/node-uid", "authentication.kubernetes.io/pod-name",
      "authentication.kubernetes.io/pod-uid"};
  return std::find(std::begin(kKeys), std::end(kKeys), key) != std::end(kKeys);
}

absl::Status ReadExtra(simdjson::dom::object user_info,
                       std::map<std::string, std::vector<std::string>>& out) {
  simdjson::dom::object extra;
  const simdjson::error_code error = user_info.at_key("extra").get_object().get(extra);
  if (error == simdjson::NO_SUCH_FIELD) return absl::OkStatus();
  if (error != simdjson::SUCCESS) return Malformed("userInfo.extra is not an object");
  for (const simdjson::dom::key_value_pair member : extra) {
    if (IsOfOneToken(member.key)) continue;
    simdjson::dom::array values;
    if (member.value.get_array().get(values) != simdjson::SUCCESS) {
      return Malformed("a member of userInfo.extra is not an array");
    }
    WEIR_RETURN_IF_ERROR(
        ReadStrings(values, "a value of userInfo.extra", out[std::string(member.key)]));
  }
  return absl::OkStatus();
}

absl::Status ReadGroups(simdjson::dom::object user_info, std::vector<std::string>& out) {
  simdjson::dom::array groups;
  const simdjson::error_code error = user_info.at_key("groups").get_array().get(groups);
  if (error == simdjson::NO_SUCH_FIELD) return absl::OkStatus();
  if (error != simdjson::SUCCESS) return Malformed("userInfo.groups is not an array");
  WEIR_RETURN_IF_ERROR(ReadStrings(groups, "a group", out));
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
  WEIR_RETURN_IF_ERROR(ReadExtra(user_info, user.extra));
  if (user.username.empty()) return Malformed("it names no user");
  return user;
}

}  // namespace weir
