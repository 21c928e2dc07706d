// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bare_content.h"

#include <algorithm>
#include <charconv>

namespace weir::bench {
namespace {

constexpr std::string_view kReviewPath = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
constexpr std::string_view kAccessPath = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
constexpr std::string_view kListPath = "/api/v1/configmaps";
constexpr std::string_view kAllowed =
    R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1",)"
    R"("metadata":{},"spec":{},"status":{"allowed":true}})";
constexpr std::string_view kBigPath = "/big/";
constexpr size_t kMiB = 1 << 20;
constexpr uint64_t kMaxBigMiB = 1 << 20;

// The value of a query's parameter, or "".
std::string_view Parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const size_t equals = pair.find('=');
    if (equals != std::string_view::npos && pair.substr(0, equals) == name) {
      return pair.substr(equals + 1);
    }
  }
  return "";
}

// 0 if it is no number.
uint64_t Number(std::string_view text) {
  uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// Text as configuration has it, with a few characters that JSON escapes.
std::string Payload(size_t bytes, size_t seed) {
  std::string text;
  for (size_t line = seed; text.size() < bytes; ++line) {
    text += "key-" + std::to_string(line * 7919 % 100003) + ": \\\"value\\\" of it\\n";
  }
  text.resize(bytes);
  // Not in the middle of an escape.
  if (const size_t last = text.find_last_not_of('\\'); last + 1 < bytes) text[bytes - 1] = '.';
  return text;
}

// The inside of a ConfigMap's braces as an item of a list, `bytes` long with the braces.
std::string ObjectMembers(size_t index, size_t bytes) {
  const std::string number = std::to_string(index);
  const std::string name = "object-" + std::string(8 - std::min<size_t>(8, number.size()), '0');
  std::string members =
      R"("metadata":{"name":")" + name + number + R"(","namespace":"bench-)" +
      std::to_string(index % 10) + R"(","uid":"0d4c8d2e-4b0e-4f2b-9f54-)" +
      std::string(12 - std::min<size_t>(12, number.size()), '0') + number +
      R"(","resourceVersion":")" + std::to_string(1000 + index) +
      R"(","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"bench"}},"data":{"file":")";
  constexpr std::string_view kEnd = R"("})";
  const size_t rest = members.size() + kEnd.size() + 2;
  members += Payload(std::max(bytes, rest + 1) - rest, index);
  members += kEnd;
  return members;
}

std::string Alone(const std::string& members) {
  return R"({"kind":"ConfigMap","apiVersion":"v1",)" + members + "}";
}

}  // namespace

BareContent::BareContent(size_t objects, size_t object_bytes)
    : review_(
          R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","metadata":{},)"
          R"("status":{"userInfo":{"username":"bench","uid":"1","groups":["g"]}}})") {
  object_ = Alone(ObjectMembers(0, object_bytes));
  const std::string version = std::to_string(1000 + objects);
  list_.reserve(objects * (object_bytes + 1) + 200);
  initial_events_.reserve(objects * (object_bytes + 80) + 300);
  list_ = R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":")" + version +
          R"("},"items":[)";
  // By namespace and name, as a real list is.
  for (size_t space = 0; space < 10; ++space) {
    for (size_t index = space; index < objects; index += 10) {
      const std::string members = ObjectMembers(index, object_bytes);
      if (list_.back() == '}') list_ += ',';
      list_ += "{" + members + "}";
      initial_events_ += R"({"type":"ADDED","object":)" + Alone(members) + "}\n";
    }
  }
  list_ += "]}\n";
  first_page_ = R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":")" +
                version + R"("},"items":[]})";
  initial_events_ +=
      R"({"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{)"
      R"("resourceVersion":")" +
      version +
      R"(","creationTimestamp":null,"annotations":{"k8s.io/initial-events-end":"true"}}}})"
      "\n";
  filler_ = Payload(kMiB, 0);
}

BareAnswer BareContent::Answer(std::string_view method, std::string_view target) const {
  const size_t mark = target.find('?');
  const std::string_view path = target.substr(0, mark);
  const std::string_view query = mark == std::string_view::npos ? "" : target.substr(mark + 1);
  if (method == "POST" && path == kReviewPath) return {.status = 201, .data = review_};
  if (method == "POST" && path == kAccessPath) return {.status = 201, .data = kAllowed};
  if (path.starts_with(kBigPath)) {
    const uint64_t size = Number(path.substr(kBigPath.size()));
    return {.data = filler_, .repeats = std::clamp<uint64_t>(size, 1, kMaxBigMiB)};
  }
  if (path != kListPath) return {.data = object_};
  const std::string_view watch = Parameter(query, "watch");
  if (watch == "1" || watch == "true") return AnswerWatch(query);
  if (!Parameter(query, "limit").empty() && Parameter(query, "resourceVersion").empty()) {
    return {.data = first_page_};
  }
  return {.data = list_};
}

BareAnswer BareContent::AnswerWatch(std::string_view query) const {
  BareAnswer answer;
  answer.stays_open = true;
  answer.seconds = static_cast<int64_t>(Number(Parameter(query, "timeoutSeconds")));
  if (Parameter(query, "sendInitialEvents") == "true") answer.data = initial_events_;
  return answer;
}

}  // namespace weir::bench
