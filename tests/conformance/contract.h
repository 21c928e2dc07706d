// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
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
#include "tests/support/contract_server.h"
#include "tests/support/test_client.h"
#include "tests/support/weir_under_test.h"

namespace weir {

// Who is asked, for what, in which encoding.
struct ContractParam {
  std::string name;
  int workers = 0;  // 0: the API server itself, so that the tests test the fake, too.
  std::string plural = "configmaps";
  Representation representation = Representation::kJson;
  bool real = false;
};
inline void PrintTo(const ContractParam& param, std::ostream* out) { *out << param.name; }

// What the API server promises to those who list and watch, asked of an API server directly and of
// Weir in front of it: a client must not be able to tell. Every case runs at the fake API server
// and, where there is one, at a real one, to which no case may do what a client cannot.
class WatchContractTest : public testing::TestWithParam<ContractParam> {
 protected:
  WatchContractTest() : server_(GetParam().real) {
    if (GetParam().workers > 0) {
      weir_ = std::make_unique<WeirUnderTest>(WeirOptions{
          .workers = GetParam().workers,
          .token = server_.target().token,
          .target = server_.target(),
      });
    }
    client_ = NewClient();
    direct_ = NewDirectClient();
  }

  TestClientOptions DirectOptions(ContractUser user = ContractUser::kOwner) {
    return server_.client_options(user);
  }
  TestClientOptions Options(ContractUser user = ContractUser::kOwner) {
    TestClientOptions options = DirectOptions(user);
    if (weir_ == nullptr) return options;
    options.host = weir_->client_options().host;
    options.port = weir_->port();
    options.ca_pem = weir_->ca_pem();
    return options;
  }
  std::unique_ptr<TestClient> NewClient(ContractUser user = ContractUser::kOwner) {
    return std::make_unique<TestClient>(Options(user));
  }
  std::unique_ptr<TestClient> NewDirectClient(ContractUser user = ContractUser::kOwner) {
    return std::make_unique<TestClient>(DirectOptions(user));
  }
  std::unique_ptr<TestClient> NewClientWithToken(const std::string& token) {
    TestClientOptions options = Options();
    options.token = token;
    return std::make_unique<TestClient>(options);
  }

  const std::string& plural() const { return GetParam().plural; }
  bool through_weir() const { return weir_ != nullptr; }
  bool custom() const { return plural() == "foos"; }

  // "/api/v1/namespaces/ns/configmaps", of all namespaces without one.
  std::string Path(std::string_view namespace_name = {}) const {
    return ContractPath(plural(), namespace_name);
  }
  std::string Url(std::string_view query, std::string_view namespace_name = {}) const {
    return StrCat(Path(namespace_name), "?", query);
  }
  TestHeaders Accepting() const { return Accept(GetParam().representation); }
  // What a client sends to make an object, or to change it.
  std::string Body(std::string_view name, const std::map<std::string, std::string>& data = {},
                   const std::map<std::string, std::string>& labels = {}) const {
    return WithKind(plural(), ConfigMapBody(name, data, labels));
  }

  // The API server's side.
  uint64_t Create(std::string_view namespace_name, std::string_view name,
                  const std::map<std::string, std::string>& labels = {}) {
    return server_.Create(plural(), namespace_name, ConfigMapBody(name, {{"v", "0"}}, labels));
  }
  // `value` as it stands in JSON.
  uint64_t Set(std::string_view namespace_name, std::string_view name, std::string_view value) {
    return server_.Patch(plural(), namespace_name, name,
                         StrCat(R"({"data":{"v":")", value, "\"}}"));
  }
  uint64_t Label(std::string_view namespace_name, std::string_view name, std::string_view key,
                 std::string_view value) {
    const std::string quoted = value.empty() ? "null" : JsonString(value);
    return server_.Patch(plural(), namespace_name, name,
                         StrCat(R"({"metadata":{"labels":{")", key, R"(":)", quoted, "}}}"));
  }
  uint64_t Delete(std::string_view namespace_name, std::string_view name) {
    return server_.Delete(plural(), namespace_name, name);
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
    std::map<std::string, ResourceVersion> newest;  // By namespace/resource.
    ASSERT_TRUE(WaitFor([this, &newest] {
      server_.SendBookmarks();
      const ResourceVersion version(server_.real() ? 0 : server_.version());
      for (const CacheRow& row : weir_->Caches()) {
        if (row.state != "synced") continue;
        if (row.version < (server_.real() ? Mark(row.key, newest) : version)) return false;
      }
      return true;
    })) << "a cache does not reach the API server's version";
  }
  // A version that a cache hears of although a real server's bookmarks are a minute apart: that of
  // the deletion of an object made for it. Clients of tests do not see such objects.
  ResourceVersion Mark(const CacheKey& key, std::map<std::string, ResourceVersion>& newest) {
    // There is nothing to make for it that would not be in the way.
    if (!key.field_selector.empty()) return ResourceVersion(0);
    const std::string& plural = key.resource.resource;
    const std::string namespace_name = plural == "nodes"            ? ""
                                       : key.namespace_name.empty() ? "default"
                                                                    : key.namespace_name;
    const auto [made, first] = newest.emplace(StrCat(namespace_name, "/", plural), 0);
    if (first) {
      server_.Create(plural, namespace_name,
                     ConfigMapBody(ContractServer::kMarker, {}, {{"app", "x"}}));
      made->second =
          ResourceVersion(server_.Delete(plural, namespace_name, ContractServer::kMarker));
    }
    return made->second;
  }

  // "default/a" of each item, in order.
  std::vector<std::string> Keys(const TestResponse& response) {
    std::vector<std::string> keys;
    for (const ObjectPtr& item : Decode(response).items) {
      if (ContractServer::Hides(item->namespace_name(), item->name())) continue;
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
    TestResponse want, got;
    // A real server's cache hears of other resources' versions when it likes: then its lists are
    // of a later version than Weir's.
    for (int tries = server_.real() && method == "GET" ? 5 : 1; tries > 0; --tries) {
      want = direct.Send(method, target, body, headers);
      got = client.Send(method, target, body, headers);
      if (got.body == want.body) break;
      if (tries > 1) CatchUp();
    }
    EXPECT_TRUE(got.failure.ok()) << got.failure;
    EXPECT_EQ(got.status, want.status);
    EXPECT_EQ(got.body, want.body);
    for (const char* name : {"Content-Type", "Retry-After", "Cache-Control"}) {
      EXPECT_EQ(got.headers.Get(name), want.headers.Get(name)) << name;
    }
  }
  // A watch sends what the API server's own does up to `version`, byte for byte, but for bookmarks:
  // a minimal object is legal, and they come when they come.
  void ExpectSameEvents(std::string_view target, const TestHeaders& headers, uint64_t version) {
    SCOPED_TRACE(target);
    const auto watch = client_->Watch(target, headers);
    const auto direct = direct_->Watch(target, headers);
    EXPECT_EQ(watch->status(), direct->status());
    EXPECT_EQ(watch->Header("Content-Type"), direct->Header("Content-Type"));
    EXPECT_EQ(Frames(WithoutBookmarks(watch->UntilVersion(version))),
              Frames(WithoutBookmarks(direct->UntilVersion(version))));
  }
  // The same of a stream's initial events, up to the bookmark that ends them.
  void ExpectSameInitialEvents(std::string_view target, const TestHeaders& headers) {
    SCOPED_TRACE(target);
    const auto events = client_->Watch(target, headers)->UntilInitialEnd();
    const auto want = direct_->Watch(target, headers)->UntilInitialEnd();
    ASSERT_FALSE(events.empty());
    EXPECT_TRUE(events.back().initial_events_end);
    EXPECT_EQ(Frames(WithoutBookmarks(events)), Frames(WithoutBookmarks(want)));
  }
  static std::vector<TestEvent> WithoutBookmarks(const std::vector<TestEvent>& events) {
    std::vector<TestEvent> rest;
    for (const TestEvent& event : events) {
      if (event.type != "BOOKMARK") rest.push_back(event);
    }
    return rest;
  }
  // An error, in JSON, word for word; and the same as the API server's own.
  void ExpectError(std::string_view target, int code, std::string_view message) {
    SCOPED_TRACE(target);
    const TestHeaders json = Accept(Representation::kJson);
    const TestResponse got = client_->Get(target, json);
    EXPECT_EQ(got.status, code);
    EXPECT_THAT(got.body, testing::HasSubstr(StrCat(R"("message":)", JsonString(message), ",")));
    ExpectSameAnswer("GET", target, Accepting());
  }

  // How many `verb`s Weir has answered from its cache; always right without Weir.
  void ExpectFromCache(std::string_view verb, double count = 1) {
    if (through_weir()) {
      EXPECT_THAT(weir_->FromCache(verb), Counted(count)) << "watches or lists from the cache";
    }
  }
  // At a real server a comparison may have been repeated.
  testing::Matcher<double> Counted(double count) const {
    return server_.real() ? testing::Matcher<double>(testing::Ge(count))
                          : testing::Matcher<double>(testing::Eq(count));
  }
  void ExpectForwarded(std::string_view reason, double count = 1) {
    if (through_weir()) {
      EXPECT_THAT(weir_->Forwarded(reason), Counted(count)) << reason;
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

  ContractServer server_;
  std::unique_ptr<WeirUnderTest> weir_;
  std::unique_ptr<TestClient> client_, direct_;
};

// Cases that have the API server misbehave, forget or lag as only the fake one does when told to.
class FakeServerContractTest : public WatchContractTest {
 protected:
  FakeApiServer& fake() { return server_.fake(); }
};

}  // namespace weir
