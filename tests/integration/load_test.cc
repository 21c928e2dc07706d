// SPDX-License-Identifier: Apache-2.0
//
// Many clients, slow clients, clients that leave.
#include "tests/integration/integration.h"

namespace weir {
namespace {

class LoadIntegrationTest : public IntegrationTest {
 protected:
  // Takes little at a time, or nothing beyond that.
  std::unique_ptr<TestClient> NewSmallClient(bool paused) {
    TestClientOptions options = weir_->client_options();
    options.stream_window = 100'000;
    options.paused = paused;
    return std::make_unique<TestClient>(options);
  }
  // They are counted once a second.
  void ExpectLateStreams(int count) {
    const auto late = [this] {
      return weir_->Stat("weir_downstream_late_streams", {{"by", "time"}});
    };
    EXPECT_TRUE(WaitFor([&] { return late() == count; })) << late();
  }
};
INSTANTIATE_TEST_SUITE_P(Workers, LoadIntegrationTest, testing::Values(1, 3), WorkersName);

TEST_P(LoadIntegrationTest, TwoHundredClientsCostTheApiServerOneWatch) {
  for (int i = 0; i < 20; ++i) Create(StrCat("o", i));
  StartWeir();
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::unique_ptr<TestWatch>> lists, watches;
  for (int i = 0; i < 200; ++i) clients.push_back(NewClient());
  for (const auto& client : clients) {
    lists.push_back(client->Watch(kList));
    watches.push_back(client->Watch(kInformer));
  }
  for (const auto& list : lists) {
    EXPECT_EQ(list->WaitForEnd(), TestWatch::State::kEnded);
    EXPECT_EQ(list->status(), 200);
  }
  for (const auto& watch : watches) EXPECT_EQ(watch->UntilInitialEnd().size(), 21u);
  Set("o0", "changed");
  for (const auto& watch : watches) {
    EXPECT_EQ(watch->UntilVersion(server_.version()).back().name, "o0");
  }
  EXPECT_EQ(server_.Count({.verb = "watch", .resource = "configmaps"}), 1u);
  EXPECT_EQ(server_.Count({.verb = "list", .resource = "configmaps"}), 0u);
  EXPECT_EQ(weir_->FromCache("watch"), 200);
  EXPECT_EQ(weir_->FromCache("list"), 200);
}

TEST_P(LoadIntegrationTest, RestartedClientsCostTheApiServerNothing) {
  Create("a");
  StartWeir();
  ASSERT_EQ(client_->Watch(kInformer)->UntilInitialEnd().size(), 2u);
  server_.ClearCounts();
  for (int i = 0; i < 20; ++i) {
    const auto restarted = NewClient();
    EXPECT_EQ(restarted->Get(kList).status, 200);
    EXPECT_EQ(restarted->Watch(kInformer)->UntilInitialEnd().size(), 2u);
  }
  EXPECT_EQ(server_.Count({.resource = "configmaps"}), 0u);
}

// Enough that neither sockets nor windows hold it.
constexpr int kUpdates = 150;
constexpr int kObjects = 10;
constexpr size_t kObjectBytes = 10'000;

TEST_P(LoadIntegrationTest, SlowReaderGetsTheLastStateAndCostsLittle) {
  const std::string filler(kObjectBytes, 'x');
  for (int i = 0; i < kObjects; ++i) Create(StrCat("o", i));
  WeirOptions options;
  options.cacher.window_events = 20;
  options.cacher.window_bytes = 100'000;
  options.cacher.window_min_events = 5;
  StartWeir(options);

  const auto slow_client = NewSmallClient(false);
  const auto slow = slow_client->Watch(kInformer);
  const auto fast = client_->Watch(kInformer);
  WatchModel slow_model, fast_model;
  Follow(*slow, slow_model);
  Follow(*fast, fast_model);
  slow->Pause();

  for (int i = 0; i < kUpdates; ++i) Set(StrCat("o", i % kObjects), StrCat(i, filler));
  Delete("o3");
  Create("o3", "again");
  Delete("o4");
  Follow(*fast, fast_model);

  size_t queued = 0;
  for (const StreamRow& row : weir_->Streams()) queued += row.queued_bytes;
  EXPECT_LE(queued, kStreamHighMark + 2 * kObjectBytes);
  uint64_t window_bytes = 0;
  for (const CacheRow& row : weir_->Caches()) window_bytes += row.window_bytes;
  EXPECT_LE(window_bytes, 100'000 + 5 * 2 * kObjectBytes);
  ExpectLateStreams(1);

  slow->Resume();
  Follow(*slow, slow_model);
  ExpectLateStreams(0);
  EXPECT_LT(slow_model.events(), static_cast<size_t>(kUpdates));
  EXPECT_EQ(slow->state(), TestWatch::State::kOpen);
  Set("o1", "last");
  Follow(*slow, slow_model);
  Follow(*fast, fast_model);
}

TEST_P(LoadIntegrationTest, SlowListReaderGetsOneVersionWhole) {
  const std::string filler(kObjectBytes, 'x');
  for (int i = 0; i < 60; ++i) Create(StrCat("o", i), filler);
  StartWeir();
  ASSERT_EQ(client_->Get(kList).status, 200);
  const std::string want = client_->Get(kList).body;
  const auto slow_client = NewSmallClient(true);
  const auto slow = slow_client->Watch(kList);
  EXPECT_EQ(slow->status(), 200);
  for (int i = 0; i < 60; ++i) Delete(StrCat("o", i));
  CatchUp();
  const auto watch = client_->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().back().version, server_.version());
  slow->Resume();
  EXPECT_EQ(slow->WaitForEnd(), TestWatch::State::kEnded);
  EXPECT_EQ(slow->Body(), want);
  EXPECT_EQ(weir_->Stat("weir_downstream_list_bytes_total"),
            3.0 * static_cast<double>(want.size()));
  EXPECT_GE(weir_->Stat("weir_upstream_own_bytes_total"), static_cast<double>(want.size()));
}

// What clients do that never close an answer's body.
TEST_P(LoadIntegrationTest, ListsThatNobodyReadsKeepNoMoreThanTheBudget) {
  const std::string filler(kObjectBytes, 'x');
  for (int i = 0; i < 60; ++i) Create(StrCat("o", i), filler);
  WeirOptions options;
  options.cacher.window_events = 20;
  options.cacher.window_bytes = 100'000;
  options.cacher.window_min_events = 5;
  options.router.pinned_bytes_budget = 100'000;
  StartWeir(options);
  ASSERT_EQ(client_->Get(kList).status, 200);
  const auto leaking_client = NewSmallClient(true);
  std::vector<std::unique_ptr<TestWatch>> leaked;
  for (int round = 0; round < 5; ++round) {
    leaked.push_back(leaking_client->Watch(kList));
    ASSERT_EQ(leaked.back()->status(), 200);
    for (int i = 0; i < 60; ++i) Set(StrCat("o", i), StrCat(round, filler));
    CatchUp();
  }
  for (const auto& list : leaked) EXPECT_EQ(list->WaitForEnd(), TestWatch::State::kFailed);
  EXPECT_EQ(weir_->Stat("weir_downstream_list_cut_offs_total", {{"reason", "pinned"}}), 5);
  EXPECT_EQ(weir_->Stat("weir_downstream_pinned_bytes"), 0);
  EXPECT_EQ(client_->Get(kList).status, 200);
}

TEST_P(LoadIntegrationTest, AListThatNobodyReadsIsCutOffInTime) {
  const std::string filler(kObjectBytes, 'x');
  for (int i = 0; i < 60; ++i) Create(StrCat("o", i), filler);
  WeirOptions options;
  options.router.list_timeout = absl::Milliseconds(300);
  StartWeir(options);
  const auto slow_client = NewSmallClient(true);
  const auto slow = slow_client->Watch(kList);
  EXPECT_EQ(slow->status(), 200);
  EXPECT_EQ(slow->WaitForEnd(), TestWatch::State::kFailed);
  EXPECT_EQ(weir_->Stat("weir_downstream_list_cut_offs_total", {{"reason", "timeout"}}), 1);
}

TEST_P(LoadIntegrationTest, ClientsMayLeaveAtAnyMoment) {
  const std::string filler(kObjectBytes, 'x');
  for (int i = 0; i < 50; ++i) Create(StrCat("o", i), filler);
  StartWeir();
  server_.Inject({.match = {.resource = "configmaps"},
                  .kind = FakeFault::Kind::kDelay,
                  .delay = absl::Milliseconds(50)});
  {
    // While the token is being proved and the cache is filled.
    const auto early = NewClient();
    const auto list = early->Watch(kList);
    const auto watch = early->Watch(kInformer);
  }
  {
    // In the middle of the initial events, and of a list.
    const auto leaving = NewClient();
    const auto watch = leaving->Watch(kInformer);
    EXPECT_TRUE(watch->Next().has_value());
    const auto list = leaving->Watch(kList);
    EXPECT_EQ(list->status(), 200);
  }
  {
    // In the middle of events that it does not read.
    const auto leaving = NewClient();
    const auto watch = leaving->Watch(kInformer);
    watch->UntilInitialEnd();
    watch->Pause();
    for (int i = 0; i < 50; ++i) Set("o1", StrCat(i, filler));
  }
  EXPECT_TRUE(WaitFor([this] { return weir_->Stat("weir_downstream_watch_streams") == 0; }));
  EXPECT_TRUE(WaitFor([this] { return weir_->Streams().empty(); }));
  // Nobody else was harmed.
  const auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
}

TEST_P(LoadIntegrationTest, ForwardedWatchesEndWithTheirClients) {
  server_.Create("secrets", "default", ConfigMapBody("s"));
  StartWeir();
  {
    const auto watch = client_->Watch("/api/v1/secrets?watch=true&resourceVersion=0");
    EXPECT_EQ(watch->Next()->name, "s");
    EXPECT_EQ(server_.OpenWatches({.resource = "secrets"}), 1u);
    EXPECT_EQ(weir_->Streams().size(), 1u);
  }
  EXPECT_TRUE(WaitFor([this] { return server_.OpenWatches({.resource = "secrets"}) == 0; }));
  EXPECT_TRUE(WaitFor([this] { return weir_->Streams().empty(); }));
}

TEST_P(LoadIntegrationTest, AForwardedWatchIsAStreamWithItsReason) {
  server_.Create("secrets", "default", ConfigMapBody("s", {}, {{"app", "x"}}));
  server_.Create("pods", "default", ConfigMapBody("p"));
  StartWeir();
  const auto cached = client_->Watch(kInformer);
  cached->UntilInitialEnd();
  RequestHead head = client_->HeadOf("POST", "/api/v1/namespaces/default/pods/p/exec", {});
  head.upgrade = "SPDY/3.1";
  const auto tunnel = client_->Open(std::move(head));
  EXPECT_EQ(tunnel->status(), 101);
  const auto watch = client_->Watch(StrCat(
      "/api/v1/namespaces/default/secrets?watch=true&resourceVersion=0&labelSelector=app%3Dx",
      "&fieldSelector=metadata.name%21%3D", std::string(300, 'a')));
  const std::optional<TestEvent> event = watch->Next();
  ASSERT_TRUE(event.has_value());

  std::vector<StreamRow> rows = weir_->Streams();
  ASSERT_EQ(rows.size(), 2u) << "exec is no watch";
  if (rows[0].resource == "secrets") std::swap(rows[0], rows[1]);
  EXPECT_EQ(rows[0].reason, ForwardReason::kNone);
  EXPECT_EQ(rows[0].resource, "configmaps");
  const StreamRow& row = rows[1];
  EXPECT_EQ(row.reason, ForwardReason::kNeverCached);
  EXPECT_EQ(row.resource, "secrets");
  EXPECT_EQ(row.namespace_name, "default");
  EXPECT_EQ(row.label_selector, "app=x");
  EXPECT_EQ(row.field_selector, StrCat("metadata.name!=", std::string(241, 'a'))) << "cut";
  EXPECT_EQ(row.user_agent, "test-client/1.0");
  EXPECT_THAT(row.client, testing::StartsWith("127.0.0.1:"));
  EXPECT_GT(row.age, absl::ZeroDuration());
  EXPECT_EQ(row.bytes_sent, event->frame.size());
}

TEST_P(LoadIntegrationTest, AWatchThatHasNotBegunIsAStream) {
  StartWeir();
  server_.Inject(
      {.match = {.verb = "watch", .resource = "secrets"}, .kind = FakeFault::Kind::kSilence});
  const auto watch = client_->Watch("/api/v1/watch/secrets");
  ASSERT_TRUE(WaitFor([this] { return weir_->Streams().size() == 1; }));
  EXPECT_EQ(weir_->Streams()[0].reason, ForwardReason::kSubresource) << "of a deprecated path";
  EXPECT_EQ(weir_->Streams()[0].bytes_sent, 0u);
}

TEST_P(LoadIntegrationTest, UnreadCacheIsDroppedAfterAWhile) {
  Create("a");
  WeirOptions options;
  options.cacher.idle_timeout = absl::Milliseconds(50);
  StartWeir(options);
  {
    const auto watch = client_->Watch(kInformer);
    EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
    EXPECT_EQ(server_.OpenWatches({.resource = "configmaps"}), 1u);
  }
  EXPECT_TRUE(WaitFor([this] { return server_.OpenWatches({.resource = "configmaps"}) == 0; }));
  EXPECT_TRUE(WaitFor([this] { return weir_->Caches().empty(); }));
  // And made again when somebody asks.
  EXPECT_EQ(client_->Watch(kInformer)->UntilInitialEnd().size(), 2u);
}

TEST_P(LoadIntegrationTest, ManyResourcesAreCachedAtOnce) {
  StartWeir();
  std::vector<std::unique_ptr<TestWatch>> watches;
  for (const char* plural : {"configmaps", "pods", "nodes", "namespaces"}) {
    server_.Create(plural, plural[0] == 'n' ? "" : "default", ConfigMapBody("x"));
    watches.push_back(
        client_->Watch(StrCat("/api/v1/", plural,
                              "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
                              "&allowWatchBookmarks=true&resourceVersion=0")));
  }
  for (const auto& watch : watches) EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  EXPECT_EQ(weir_->Caches().size(), 4u);
}

}  // namespace
}  // namespace weir
