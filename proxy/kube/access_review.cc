// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/access_review.h"

#include "simdjson.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kKind = "SelfSubjectAccessReview";

absl::Status Malformed(std::string_view what) {
  return InvalidArgumentError(StrCat("not a ", kKind, ": ", what));
}

void AddMember(std::string& out, std::string_view key, std::string_view value) {
  if (value.empty()) return;
  StrAppend(out, ",\"", key, "\":", JsonString(value));
}

void AddSelector(std::string& out, std::string_view key, std::string_view selector) {
  if (selector.empty()) return;
  StrAppend(out, ",\"", key, R"(":{"rawSelector":)", JsonString(selector), "}");
}

}  // namespace

std::string EncodeAccessReview(const AccessQuestion& question) {
  std::string attributes = StrCat(R"("verb":)", JsonString(question.verb));
  AddMember(attributes, "namespace", question.namespace_name);
  AddMember(attributes, "group", question.resource.group);
  AddMember(attributes, "version", question.resource.version);
  AddMember(attributes, "resource", question.resource.resource);
  AddMember(attributes, "name", question.name);
  AddSelector(attributes, "fieldSelector", question.field_selector);
  AddSelector(attributes, "labelSelector", question.label_selector);
  return StrCat(R"({"kind":")", kKind, R"(","apiVersion":"authorization.k8s.io/v1",)",
                R"("spec":{"resourceAttributes":{)", attributes, "}}}");
}

absl::StatusOr<bool> ParseAccessReview(std::string_view json) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(json.data(), json.size()).get(root) != simdjson::SUCCESS) {
    return Malformed("it is not JSON");
  }
  std::string_view kind;
  if (root["kind"].get_string().get(kind) != simdjson::SUCCESS || kind != kKind) {
    return Malformed(StrCat("its kind is ", Quoted(kind)));
  }
  bool allowed = false;
  if (root["status"]["allowed"].get_bool().get(allowed) != simdjson::SUCCESS) {
    return Malformed("there is no status.allowed");
  }
  return allowed;
}

}  // namespace weir
