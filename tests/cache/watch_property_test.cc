// SPDX-License-Identifier: Apache-2.0

// Random writers, random upstream trouble, readers of every kind and pace: each view must be the
// API server's at every version its reader is told to be complete to.

#include <random>

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

class WatchPropertyTest : public CacheFixture, public testing::WithParamInterface<int> {
 protected:
  WatchPropertyTest()
      : CacheFixture({.window_events = 12, .window_bytes = 1 << 20, .window_min_events = 3}),
        random_(GetParam()) {}

  size_t Below(size_t n) { return random_() % n; }
  bool OneIn(size_t n) { return Below(n) == 0; }

  void Write() {
    static const std::string kNamespaces[] = {"a", "a-b", "b"};
    const std::string name = StrCat("o", Below(12));
    const std::string& name_space = kNamespaces[Below(3)];
    if (OneIn(4)) {
      resource_.Delete(name_space, name);
      if (OneIn(2)) return;
    }
    ObjectSpec spec{.name = name, .namespace_name = name_space};
    if (OneIn(2)) spec.labels = {{"app", OneIn(2) ? "web" : "db"}};
    resource_.Put(spec);
    if (OneIn(10)) resource_.Bump();
  }

  void MakeTrouble() {
    static const absl::Status kEnds[] = {absl::OkStatus(), UnavailableError("reset"),
                                         ResourceExpiredError("gone"), TooManyRequestsError("no"),
                                         InvalidArgumentError("undecodable")};
    switch (Below(8)) {
      case 0:
        return resource_.SendBookmarks();
      case 1:
        return resource_.CutWatches(kEnds[Below(5)]);
      case 2:
        resource_.CutWatches(UnavailableError("reset"));
        return resource_.Compact();
      case 3:
        return resource_.SetFaults([this](auto& f) { f.stream_list = OneIn(2); });
      case 4:
        return resource_.SetFaults([this](auto& f) { f.max_batch = 1 + Below(5); });
      case 5:
        return resource_.SetFaults([this](auto& f) { f.watches = {kEnds[1 + Below(3)]}; });
      case 6:
        // A server that lags behind the others.
        return resource_.SetFaults([this, newest = resource_.version()](auto& f) {
          if (f.list_version.has_value()) {
            f.list_version.reset();
          } else {
            f.list_version = 10 + Below(newest - 9);
          }
        });
      default:
        dispatcher_.Advance(absl::Seconds(static_cast<int64_t>(Below(30))));
        return;
    }
  }

  void AddReader(const CacheReplica& replica) {
    // Few enough shapes that some readers share one.
    ViewShape shape;
    if (OneIn(3)) shape.namespace_name = "a";
    if (OneIn(3)) shape.label_selector = "app in (web),app!=db";
    if (OneIn(6)) shape.field_selector = "metadata.name=o3";
    shape.to_metadata = OneIn(3);
    readers_.push_back(std::make_unique<ReaderModel>(replica, resource_, ViewOf(std::move(shape))));
    if (OneIn(2)) {
      readers_.back()->StartWithInitialEvents();
    } else {
      readers_.back()->ListAndWatch();
    }
  }

  void MoveReader(ReaderModel& reader) {
    if (!reader.connected()) return reader.ListAndWatch();
    if (OneIn(25)) return reader.Reconnect();
    if (OneIn(5)) return reader.ReadAll();
    for (size_t steps = Below(6); steps > 0; --steps) reader.Step();
  }

  std::mt19937 random_;
  std::vector<std::unique_ptr<ReaderModel>> readers_;
};

TEST_P(WatchPropertyTest, EveryViewIsTheApiServersOwn) {
  for (int i = 0; i < 10; ++i) Write();
  CacheReplica& replica = Replica();
  ASSERT_EQ(replica.state(), CacheReplica::State::kSynced);
  for (int i = 0; i < 8; ++i) AddReader(replica);
  for (int step = 0; step < 400; ++step) {
    for (size_t writes = Below(OneIn(20) ? 30 : 3); writes > 0; --writes) Write();
    if (OneIn(8)) MakeTrouble();
    if (!OneIn(3)) dispatcher_.RunReady();
    if (OneIn(4)) dispatcher_.Advance(absl::Milliseconds(700));
    MoveReader(*readers_[Below(readers_.size())]);
    if (HasFatalFailure()) return;
  }
  resource_.SetFaults([](auto& faults) { faults = {}; });
  Write();
  dispatcher_.Advance(absl::Minutes(3));
  ASSERT_EQ(StateOf(replica), resource_.State());
  for (const auto& reader : readers_) {
    if (!reader->connected()) reader->ListAndWatch();
    reader->ReadAll();
    reader->CheckCompleteAt(V(resource_.version()));
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, WatchPropertyTest, testing::Range(1, 41));

}  // namespace
}  // namespace weir
