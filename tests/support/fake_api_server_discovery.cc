// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server_discovery.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <nlohmann/json.hpp>

#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kVersion =
    R"({"major":"1","minor":"34","gitVersion":"v1.34.0+fake","platform":"linux/amd64"})"
    "\n";

std::string ResourceList(const FakeApiState& state, std::string_view api_version) {
  std::string resources;
  for (const FakeKind* kind : state.store.kinds()) {
    if (kind->api_version() != api_version) continue;
    StrAppend(resources, resources.empty() ? "" : ",", R"({"name":")", kind->resource.resource,
              R"(","singularName":")", Lower(kind->kind), R"(","namespaced":)",
              kind->namespaced ? "true" : "false", R"(,"kind":")", kind->kind,
              R"(","verbs":["create","delete","deletecollection","get","list","patch","update",)"
              R"("watch"]})");
  }
  return StrCat(R"({"kind":"APIResourceList","apiVersion":"v1","groupVersion":")", api_version,
                R"(","resources":[)", resources, "]}\n");
}

std::set<std::string> Groups(const FakeApiState& state) {
  std::set<std::string> groups;
  for (const FakeKind* kind : state.store.kinds()) {
    if (!kind->resource.group.empty()) groups.insert(kind->resource.group);
  }
  return groups;
}

std::string GroupList(const FakeApiState& state) {
  std::string groups;
  for (const std::string& group : Groups(state)) {
    const std::string version = StrCat(R"({"groupVersion":")", group, R"(/v1","version":"v1"})");
    StrAppend(groups, groups.empty() ? "" : ",", R"({"name":")", group, R"(","versions":[)",
              version, R"(],"preferredVersion":)", version, "}");
  }
  return StrCat(R"({"kind":"APIGroupList","apiVersion":"v1","groups":[)", groups, "]}\n");
}

// The counters of a real server, by their names there.
std::string Metrics(const FakeApiState& state) {
  std::map<std::pair<std::string, std::string>, uint64_t> sums;
  for (const auto& [request, count] : state.counts) {
    std::string verb = std::get<0>(request);
    std::transform(verb.begin(), verb.end(), verb.begin(),
                   [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    sums[{verb, std::get<1>(request)}] += count;
  }
  std::string text = "# TYPE apiserver_request_total counter\n";
  for (const auto& [request, count] : sums) {
    StrAppend(text, "apiserver_request_total{resource=", JsonString(request.second),
              ",verb=", JsonString(request.first), "} ", count, "\n");
  }
  return text;
}

}  // namespace

std::optional<FakeDocument> AnswerNonResource(const FakeApiState& state, std::string_view method,
                                              std::string_view path) {
  constexpr std::string_view kJson = "application/json";
  if (method != "GET" && method != "HEAD") return std::nullopt;
  if (path == "/version") return FakeDocument{kJson, std::string(kVersion)};
  if (path == "/healthz" || path == "/livez" || path == "/readyz") {
    return FakeDocument{"text/plain; charset=utf-8", "ok"};
  }
  if (path == "/metrics") return FakeDocument{"text/plain; version=0.0.4", Metrics(state)};
  if (path == "/api") {
    return FakeDocument{kJson, "{\"kind\":\"APIVersions\",\"versions\":[\"v1\"]}\n"};
  }
  if (path == "/apis") return FakeDocument{kJson, GroupList(state)};
  if (path == "/api/v1") return FakeDocument{kJson, ResourceList(state, "v1")};
  for (const std::string& group : Groups(state)) {
    if (path == StrCat("/apis/", group, "/v1")) {
      return FakeDocument{kJson, ResourceList(state, StrCat(group, "/v1"))};
    }
  }
  return std::nullopt;
}

std::string SelfSubjectReviewJson(const FakeUser& user) {
  std::string groups;
  for (const std::string& group : user.groups) {
    StrAppend(groups, groups.empty() ? "" : ",", JsonString(group));
  }
  return StrCat(R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1",)",
                R"("metadata":{"creationTimestamp":"2025-01-01T00:00:00Z"},"status":{"userInfo":)",
                R"({"username":)", JsonString(user.username), R"(,"uid":)", JsonString(user.uid),
                R"(,"groups":[)", groups, R"(],"extra":{"pod":["a"]}}}})", "\n");
}

std::string SelfSubjectAccessReviewJson(const FakeApiState& state, const FakeUser& user,
                                        std::string_view body) {
  const nlohmann::json review = nlohmann::json::parse(body, nullptr, false);
  const nlohmann::json none = nlohmann::json::object();
  const auto member = [&none](const nlohmann::json& object, const char* key) -> const auto& {
    const auto found = object.find(key);
    return found != object.end() && found->is_object() ? *found : none;
  };
  const nlohmann::json& asked = member(member(review, "spec"), "resourceAttributes");
  const bool allowed = state.Allowed(user, asked.value("verb", ""), asked.value("resource", ""));
  return StrCat(R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1",)",
                R"("metadata":{"creationTimestamp":null},"spec":{"resourceAttributes":)",
                asked.dump(), R"(},"status":{"allowed":)", allowed ? "true" : "false", "}}\n");
}

std::string CountsJson(const FakeApiState& state) {
  std::string rows;
  for (const auto& [request, count] : state.counts) {
    const auto& [verb, resource, agent] = request;
    StrAppend(rows, rows.empty() ? "" : ",", "\n  {\"verb\":", JsonString(verb),
              ",\"resource\":", JsonString(resource), ",\"userAgent\":", JsonString(agent),
              ",\"count\":", count, "}");
  }
  return StrCat("{\"requests\":[", rows, "\n]}\n");
}

}  // namespace weir
