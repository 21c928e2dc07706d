// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/told_by_watches.h"

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

CacherOptions SmallWindow() {
  CacherOptions options;
  options.window_events = 4;
  options.window_min_events = 1;
  return options;
}

class ToldByWatchesTest : public CacheFixture {
 protected:
  ToldByWatchesTest() : CacheFixture(SmallWindow()) {}
  uint64_t Put(std::string name, std::string namespace_name = "default") {
    const uint64_t version =
        resource_.Put({.name = std::move(name), .namespace_name = std::move(namespace_name)});
    dispatcher_.RunReady();
    return version;
  }
  static EventView Namespace(std::string name) {
    ViewShape shape;
    shape.namespace_name = std::move(name);
    return EventView(std::move(shape), {}, {});
  }
};

TEST_F(ToldByWatchesTest, IsTheVersionOfTheLastChange) {
  Put("a");
  const CacheReplica& replica = Replica();
  // The first state is noted by those who are answered with it.
  EXPECT_FALSE(NewestToldByWatches(replica, nullptr, {}).is_set());
  Put("b");
  const uint64_t last = Put("c");
  resource_.Bump();
  resource_.SendBookmarks();
  dispatcher_.RunReady();
  EXPECT_EQ(NewestToldByWatches(replica, nullptr, {}), V(last));
  EXPECT_EQ(NewestToldByWatches(replica, nullptr, V(last - 1)), V(last));
  EXPECT_FALSE(NewestToldByWatches(replica, nullptr, V(last)).is_set());
}

TEST_F(ToldByWatchesTest, ChangesOutOfViewDoNotCount) {
  const CacheReplica& replica = Replica();
  const uint64_t here = Put("a", "here");
  Put("a", "there");
  const EventView view = Namespace("here");
  EXPECT_EQ(NewestToldByWatches(replica, &view, {}), V(here));
  EXPECT_FALSE(NewestToldByWatches(replica, &view, V(here)).is_set());
  resource_.Delete("here", "a");
  dispatcher_.RunReady();
  EXPECT_EQ(NewestToldByWatches(replica, &view, V(here)), V(resource_.version()));
}

TEST_F(ToldByWatchesTest, WhatHasLeftTheWindowMayHaveBeenInView) {
  const CacheReplica& replica = Replica();
  Put("a", "here");
  for (const char* name : {"b", "c", "d", "e", "f"}) Put(name, "there");
  const EventView view = Namespace("here");
  ASSERT_GT(replica.window().begin_sequence(), 1u);
  EXPECT_EQ(NewestToldByWatches(replica, &view, {}), replica.window().begin());
  EXPECT_FALSE(NewestToldByWatches(replica, &view, replica.window().begin()).is_set());
}

// When they happened is not known.
TEST_F(ToldByWatchesTest, DeletionThatARelistFoundCountsAsOfTheList) {
  Put("a");
  const CacheReplica& replica = Replica();
  Put("b");
  resource_.SetFaults([](auto& faults) { faults.watches_lag = true; });
  resource_.Delete("default", "a");
  resource_.Bump();
  resource_.Compact();
  resource_.SetFaults([](auto& faults) { faults.watches_lag = false; });
  resource_.CutWatches(ResourceExpiredError("gone"));
  dispatcher_.Advance(absl::Seconds(5));
  EXPECT_EQ(NewestToldByWatches(replica, nullptr, {}), V(resource_.version()));
}

}  // namespace
}  // namespace weir
