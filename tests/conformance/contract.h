// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/kube/list_options.h"
#include "tests/support/fake_api_server.h"
#include "tests/support/test_client.h"
#include "tests/support/weir_under_test.h"

namespace weir {

// Who is asked, for what, in which encoding.
struct ContractParam {
  std::string name;
  int workers = 0;  // 0: the fake API server itself, so that the tests test it, too.
  std::string plural = "configmaps";
  Representation representation = Representation::kJson;
};
inline void PrintTo(const ContractParam& param, std::ostream* out) { *out << param.name; }

// What the API server promises to those who list and watch, asked of the fake API server directly
// and of Weir in front of it: a client must not be able to tell.
class WatchContractTest : public testing::TestWithParam<ContractParam> {
 protected:
  WatchContractTest() {
    if (GetParam().workers > 0) {
      weir_ = std::make_unique<WeirUnderTest>(server_, WeirOptions{.workers = GetParam().workers});
    }
    client_ = NewClient();
    direct_ = std::make_unique<TestClient>(DirectOptions());
  }

  TestClientOptions DirectOptions() {
    return {.host = server_.host(), .port = server_.port(), .ca_pem = server_.ca_pem()};
  }
  TestClientOptions Options() { return weir_ ? weir_->client_options() : DirectOptions(); }
  std::unique_ptr<TestClient> NewClient() { return std::make_unique<TestClient>(Options()); }
  std::unique_ptr<TestClient> NewClientWithToken(const std::string& token) {
    TestClientOptions options = Options();
    options.token = token;
    return std::make_unique<TestClient>(options);
  }

  const std::string& plural() const { return GetParam().plural; }
  bool through_weir() const { return weir_ != nullptr; }

  // "/api/v1/namespaces/ns/configmaps", of all namespaces without one.
  std::string Path(std::string_view namespace_name = {}) const {
    const std::string root = plural() == "foos" ? "/apis/example.com/v1" : "/api/v1";
    if (namespace_name.empty()) return StrCat(root, "/", plural());
    return StrCat(root, "/namespaces/", namespace_name, "/", plural());
  }
  std::string Url(std::string_view query, std::string_view namespace_name = {}) const {
    return StrCat(Path(namespace_name), "?", query);
  }
  TestHeaders Accepting() const { return Accept(GetParam().representation); }

  // The API server's side.
  uint64_t Create(std::string_view namespace_name, std::string_view name,
                  const std::map<std::string, std::string>& labels = {}) {
    return server_.Create(plural(), namespace_name, ConfigMapBody(name, {{"v", "0"}}, labels))
        ->version;
  }
  uint64_t Set(std::string_view namespace_name, std::string_view name, std::string_view value) {
    return server_
        .Patch(plural(), namespace_name, name, StrCat(R"({"data":{"v":")", value, "\"}}"))
        ->version;
  }
  uint64_t Label(std::string_view namespace_name, std::string_view name, std::string_view key,
                 std::string_view value) {
    const std::string quoted = value.empty() ? "null" : JsonString(value);
    return server_
        .Patch(plural(), namespace_name, name,
               StrCat(R"({"metadata":{"labels":{")", key, R"(":)", quoted, "}}}"))
        ->version;
  }
  uint64_t Delete(std::string_view namespace_name, std::string_view name) {
    server_.Delete(plural(), namespace_name, name);
    return server_.version();
  }

  // The client's side.
  TestResponse List(std::string_view query, std::string_view namespace_name = {}) {
    return client_->Get(Url(query, namespace_name), Accepting());
  }
  std::unique_ptr<TestWatch> Watch(std::string_view query, std::string_view namespace_name = {}) {
    return client_->Watch(Url(StrCat("watch=true&", query), namespace_name), Accepting());
  }
  std::unique_ptr<TestWatch> WatchDirectly(std::string_view query,
                                           std::string_view namespace_name = {}) {
    return direct_->Watch(Url(StrCat("watch=true&", query), namespace_name), Accepting());
  }
  static constexpr std::string_view kStreamList =
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";

  // Has Weir cache what `query` asks for (a list at "0"), and waits until every cache has heard
  // of the API server's newest version.
  void Warm(std::string_view query = "resourceVersion=0", std::string_view namespace_name = {}) {
    if (!through_weir()) return;
    ASSERT_EQ(List(query, namespace_name).status, 200);
    CatchUp();
  }
  void CatchUp() {
    if (!through_weir()) return;
    ASSERT_TRUE(WaitFor([this] {
      server_.SendBookmarks();
      const ResourceVersion newest(server_.version());
      for (const CacheRow& row : weir_->Caches()) {
        if (row.state == "synced" && row.version < newest) return false;
      }
      return true;
    })) << "a cache does not reach the API server's version";
  }

  // "default/a" of each item, in order.
  std::vector<std::string> Keys(const TestResponse& response) {
    std::vector<std::string> keys;
    for (const ObjectPtr& item : Decode(response).items) {
      keys.push_back(item->namespace_name().empty()
                         ? std::string(item->name())
                         : StrCat(item->namespace_name(), "/", item->name()));
    }
    return keys;
  }
  struct Decoded {
    std::vector<ObjectPtr> items;
    uint64_t version = 0;
    std::string continue_token;
  };
  Decoded Decode(const TestResponse& response) {
    Decoded decoded;
    const auto representation = RepresentationOf(response.headers.Get("content-type"));
    ListDecoder decoder(representation.value_or(Representation::kJson));
    const absl::Status read = decoder.Decode(response.body, decoded.items);
    EXPECT_TRUE(read.ok()) << read << "\n" << response.body;
    const absl::Status finished = read.ok() ? decoder.Finish() : read;
    EXPECT_TRUE(finished.ok()) << finished << "\n" << response.body;
    if (!finished.ok()) return {};
    decoded.version = ParseUint64(decoder.version().ToString()).value_or(0);
    decoded.continue_token = decoder.continue_token();
    return decoded;
  }

  // Status, content type and body are those of the API server's own answer.
  void ExpectSameAnswer(std::string_view method, std::string_view target,
                        const TestHeaders& headers, std::string_view body = {}) {
    ExpectSameAnswer(*client_, *direct_, method, target, headers, body);
  }
  void ExpectSameAnswer(TestClient& client, TestClient& direct, std::string_view method,
                        std::string_view target, const TestHeaders& headers,
                        std::string_view body = {}) {
    const TestResponse want = direct.Send(method, target, body, headers);
    const TestResponse got = client.Send(method, target, body, headers);
    EXPECT_TRUE(got.failure.ok()) << got.failure;
    EXPECT_EQ(got.status, want.status);
    EXPECT_EQ(got.body, want.body);
    for (const char* name : {"Content-Type", "Retry-After", "Cache-Control"}) {
      EXPECT_EQ(got.headers.Get(name), want.headers.Get(name)) << name;
    }
  }

  // How many `verb`s Weir has answered from its cache; always right without Weir.
  void ExpectFromCache(std::string_view verb, double count = 1) {
    if (through_weir()) {
      EXPECT_EQ(weir_->FromCache(verb), count) << "watches or lists from the cache";
    }
  }
  void ExpectForwarded(std::string_view reason, double count = 1) {
    if (through_weir()) {
      EXPECT_EQ(weir_->Forwarded(reason), count) << reason;
    }
  }

  static std::vector<std::string> Strings(const std::vector<TestEvent>& events) {
    std::vector<std::string> strings;
    for (const TestEvent& event : events) strings.push_back(event.ToString());
    return strings;
  }
  static std::string Frames(const std::vector<TestEvent>& events) {
    std::string frames;
    for (const TestEvent& event : events) frames += event.frame;
    return frames;
  }

  FakeApiServer server_;
  std::unique_ptr<WeirUnderTest> weir_;
  std::unique_ptr<TestClient> client_, direct_;
};

}  // namespace weir
