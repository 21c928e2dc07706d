// SPDX-License-Identifier: Apache-2.0
//
// Whatever happens between Weir and the API server: a client's watch stays open and is told what
// has changed, all of it and once.
#include <future>

#include "absl/time/clock.h"

#include "tests/integration/integration.h"

namespace weir {
namespace {

class UpstreamFaultsIntegrationTest : public IntegrationTest {
 protected:
  // A client watches; `fault` happens; things change before, during and after.
  void Survive(const std::function<void()>& fault, WeirOptions options = {}) {
    Create("a");
    Create("b");
    Create("c");
    StartWeir(options);
    const auto watch = client_->Watch(kInformer);
    WatchModel model;
    Follow(*watch, model);
    Set("a", "before");
    Follow(*watch, model);
    fault();
    Set("a", "after");
    Delete("b");
    Create("d");
    Follow(*watch, model);
    Delete("c");
    Create("c");
    Set("d", "later");
    Follow(*watch, model);
    EXPECT_EQ(watch->state(), TestWatch::State::kOpen);
    // And whoever comes now gets the same.
    const auto late = NewClient()->Watch(kInformer);
    WatchModel late_model;
    Follow(*late, late_model);
  }
  // Changes of every sort that nobody is told of.
  void ChangeMuch() {
    Set("a", "meanwhile");
    Delete("b");
    Create("b", "again");
    Delete("c");
    Create("c", "again");
    Create("x");
    Create("y");
    Delete("y");
  }
};

INSTANTIATE_TEST_SUITE_P(Workers, UpstreamFaultsIntegrationTest, testing::Values(1, 3),
                         WorkersName);

// Each of the caches of one resource has a watch of its own, and what one has told no other takes
// back.
TEST_P(UpstreamFaultsIntegrationTest, NoCacheIsBehindWhatAWatchFromAnotherHasTold) {
  Create("a");
  WeirOptions options;
  options.router.version_timeout = kTestDeadline;
  StartWeir(options);
  const uint64_t before = server_.version();
  const auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
  Create("b");
  Follow(*watch, model);
  // The next cache is made of what an API server has that is behind, for a connection of another
  // worker, if there is one.
  server_.With([&](FakeApiState& state) { state.lag = before; });
  auto list = std::async(std::launch::async, [this] {
    TestClient other(weir_->client_options());
    return other.Get(kList, Accept(Representation::kProtobuf));
  });
  EXPECT_TRUE(WaitFor([this] {
    size_t synced = 0;
    for (const CacheRow& row : weir_->Caches()) synced += row.state == "synced" ? 1 : 0;
    return synced == 2;
  }));
  server_.With([](FakeApiState& state) { state.lag.reset(); });
  Create("c");
  const TestResponse answer = list.get();
  std::vector<ObjectPtr> items;
  ASSERT_TRUE(ListDecoder(Representation::kProtobuf).Decode(answer.body, items).ok());
  ASSERT_GE(items.size(), 2u);
  EXPECT_EQ(items[1]->name(), "b");
}

// Nor is it behind what the API server itself has told through Weir.
TEST_P(UpstreamFaultsIntegrationTest, NoCacheIsBehindWhatAForwardedWatchHasTold) {
  const uint64_t begin = server_.version();
  Create("a");
  StartWeir();
  EXPECT_EQ(client_->Get(kList).status, 200);
  // Weir's own watch is told nothing more.
  server_.Inject({.match = {.verb = "watch", .user_agent = "weir/"},
                  .times = -1,
                  .kind = FakeFault::Kind::kSilence});
  server_.EndWatches();
  const auto watch = client_->Watch(StrCat("/api/v1/configmaps?watch=1&resourceVersion=", begin));
  Create("b");
  for (const char* name : {"a", "b"}) {
    const auto event = watch->Next();
    ASSERT_TRUE(event.has_value() && event->name == name) << watch->failure();
  }
  ASSERT_EQ(weir_->FromCache("watch"), 0);
  const TestResponse answer = client_->Get(kList);
  std::vector<ObjectPtr> items;
  ASSERT_TRUE(ListDecoder(Representation::kJson).Decode(answer.body, items).ok());
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[1]->name(), "b");
}

// First for the version of a write, then for a proof that what is said to be gone is there.
TEST_P(UpstreamFaultsIntegrationTest, AListMayWaitForTwoThingsOfOneKind) {
  Create("a");
  WeirOptions options;
  options.router.version_timeout = kTestDeadline;
  StartWeir(options);
  EXPECT_EQ(client_->Get(kList).status, 200);
  CatchUp();
  const std::string uid = Truth().at("default/a").first;
  server_.Inject({.match = {.verb = "delete"},
                  .kind = FakeFault::Kind::kBody,
                  .body = StrCat(R"({"kind":"Status","apiVersion":"v1","metadata":{},)",
                                 R"("status":"Success","details":{"name":"a","kind":"configmaps",)",
                                 R"("uid":")", uid, "\"}}")});
  server_.With([](FakeApiState& state) { state.watches_paused = true; });
  constexpr std::string_view kPath = "/api/v1/namespaces/default/configmaps";
  EXPECT_EQ(client_->Send("DELETE", StrCat(kPath, "/a")).status, 200);
  EXPECT_EQ(client_->Send("POST", kPath, ConfigMapBody("b")).status, 201);
  const double from_cache = weir_->FromCache("list");
  const uint64_t asked = server_.Count({.verb = "list", .user_agent = "weir/"});
  auto list = std::async(std::launch::async, [this] { return client_->Get(kList); });
  EXPECT_TRUE(
      WaitFor([&] { return server_.Count({.verb = "list", .user_agent = "weir/"}) > asked; }));
  server_.With([](FakeApiState& state) { state.watches_paused = false; });
  Create("c");
  EXPECT_EQ(list.get().status, 200);
  EXPECT_EQ(weir_->FromCache("list"), from_cache + 1);
}

TEST_P(UpstreamFaultsIntegrationTest, ConnectionsBreak) {
  Survive([this] { server_.CutConnections(); });
}

TEST_P(UpstreamFaultsIntegrationTest, ConnectionsBreakAgainAndAgain) {
  Survive([this] {
    for (int i = 0; i < 5; ++i) {
      server_.CutConnections();
      Set("a", StrCat(i));
      WaitFor([this] { return server_.OpenWatches() > 0; });
    }
  });
}

TEST_P(UpstreamFaultsIntegrationTest, WatchesEndInTheirOwnTime) {
  Survive([this] { server_.EndWatches(); });
}

TEST_P(UpstreamFaultsIntegrationTest, WatchesAreReset) {
  Survive([this] { server_.ResetWatches(); });
}

TEST_P(UpstreamFaultsIntegrationTest, WatchesExpire) {
  Survive([this] { server_.ExpireWatches(); });
}

TEST_P(UpstreamFaultsIntegrationTest, WatchesFailWithAnInternalError) {
  Survive([this] {
    server_.FailWatches({.code = 500, .reason = "InternalError", .message = "etcd has gone"});
  });
}

TEST_P(UpstreamFaultsIntegrationTest, ServerSaysGoAway) {
  Survive([this] { server_.GoAway(true); });
}

TEST_P(UpstreamFaultsIntegrationTest, ServerSaysGoAwayAndKeepsServingTheWatches) {
  Survive([this] { server_.GoAway(false); });
}

TEST_P(UpstreamFaultsIntegrationTest, ServerIsDownForAWhile) {
  Survive([this] {
    server_.Stop();
    ChangeMuch();
    server_.Start();
  });
}

TEST_P(UpstreamFaultsIntegrationTest, ServerForgetsItsHistoryWhileItIsDown) {
  Survive([this] {
    server_.Stop();
    ChangeMuch();
    server_.Compact();
    server_.Start();
  });
}

TEST_P(UpstreamFaultsIntegrationTest, ServerForgetsItsHistoryAgainAndAgain) {
  Survive([this] {
    for (int i = 0; i < 4; ++i) {
      server_.Stop();
      Create(StrCat("n", i));
      Delete("a");
      Create("a");
      server_.Compact();
      server_.Start();
      WaitFor([this] { return server_.OpenWatches() > 0; });
    }
  });
}

TEST_P(UpstreamFaultsIntegrationTest, LineIsNotAnEvent) {
  Survive([this] { server_.SendRawToWatches("{\"type\":\"ADDED\",\"object\":[}\n"); });
}

TEST_P(UpstreamFaultsIntegrationTest, EventHasNoMetadata) {
  Survive([this] {
    server_.SendRawToWatches(
        "{\"type\":\"ADDED\",\"object\":{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"}}\n");
  });
}

TEST_P(UpstreamFaultsIntegrationTest, EventBreaksOffInTheMiddle) {
  Survive([this] {
    server_.SendRawToWatches(R"({"type":"DELETED","object":{"kind":"ConfigMap","apiVer)");
    server_.EndWatches();
  });
}

TEST_P(UpstreamFaultsIntegrationTest, EventBreaksOffWithTheConnection) {
  Survive([this] {
    server_.SendRawToWatches(R"({"type":"DELETED","object":{"kind":"ConfigMap","apiVer)");
    server_.CutConnections();
  });
}

// What Weir may read was told a while ago, and now there is no answer to anything: who goes on from
// a version that he was told, or takes any, is served on the last word.
TEST_P(UpstreamFaultsIntegrationTest, ServerHangs) {
  Create("a");
  WeirOptions options;
  options.router.check.access_max_age = absl::Milliseconds(100);
  StartWeir(options);
  WatchModel model;
  Follow(*client_->Watch(kInformer), model);
  EXPECT_EQ(client_->Get(kList).status, 200);
  ASSERT_EQ(weir_->FromCache("list"), 1) << "it has been told that Weir may list, too";
  absl::SleepFor(absl::Milliseconds(150));  // What was said has become too old.
  server_.Inject({.times = -1, .kind = FakeFault::Kind::kSilence});
  const double asked = weir_->Stat("weir_upstream_requests_total", {{"verb", "create"}});
  EXPECT_EQ(client_->Get(kList).status, 200);
  const auto resumed =
      client_->Watch(StrCat("/api/v1/configmaps?watch=1&resourceVersion=", model.version()));
  EXPECT_EQ(resumed->status(), 200);
  EXPECT_GT(weir_->Stat("weir_upstream_requests_total", {{"verb", "create"}}), asked);
  EXPECT_EQ(weir_->FromCache("list"), 2);
  EXPECT_EQ(weir_->FromCache("watch"), 2);
  server_.ClearFaults();
}

TEST_P(UpstreamFaultsIntegrationTest, ServerIsOverloaded) {
  Survive([this] {
    for (const int code : {429, 500, 503}) {
      server_.Inject({.match = {.resource = "configmaps"},
                      .times = 2,
                      .status = {.code = code, .reason = "Trouble", .message = "not now"}});
    }
    server_.CutConnections();
  });
}

TEST_P(UpstreamFaultsIntegrationTest, ServerRefusesInPlainText) {
  Survive([this] {
    server_.Inject({.match = {.resource = "configmaps"},
                    .times = 3,
                    .kind = FakeFault::Kind::kTextStatus,
                    .status = {.code = 429, .message = "Too many requests, please try again."}});
    server_.CutConnections();
  });
}

TEST_P(UpstreamFaultsIntegrationTest, StreamListIsNotToBeHadAnyMore) {
  Survive([this] {
    server_.With([](FakeApiState& state) { state.stream_list = false; });
    server_.Compact();
    server_.CutConnections();
  });
}

TEST_P(UpstreamFaultsIntegrationTest, RelistAfterAnExpiryBreaksOff) {
  Survive([this] {
    server_.With([](FakeApiState& state) { state.stream_list = false; });
    server_.Stop();
    ChangeMuch();
    server_.Compact();
    server_.Inject({.match = {.verb = "list"}, .kind = FakeFault::Kind::kHalfBody});
    server_.Start();
  });
}

// It has a version between two lists, at which nobody can resume, no longer than it must.
TEST_P(UpstreamFaultsIntegrationTest, AWatchGoesOnBehindARelist) {
  Create("a");
  WeirOptions options;
  options.router.bookmark_interval = absl::Hours(1);
  StartWeir(options);
  auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
  server_.Stop();
  Set("a", "meanwhile");
  server_.Create("secrets", "default", ConfigMapBody("moves the version"));
  server_.Compact();
  server_.Start();
  EXPECT_EQ(watch->Next()->name, "a");
  const auto bookmark = watch->Next();
  ASSERT_TRUE(bookmark.has_value());
  EXPECT_EQ(bookmark->type, "BOOKMARK");
  EXPECT_EQ(bookmark->version, server_.version());
  watch = client_->Watch(
      StrCat("/api/v1/configmaps?watch=true&allowWatchBookmarks=true&resourceVersion=",
             bookmark->version));
  Set("a", "later");
  EXPECT_EQ(watch->Next()->name, "a");
  EXPECT_EQ(weir_->FromCache("watch"), 2);
}

// A replica of the API server that is behind: what was shown is not taken back.
TEST_P(UpstreamFaultsIntegrationTest, ServerFallsBehindItself) {
  Survive([this] {
    const uint64_t before = server_.version();
    ChangeMuch();
    server_.SendBookmarks();
    server_.With([before](FakeApiState& state) { state.lag = before; });
    server_.CutConnections();
    WaitFor([this] { return server_.Count({.resource = "configmaps"}) > 3; }, absl::Seconds(1));
    server_.With([](FakeApiState& state) { state.lag.reset(); });
  });
}

TEST_P(UpstreamFaultsIntegrationTest, ServerWithoutItsHistoryFallsBehindItself) {
  Survive([this] {
    const uint64_t before = server_.version();
    ChangeMuch();
    server_.SendBookmarks();
    server_.With([before](FakeApiState& state) { state.lag = before; });
    server_.Compact();
    server_.CutConnections();
    WaitFor([this] { return server_.Count({.resource = "configmaps"}) > 3; }, absl::Seconds(1));
    server_.With([](FakeApiState& state) { state.lag.reset(); });
  });
}

TEST_P(UpstreamFaultsIntegrationTest, FaultsAtRandom) {
  Create("a");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
  uint32_t random = 4711;
  const auto next = [&random](uint32_t n) {
    random = random * 1664525 + 1013904223;
    return (random >> 16) % n;
  };
  std::set<std::string> names = {"a"};
  for (int step = 0; step < 300; ++step) {
    const std::string name = StrCat("o", next(8));
    if (!names.contains(name)) {
      Create(name);
      names.insert(name);
    } else if (next(3) == 0) {
      Delete(name);
      names.erase(name);
    } else {
      Set(name, StrCat(step));
    }
    switch (next(40)) {
      case 0:
        server_.CutConnections();
        break;
      case 1:
        server_.EndWatches();
        break;
      case 2:
        server_.ExpireWatches();
        break;
      case 3:
        server_.Compact();
        break;
      case 4:
        server_.GoAway(next(2) == 0);
        break;
      case 5:
        server_.SendRawToWatches("nonsense\n");
        break;
      case 6:
        server_.SendBookmarks();
        break;
      case 7:
        server_.Inject({.match = {.resource = "configmaps"},
                        .status = {.code = 503, .reason = "ServiceUnavailable"}});
        break;
      default:
        break;
    }
  }
  server_.ClearFaults();
  Follow(*watch, model);
  EXPECT_EQ(watch->state(), TestWatch::State::kOpen);
}

}  // namespace
}  // namespace weir
