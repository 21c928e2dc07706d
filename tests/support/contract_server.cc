// SPDX-License-Identifier: Apache-2.0
#include "tests/support/contract_server.h"

#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include <nlohmann/json.hpp>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/server/kubeconfig.h"

namespace weir {
namespace {

// The resources that cases use.
struct Kind {
  std::string_view plural, kind, api_version;
  bool watch_cache = true;  // What a real server answers "0" from.
};
constexpr Kind kKinds[] = {
    {"configmaps", "ConfigMap", "v1"},
    {"foos", "Foo", "example.com/v1"},
    {"secrets", "Secret", "v1"},
    {"pods", "Pod", "v1"},
    {"nodes", "Node", "v1"},
    {"events", "Event", "v1", false},
    {"leases", "Lease", "coordination.k8s.io/v1"},
};

const Kind& KindOf(std::string_view plural) {
  for (const Kind& kind : kKinds) {
    if (kind.plural == plural) return kind;
  }
  WEIR_CHECK(false);
}

constexpr std::pair<ContractUser, const char*> kUsers[] = {
    {ContractUser::kOwner, "owner"},
    {ContractUser::kOwnerAgain, "owner-again"},
    {ContractUser::kOther, "other"},
    {ContractUser::kNobody, "nobody"}};

void AddUsers(FakeApiState& state) {
  state.users["owner-again-token"] = state.users["owner-token"];
  state.users["nobody-token"] = {.username = "nobody", .uid = "uid-of-nobody"};
  state.denied.emplace("nobody", "", "");
}

// What a case needs done must succeed.
const TestResponse& Must(const TestResponse& response, int status) {
  if (response.status == status) return response;
  std::cerr << "the API server answers " << response.status << ": " << response.body << "\n"
            << response.failure << "\n";
  WEIR_CHECK(false);
}

nlohmann::json Parsed(const TestResponse& response) {
  return nlohmann::json::parse(response.body, nullptr, false);
}

}  // namespace

std::string ContractPath(std::string_view plural, std::string_view namespace_name) {
  const std::string_view version = KindOf(plural).api_version;
  const std::string root =
      StrCat(version.find('/') == std::string_view::npos ? "/api/" : "/apis/", version);
  if (namespace_name.empty()) return StrCat(root, "/", plural);
  return StrCat(root, "/namespaces/", namespace_name, "/", plural);
}

std::string WithKind(std::string_view plural, std::string_view body) {
  const Kind& kind = KindOf(plural);
  return StrCat(R"({"kind":")", kind.kind, R"(","apiVersion":")", kind.api_version, "\",",
                body.substr(1));
}

uint64_t VersionOf(const TestResponse& response) {
  const nlohmann::json object = Parsed(response);
  if (!object.is_object()) return 0;
  const std::string version = object.value("/metadata/resourceVersion"_json_pointer, std::string());
  return ParseUint64(version).value_or(0);
}

std::string ContractServer::RealKubeconfig() {
  const char* path = std::getenv("WEIR_CONFORMANCE_KUBECONFIG");
  return path == nullptr ? "" : path;
}

ContractServer::ContractServer(bool real) {
  if (!real) {
    fake_ = std::make_unique<FakeApiServer>();
    fake_->With([](FakeApiState& state) { AddUsers(state); });
  }
  for (const auto& [user, name] : kUsers) {
    if (real) {
      targets_[user] = LoadKubeconfig(RealKubeconfig(), name).value().target;
    } else {
      UpstreamTarget& target = targets_[user];
      target.host = fake_->host();
      target.port = fake_->port();
      target.ca_pem = fake_->ca_pem();
      target.ca_source = "the fake API server";
      target.token = StrCat(name, "-token");
    }
  }
  if (!real) return;
  TestClientOptions options = client_options();
  options.hides = nullptr;
  client_ = std::make_unique<TestClient>(std::move(options));
  RemoveObjects();
}

ContractServer::~ContractServer() = default;

UpstreamTarget ContractServer::target(ContractUser user) const { return targets_.at(user); }

TestClientOptions ContractServer::client_options(ContractUser user) const {
  const UpstreamTarget& target = targets_.at(user);
  return {.host = target.host,
          .port = target.port,
          .ca_pem = target.ca_pem,
          .token = target.token,
          .hides = [](const TestEvent& event) { return Hides(event.namespace_name, event.name); }};
}

bool ContractServer::Hides(std::string_view namespace_name, std::string_view name) {
  return namespace_name == "kube-system" || name == kMarker || name == "kube-root-ca.crt";
}

uint64_t ContractServer::Create(std::string_view plural, std::string_view namespace_name,
                                std::string_view body) {
  if (fake_ != nullptr) return fake_->Create(plural, namespace_name, body)->version;
  NeedNamespace(namespace_name);
  const TestResponse created =
      Send("POST", ContractPath(plural, namespace_name), WithKind(plural, body));
  Must(created, 201);
  WaitForCache(plural, VersionOf(created));
  return VersionOf(created);
}

uint64_t ContractServer::Patch(std::string_view plural, std::string_view namespace_name,
                               std::string_view name, std::string_view patch) {
  if (fake_ != nullptr) return fake_->Patch(plural, namespace_name, name, patch)->version;
  const TestResponse patched =
      Send("PATCH", StrCat(ContractPath(plural, namespace_name), "/", name), patch,
           "application/merge-patch+json");
  Must(patched, 200);
  WaitForCache(plural, VersionOf(patched));
  return VersionOf(patched);
}

uint64_t ContractServer::Delete(std::string_view plural, std::string_view namespace_name,
                                std::string_view name) {
  if (fake_ != nullptr) {
    fake_->Delete(plural, namespace_name, name);
    return fake_->version();
  }
  // Only the event of a deletion tells its version.
  const std::string collection = ContractPath(plural, namespace_name);
  const uint64_t before = VersionOf(Send("GET", StrCat(collection, "/", name)));
  const auto watch = client_->Watch(StrCat(collection, "?watch=1&fieldSelector=metadata.name%3D",
                                           name, "&resourceVersion=", before));
  Must(Send("DELETE", StrCat(collection, "/", name)), 200);
  const auto event = watch->Next();
  WEIR_CHECK(event.has_value());
  WaitForCache(plural, event->version);
  return event->version;
}

uint64_t ContractServer::version() {
  if (fake_ != nullptr) return fake_->version();
  // A write tells at once; a consistent list waits for a watch cache to be told.
  const std::string target =
      "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/weir-contract";
  const std::string patch = StrCat(
      R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"weir-contract",)"
      R"("annotations":)",
      R"({"written":")", absl::ToUnixNanos(absl::Now()), "\"}}}");
  const TestResponse written = Send("PATCH", target + "?fieldManager=weir&force=true", patch,
                                    "application/apply-patch+yaml");
  WEIR_CHECK(written.status == 200 || Must(written, 201).status == 201);
  return VersionOf(written);
}

void ContractServer::SendBookmarks() {
  if (fake_ != nullptr) fake_->SendBookmarks();
}

void ContractServer::NeedNamespace(std::string_view name) {
  if (fake_ != nullptr || name.empty()) return;
  static std::set<std::string, std::less<>>* const made = new std::set<std::string, std::less<>>();
  if (!made->emplace(name).second) return;
  const TestResponse created =
      Send("POST", "/api/v1/namespaces",
           StrCat(R"({"kind":"Namespace","apiVersion":"v1","metadata":{"name":")", name, "\"}}"));
  if (created.status != 409) Must(created, 201);
}

TestResponse ContractServer::Send(std::string_view method, std::string_view target,
                                  std::string_view body, std::string_view type) {
  TestHeaders headers = {{"Accept", "application/json"}};
  if (!body.empty()) headers.emplace_back("Content-Type", type);
  return client_->Send(method, target, body, headers);
}

// A list that is not older than a version waits for the watch cache; it needs no objects for that.
void ContractServer::WaitForCache(std::string_view plural, uint64_t version) {
  if (!KindOf(plural).watch_cache) return;
  const TestResponse list =
      Send("GET", StrCat(ContractPath(plural),
                         "?fieldSelector=metadata.name%3Dnone&resourceVersion=", version));
  Must(list, 200);
}

void ContractServer::RemoveObjects() {
  // Asked at once: each waits for its watch cache to be told that nothing is newer.
  std::vector<std::unique_ptr<TestWatch>> lists;
  for (const Kind& kind : kKinds) {
    lists.push_back(client_->Open(
        client_->HeadOf("GET", ContractPath(kind.plural), {{"Accept", "application/json"}})));
  }
  for (size_t i = 0; i < lists.size(); ++i) {
    WEIR_CHECK(lists[i]->WaitForEnd() == TestWatch::State::kEnded && lists[i]->status() == 200);
    RemoveObjects(kKinds[i].plural, lists[i]->Body());
  }
}

void ContractServer::RemoveObjects(std::string_view plural, const std::string& list_body) {
  const nlohmann::json list = nlohmann::json::parse(list_body, nullptr, false);
  std::vector<std::pair<std::string, std::string>> objects;
  for (const nlohmann::json& item : list.at("items")) {
    const nlohmann::json& metadata = item.at("metadata");
    const std::string namespace_name = metadata.value("namespace", "");
    const std::string name = metadata.at("name");
    if (namespace_name == "kube-system" || name == "kube-root-ca.crt") continue;
    if (metadata.contains("finalizers")) {
      Patch(plural, namespace_name, name, R"({"metadata":{"finalizers":null}})");
      if (metadata.contains("deletionTimestamp")) continue;
    }
    objects.emplace_back(namespace_name, name);
  }
  for (const auto& [namespace_name, name] : objects) {
    Send("DELETE", StrCat(ContractPath(plural, namespace_name), "/", name));
  }
  if (!objects.empty()) WaitForCache(plural, version());
}

}  // namespace weir
