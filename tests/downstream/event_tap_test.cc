// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/event_tap.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "tests/cache/small_window_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using Asks = SeenEvent::Asks;

class EventTapTest : public SmallWindowFixture {
 protected:
  void Put(const std::string& name, std::vector<std::pair<std::string, std::string>> labels = {}) {
    resource_.Put({.name = name, .labels = std::move(labels)});
    dispatcher_.RunReady();
  }
  // "name@version" of the events told of since the last time.
  std::vector<std::string> Told() {
    dispatcher_.Advance(EventTap::kDelay);
    std::vector<std::string> told;
    for (const SeenEvent& event : seen_.events) {
      told.push_back(StrCat(event.name, "@", event.version.ToString()));
    }
    return told;
  }
  void Forget() { seen_ = {}; }

  SeenBatch seen_;
  int batches_ = 0;
  EventTap tap_{dispatcher_, [this](SeenBatch batch) {
                  ++batches_;
                  for (SeenEvent& event : batch.events) seen_.events.push_back(std::move(event));
                  for (SeenWrite& write : batch.writes) seen_.writes.push_back(std::move(write));
                  seen_.dropped_events += batch.dropped_events;
                  seen_.dropped_writes += batch.dropped_writes;
                }};
};

TEST_F(EventTapTest, TellsOfWhatAStreamIsSentSomeTimeLater) {
  CacheReplica& replica = Replica();
  Put("before");
  const RequestHandle stream = tap_.Watch(replica, EventView());
  Put("a");
  const MonotonicTime published = replica.newest()->published;
  Put("b");
  EXPECT_EQ(batches_, 0);
  EXPECT_THAT(Told(), ElementsAre("a@12", "b@13"));
  EXPECT_EQ(batches_, 1);
  EXPECT_EQ(seen_.events[0].resource, "configmaps");
  EXPECT_EQ(seen_.events[0].published, published);
  EXPECT_EQ(seen_.events[0].type, WatchEventType::kAdded);
  EXPECT_EQ(seen_.events[0].asks, Asks::kCreated);
  EXPECT_FALSE(seen_.events[0].uid.empty());
}

TEST_F(EventTapTest, AChangeOfAKindWithoutGenerationsAsksForSomething) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = tap_.Watch(replica, EventView());
  Put("a");
  Put("a");
  resource_.Delete("default", "a");
  dispatcher_.RunReady();
  Told();
  ASSERT_THAT(seen_.events, SizeIs(3));
  EXPECT_EQ(seen_.events[1].type, WatchEventType::kModified);
  EXPECT_EQ(seen_.events[1].asks, Asks::kChanged);
  EXPECT_EQ(seen_.events[2].type, WatchEventType::kDeleted);
  EXPECT_EQ(seen_.events[2].asks, Asks::kNothing);
}

TEST_F(EventTapTest, TellsOnlyOfWhatSomeStreamSelects) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = tap_.Watch(replica, Web());
  Put("a");
  Put("b", {{"app", "web"}});
  EXPECT_THAT(Told(), ElementsAre("b@12"));
}

TEST_F(EventTapTest, AStreamThatHasEndedIsSentNothing) {
  CacheReplica& replica = Replica();
  RequestHandle one = tap_.Watch(replica, EventView());
  RequestHandle two = tap_.Watch(replica, Web());
  one.reset();
  Put("a");
  EXPECT_THAT(Told(), IsEmpty());
  two.reset();
  Put("b", {{"app", "web"}});
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(dispatcher_.enabled_timers(), 0U) << "nothing to look at";
}

TEST_F(EventTapTest, CountsWhatTheWindowHasLost) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = tap_.Watch(replica, EventView());
  Put("a");
  FloodWindow();
  FloodWindow();
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(seen_.dropped_events, 11U);
  Put("b");
  EXPECT_THAT(Told(), SizeIs(1)) << "goes on from there";
}

TEST_F(EventTapTest, LooksAtSoManyEventsAtATime) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = tap_.Watch(replica, EventView());
  const size_t number = EventTap::kMaxEvents + 20;
  for (size_t i = 0; i < number; ++i) resource_.Put({.name = StrCat("n", i)});
  dispatcher_.RunReady();  // One Revision, which the window keeps.
  EXPECT_THAT(Told(), SizeIs(EventTap::kMaxEvents));
  EXPECT_EQ(seen_.dropped_events, 20U);
}

TEST_F(EventTapTest, TellsOfWritesTogetherAndOfSoManyAtATime) {
  for (size_t i = 0; i < EventTap::kMaxWrites + 5; ++i) tap_.NoteWrite(SeenWrite());
  Told();
  EXPECT_EQ(batches_, 1);
  EXPECT_THAT(seen_.writes, SizeIs(EventTap::kMaxWrites));
  EXPECT_EQ(seen_.dropped_writes, 5U);
}

TEST_F(EventTapTest, WithoutASinkNothingIsRecorded) {
  EventTap off(dispatcher_, nullptr);
  EXPECT_FALSE(off.recording());
  EXPECT_EQ(off.Watch(Replica(), EventView()), nullptr);
  off.NoteWrite(SeenWrite());
  EXPECT_EQ(dispatcher_.enabled_timers(), 0U);
}

}  // namespace
}  // namespace weir
