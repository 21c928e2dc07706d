// SPDX-License-Identifier: Apache-2.0
//
// Access that is taken away, servers that cannot be reached, and Weir's own end.
#include <set>

#include "proxy/net/certificate_authority.h"
#include "tests/integration/integration.h"
#include "tests/support/temp_dir.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class LifecycleIntegrationTest : public IntegrationTest {
 protected:
  // The names that a list out of memory has.
  std::set<std::string> Shown() {
    std::set<std::string> names;
    std::vector<ObjectPtr> items;
    const TestResponse list = client_->Get(kList);
    EXPECT_TRUE(ListDecoder(Representation::kJson).Decode(list.body, items).ok()) << list.body;
    for (const ObjectPtr& item : items) names.emplace(item->name());
    return names;
  }
};
INSTANTIATE_TEST_SUITE_P(Workers, LifecycleIntegrationTest, testing::Values(1, 3), WorkersName);

TEST_P(LifecycleIntegrationTest, DrainEndsWatchesCleanlyWithABookmark) {
  Create("a");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  const auto plain = client_->Watch("/api/v1/configmaps?watch=true&resourceVersion=0");
  WatchModel model;
  Follow(*watch, model);
  EXPECT_EQ(plain->Next()->name, "a");
  server_.Create("secrets", "default", ConfigMapBody("s"));
  CatchUp();
  EXPECT_TRUE(weir_->Drain());
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
  EXPECT_EQ(plain->WaitForEnd(), TestWatch::State::kEnded);
  while (const auto event = watch->Next()) model.Apply(*event);
  EXPECT_EQ(model.version(), server_.version());
}

// Its cache fills only after that.
TEST_P(LifecycleIntegrationTest, DrainEndsAWatchThatHasNotBegun) {
  Create("a");
  StartWeir();
  server_.Inject({.match = {.verb = "watch", .resource = "configmaps"},
                  .kind = FakeFault::Kind::kDelay,
                  .delay = absl::Milliseconds(500)});
  const auto watch = client_->Watch(kInformer);
  ASSERT_TRUE(
      WaitFor([this] { return server_.Count({.verb = "watch", .resource = "configmaps"}) > 0; }));
  EXPECT_TRUE(weir_->Drain());
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
}

TEST_P(LifecycleIntegrationTest, DrainEndsForwardedWatchesBetweenEvents) {
  StartWeir();
  server_.Create("secrets", "default", ConfigMapBody("s"));
  const auto watch = client_->Watch("/api/v1/secrets?watch=true&resourceVersion=0");
  EXPECT_EQ(watch->Next()->name, "s");
  EXPECT_TRUE(weir_->Drain());
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
}

TEST_P(LifecycleIntegrationTest, DrainWithoutConnectionsIsOverAtOnce) {
  StartWeir();
  EXPECT_TRUE(weir_->Drain());
}

TEST_P(LifecycleIntegrationTest, StopWithEverythingUnderWayIsClean) {
  const std::string filler(10'000, 'x');
  for (int i = 0; i < 50; ++i) Create(StrCat("o", i), filler);
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  const auto slow = client_->Watch(kInformer);
  slow->Pause();
  const auto list = client_->Watch(kList);
  server_.Inject({.match = {.verb = "get"}, .times = -1, .kind = FakeFault::Kind::kSilence});
  const auto forwarded = client_->Watch("/api/v1/namespaces/default/configmaps/o1");
  EXPECT_TRUE(watch->Next().has_value());
  weir_->Stop();
  EXPECT_NE(watch->WaitForEnd(), TestWatch::State::kOpen);
  EXPECT_NE(forwarded->WaitForEnd(), TestWatch::State::kOpen);
}

// A client that resumes after a crash of Weir loses nothing.
TEST_P(LifecycleIntegrationTest, WatchesResumeAfterARestartOfWeir) {
  Create("a");
  Create("b");
  StartWeir();
  auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
  for (int round = 0; round < 3; ++round) {
    watch.reset();
    client_.reset();
    weir_->Stop();
    Set("a", StrCat(round));
    Delete("b");
    Create("b");
    StartWeir();
    watch = client_->Watch(
        StrCat("/api/v1/configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=",
               model.version()));
    Follow(*watch, model);
  }
}

TEST_P(LifecycleIntegrationTest, LostAccessEndsTheWatchAndShowsTheRealAnswer) {
  Create("a");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  server_.Deny("owner", "", "configmaps");
  server_.EndWatches();
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
  const TestResponse denied = client_->Get(kList);
  EXPECT_EQ(denied.status, 403);
  EXPECT_THAT(denied.body, HasSubstr("cannot list resource \\\"configmaps\\\""));
  EXPECT_EQ(client_->Watch(kInformer)->status(), 403);
  // Given back, it is cached again before long.
  server_.AllowAll();
  const double before = weir_->FromCache("list");
  EXPECT_TRUE(WaitFor([&] {
    EXPECT_EQ(client_->Get(kList).status, 200);
    return weir_->FromCache("list") > before;
  }));
}

// The path of a Namespace looks as if it were in one.
TEST_P(LifecycleIntegrationTest, ANamespaceIsReadFromTheCacheOfAll) {
  server_.Create("namespaces", "", ConfigMapBody("a"));
  StartWeir();
  const auto watch = client_->Watch(
      "/api/v1/namespaces?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
      "&resourceVersionMatch=NotOlderThan");
  watch->UntilInitialEnd();
  constexpr std::string_view kOne = "/api/v1/namespaces/a?resourceVersion=0";
  // With several workers each connection's has to hear of the cache, and the right to get is asked.
  EXPECT_TRUE(WaitFor([&] {
    EXPECT_EQ(client_->Get(kOne).status, 200);
    return weir_->FromCache("get") > 0;
  }));
}

TEST_P(LifecycleIntegrationTest, RevokedTokenEndsTheWatchAndShowsTheRealAnswer) {
  Create("a");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  server_.With([](FakeApiState& state) { state.users.erase("owner-token"); });
  server_.CutConnections();
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
  EXPECT_EQ(client_->Get(kList).status, 401);
}

TEST_P(LifecycleIntegrationTest, ServerThatIsDownIsUnavailable) {
  server_.Stop();
  StartWeir();
  for (const std::string_view target : {kList, kInformer, std::string_view("/version")}) {
    const TestResponse answer = client_->Get(target);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(answer.headers.Get("Retry-After"), "1");
    EXPECT_EQ(answer.headers.Get("Content-Type"), "application/json");
    EXPECT_THAT(answer.body,
                AllOf(HasSubstr(R"("kind":"Status")"),
                      HasSubstr(R"("reason":"ServiceUnavailable")"), HasSubstr("refused")));
  }
  server_.Start();
  EXPECT_TRUE(WaitFor([this] {
    EXPECT_EQ(client_->Get(kList).status, 200);
    return weir_->FromCache("list") > 0;
  })) << "nothing is cached after the API server has come up";
}

TEST_P(LifecycleIntegrationTest, ServerThatGoesDownLeavesTheCacheReadable) {
  Create("a");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
  // To list is a right of its own, which only the API server can grant.
  EXPECT_EQ(client_->Get(kList).status, 200);
  server_.Stop();
  EXPECT_EQ(client_->Get(kList).status, 200);
  const auto from_zero = client_->Watch("/api/v1/configmaps?watch=true&resourceVersion=0");
  EXPECT_EQ(from_zero->Next()->name, "a");
  EXPECT_EQ(client_->Get("/api/v1/configmaps").status, 503);
  Create("b");
  server_.Start();
  Follow(*watch, model);
}

TEST_P(LifecycleIntegrationTest, CertificateOfAStrangerIsNamedInTheAnswer) {
  WeirOptions options;
  options.target.ca_pem = CertificateAuthority::Create()->certificate_pem();
  options.target.ca_source = "/etc/kubeconfig";
  StartWeir(options);
  const TestResponse answer = client_->Get("/version");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("certificate"), HasSubstr("/etc/kubeconfig")));
  EXPECT_EQ(client_->Get(kList).status, 503);
}

// The cluster's CA is rotated: what it signs from then on is trusted without a restart.
TEST_P(LifecycleIntegrationTest, ANewCaIsTrusted) {
  const TempDir directory;
  WeirOptions options;
  options.target.ca_pem = CertificateAuthority::Create()->certificate_pem();
  options.target.files.ca = directory.Write("ca.crt", options.target.ca_pem);
  StartWeir(options);
  EXPECT_EQ(client_->Get("/version").status, 503);
  directory.Write("ca.crt", server_.ca_pem());
  EXPECT_EQ(client_->Get("/version").status, 200);
  EXPECT_TRUE(WaitFor([this] { return client_->Get(kList).status == 200; }));
}

TEST_P(LifecycleIntegrationTest, CertificateForAnotherNameIsNamedInTheAnswer) {
  WeirOptions options;
  options.target.tls_server_name = "kubernetes.default.svc";
  StartWeir(options);
  const TestResponse answer = client_->Get("/version");
  EXPECT_EQ(answer.status, 503);
  EXPECT_THAT(answer.body, AllOf(HasSubstr("kubernetes.default.svc"), HasSubstr("127.0.0.1")));
}

TEST_P(LifecycleIntegrationTest, CacheThatDoesNotFillInTimeIsPassedBy) {
  Create("a");
  WeirOptions options;
  options.router.sync_timeout = absl::Milliseconds(100);
  StartWeir(options);
  server_.Inject(
      {.match = {.verb = "watch", .resource = "configmaps"}, .kind = FakeFault::Kind::kSilence});
  EXPECT_EQ(client_->Get(kList).status, 200);
  EXPECT_EQ(weir_->Forwarded("not_synced"), 1);
}

TEST_P(LifecycleIntegrationTest, ListThatCannotBeReadIsForwarded) {
  Create("a");
  StartWeir();
  server_.With([](FakeApiState& state) { state.stream_list = false; });
  server_.Inject({.match = {.verb = "list", .resource = "configmaps"},
                  .times = -1,
                  .kind = FakeFault::Kind::kBody,
                  .body = "{\"kind\":\"ConfigMapList\",\"items\":[{}]}"});
  WeirOptions options;
  const TestResponse answer = client_->Get(kList);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "{\"kind\":\"ConfigMapList\",\"items\":[{}]}");
  server_.ClearFaults();
  EXPECT_TRUE(WaitFor(
      [this] { return client_->Get(kList).status == 200 && weir_->FromCache("list") > 0; }));
}

// While the watch brings nothing, so that only the answers can tell.
TEST_P(LifecycleIntegrationTest, WhatAClientKnowsToBeGoneIsNotShownToIt) {
  server_.Create("configmaps", "default", R"({"metadata":{"name":"a","finalizers":["x.io/y"]}})");
  Create("b");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  watch->UntilInitialEnd();
  server_.Delete("configmaps", "default", "a");  // Marked.
  const uint64_t marked = server_.version();
  EXPECT_EQ(watch->Next()->version, marked);
  EXPECT_EQ(Shown(), (std::set<std::string>{"a", "b"}));
  server_.With([](FakeApiState& state) { state.watches_paused = true; });
  const TestResponse written = client_->Send("PATCH", "/api/v1/namespaces/default/configmaps/a",
                                             R"({"metadata":{"finalizers":null}})",
                                             {{"Content-Type", "application/merge-patch+json"}});
  EXPECT_EQ(written.status, 200);
  EXPECT_THAT(written.body, HasSubstr(StrCat("\"resourceVersion\":\"", marked, "\"")));
  EXPECT_EQ(Shown(), std::set<std::string>{"b"});
}

TEST_P(LifecycleIntegrationTest, WhatAClientWasToldIsNotThereIsNotShownToIt) {
  Create("a");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  watch->UntilInitialEnd();
  EXPECT_EQ(Shown(), std::set<std::string>{"a"});
  server_.With([](FakeApiState& state) { state.watches_paused = true; });
  Delete("a");
  EXPECT_EQ(Shown(), std::set<std::string>{"a"}) << "any version will do";
  EXPECT_EQ(client_->Get("/api/v1/namespaces/default/configmaps/a").status, 404);
  EXPECT_EQ(Shown(), std::set<std::string>{});
}

TEST_P(LifecycleIntegrationTest, WriteThatMayHaveHappenedIsNotAskedForAgain) {
  StartWeir();
  EXPECT_EQ(client_->Get("/version").status, 200);
  server_.Inject(
      {.match = {.verb = "create", .resource = "configmaps"}, .kind = FakeFault::Kind::kCut});
  const TestResponse answer =
      client_->Send("POST", "/api/v1/namespaces/default/configmaps", ConfigMapBody("a"));
  EXPECT_EQ(answer.status, 503);
  EXPECT_FALSE(answer.headers.Has("Retry-After"));
  EXPECT_EQ(server_.Count({.verb = "create", .resource = "configmaps"}), 1u);
}

TEST_P(LifecycleIntegrationTest, AnswersThatBreakOffAreNotTakenForWhole) {
  for (int i = 0; i < 50; ++i) Create(StrCat("o", i));
  StartWeir();
  server_.Inject({.match = {.verb = "list"}, .kind = FakeFault::Kind::kHalfBody});
  EXPECT_FALSE(client_->Get("/api/v1/configmaps").failure.ok());
}

// With a client certificate upstream, clients show a token that only Weir knows.
TEST_P(LifecycleIntegrationTest, WeirsOwnTokenStandsForItsCertificate) {
  Create("a");
  server_.With([](FakeApiState& state) { state.without_token = FakeUser{.username = "admin"}; });
  WeirOptions options;
  options.token = "";
  StartWeir(options);
  const auto watch = client_->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  EXPECT_EQ(weir_->FromCache("watch"), 1);
  EXPECT_EQ(client_->Get("/api/v1/configmaps").status, 200);
  EXPECT_EQ(
      client_->Send("POST", "/api/v1/namespaces/default/configmaps", ConfigMapBody("b")).status,
      201);
  TestClientOptions stranger = weir_->client_options();
  stranger.token = "guessed";
  EXPECT_EQ(TestClient(stranger).Get(kList).status, 401);
  stranger.token = "other-token";
  EXPECT_EQ(TestClient(stranger).Get(kList).status, 200);
  EXPECT_EQ(weir_->FromCache("list"), 0);
}

// Who comes before Weir knows itself waits for that, and is not forwarded for good.
TEST_P(LifecycleIntegrationTest, FirstRequestsWaitForWeirsOwnIdentity) {
  Create("a");
  server_.Inject({.match = {.resource = "selfsubjectreviews"},
                  .times = GetParam(),
                  .kind = FakeFault::Kind::kDelay,
                  .delay = absl::Milliseconds(200)});
  StartWeir();
  EXPECT_EQ(client_->Watch(kInformer)->UntilInitialEnd().size(), 2u);
  EXPECT_EQ(weir_->FromCache("watch"), 1);
}

TEST_P(LifecycleIntegrationTest, StreamListIsServedWhereTheApiServerHasNone) {
  Create("a");
  server_.With([](FakeApiState& state) { state.stream_list = false; });
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
  Create("b");
  Follow(*watch, model);
  EXPECT_EQ(weir_->FromCache("watch"), 1);
}

TEST_P(LifecycleIntegrationTest, VersionBeforeTheWindowIsTheApiServersToAnswer) {
  Create("a");
  const uint64_t since = server_.version();
  for (int i = 1; i <= 50; ++i) Set("a", StrCat(i));
  WeirOptions options;
  options.cacher.window_events = 10;
  options.cacher.window_min_events = 10;
  StartWeir(options);
  EXPECT_EQ(client_->Get(kList).status, 200);
  for (int i = 1; i <= 50; ++i) Set("a", StrCat(i));
  const auto watch = client_->Watch(StrCat("/api/v1/configmaps?watch=1&resourceVersion=", since));
  EXPECT_EQ(watch->UntilVersion(server_.version()).size(), 100u);
  EXPECT_EQ(weir_->Forwarded("old_version"), 1);
}

}  // namespace
}  // namespace weir
