// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/event_tap.h"

#include <optional>
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
  // An event of an object "m" with such times in its managedFields.
  void Write(WatchEventType type, const std::vector<int64_t>& seconds,
             const std::string& app = "web") {
    std::string fields;
    for (const int64_t s : seconds) {
      fields += StrCat(
          fields.empty() ? "" : ",", R"({"manager":"m","time":")",
          absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(s), absl::UTCTimeZone()),
          R"("})");
    }
    auto object = Object::Parse(
        Representation::kJson,
        StrCat(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"m",)",
               R"("namespace":"default","uid":"u","resourceVersion":")", resource_.Bump(),
               R"(","labels":{"app":")", app, R"("},"managedFields":[)", fields, "]}}"));
    resource_.Inject(MakeEvent(type, object.value()));
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
  // A stream that has seen all there is.
  EventTap::StreamHandle Watch(CacheReplica& replica, EventView view) {
    return tap_.Watch(replica, std::move(view), replica.newest()->sequence);
  }

  SeenBatch seen_;
  int batches_ = 0;
  EventTap tap_{dispatcher_, [this](SeenBatch batch) {
                  ++batches_;
                  for (SeenEvent& event : batch.events) seen_.events.push_back(std::move(event));
                  for (SeenWrite& write : batch.writes) seen_.writes.push_back(std::move(write));
                  for (SeenDelivery& d : batch.deliveries) seen_.deliveries.push_back(std::move(d));
                  seen_.dropped_events += batch.dropped_events;
                  seen_.dropped_writes += batch.dropped_writes;
                }};
};

TEST_F(EventTapTest, TellsOfWhatAStreamIsSentSomeTimeLater) {
  CacheReplica& replica = Replica();
  Put("before");
  const RequestHandle stream = Watch(replica, EventView());
  dispatcher_.set_ready_since(dispatcher_.Now() + -absl::Milliseconds(50));
  Put("a");
  const MonotonicTime arrived = replica.newest()->arrived;
  const MonotonicTime published = replica.newest()->published;
  Put("b");
  EXPECT_EQ(batches_, 0);
  EXPECT_THAT(Told(), ElementsAre("a@12", "b@13"));
  EXPECT_EQ(batches_, 1);
  EXPECT_EQ(seen_.events[0].resource, "configmaps");
  EXPECT_EQ(seen_.events[0].arrived, arrived);
  EXPECT_EQ(seen_.events[0].published, published);
  EXPECT_EQ(published - arrived, absl::Milliseconds(50));
  EXPECT_EQ(seen_.events[0].type, WatchEventType::kAdded);
  EXPECT_EQ(seen_.events[0].asks, Asks::kCreated);
  EXPECT_FALSE(seen_.events[0].uid.empty());
}

TEST_F(EventTapTest, AChangeOfAKindWithoutGenerationsAsksForSomething) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = Watch(replica, EventView());
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

// By managedFields: of a change that moved their newest time, and of no other.
TEST_F(EventTapTest, TellsWhenAChangeWasWritten) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = Watch(replica, EventView());
  Write(WatchEventType::kAdded, {10, 30, 20});
  Write(WatchEventType::kModified, {10, 30, 20});
  Write(WatchEventType::kModified, {40, 30, 20});
  Told();  // The window is small.
  Write(WatchEventType::kModified, {});
  Write(WatchEventType::kDeleted, {50});
  Told();
  std::vector<std::optional<absl::Time>> written;
  for (const SeenEvent& event : seen_.events) written.push_back(event.written);
  EXPECT_THAT(written, ElementsAre(absl::FromUnixSeconds(30), std::nullopt,
                                   absl::FromUnixSeconds(40), std::nullopt, std::nullopt));
}

// What enters a selection may have been written long ago.
TEST_F(EventTapTest, DoesNotTellWhenWhatEntersASelectionWasWritten) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = Watch(replica, Web());
  Write(WatchEventType::kAdded, {10}, "other");
  Write(WatchEventType::kModified, {20}, "web");
  Write(WatchEventType::kModified, {30}, "web");
  Told();
  ASSERT_THAT(seen_.events, SizeIs(2));
  EXPECT_EQ(seen_.events[0].written, std::nullopt);
  EXPECT_EQ(seen_.events[1].written, absl::FromUnixSeconds(30));
}

TEST_F(EventTapTest, TellsOnlyOfWhatSomeStreamSelects) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = Watch(replica, Web());
  Put("a");
  Put("b", {{"app", "web"}});
  EXPECT_THAT(Told(), ElementsAre("b@12"));
}

TEST_F(EventTapTest, AStreamThatHasEndedIsSentNothing) {
  CacheReplica& replica = Replica();
  RequestHandle one = Watch(replica, EventView());
  RequestHandle two = Watch(replica, Web());
  one.reset();
  Told();  // What it was sent until then.
  Put("a");
  EXPECT_THAT(Told(), IsEmpty());
  two.reset();
  Told();
  Put("b", {{"app", "web"}});
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(dispatcher_.enabled_timers(), 0U) << "nothing to look at";
}

TEST_F(EventTapTest, CountsWhatTheWindowHasLost) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = Watch(replica, EventView());
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
  const RequestHandle stream = Watch(replica, EventView());
  const size_t number = EventTap::kMaxEvents + 20;
  for (size_t i = 0; i < number; ++i) resource_.Put({.name = StrCat("n", i)});
  dispatcher_.RunReady();  // One Revision, which the window keeps.
  EXPECT_THAT(Told(), SizeIs(EventTap::kMaxEvents));
  EXPECT_EQ(seen_.dropped_events, 20U);
}

TEST_F(EventTapTest, ReadsOnlySoManyBytesAtATime) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = Watch(replica, EventView());
  for (int i = 0; i < 9; ++i) {
    resource_.Put({.name = StrCat("n", i), .data = std::string(1 << 20, 'x')});
  }
  dispatcher_.RunReady();
  EXPECT_THAT(Told(), SizeIs(7)) << "each is a little more than a MiB";
  EXPECT_EQ(seen_.dropped_events, 2U);
  Put("small");
  EXPECT_THAT(Told(), SizeIs(8)) << "it may read as much the next time";
}

TEST_F(EventTapTest, LooksAtNothingBeyondItsLimits) {
  CacheReplica& replica = Replica();
  const RequestHandle stream = Watch(replica, Web());  // None of them.
  for (size_t i = 0; i < EventTap::kMaxLooked + 7; ++i) resource_.Put({.name = StrCat("n", i)});
  dispatcher_.RunReady();
  EXPECT_THAT(Told(), IsEmpty());
  EXPECT_EQ(seen_.dropped_events, 7U);
}

TEST_F(EventTapTest, IsNoReaderOfTheCache) {
  CacheReplica& replica = Replica();
  const size_t readers = replica.readers();
  const size_t subscribers = replica.subscribers();
  const double stat = Stat("readers");
  const RequestHandle stream = Watch(replica, EventView());
  EXPECT_EQ(replica.readers(), readers);
  EXPECT_EQ(Stat("readers"), stat);
  EXPECT_EQ(map_->Rows().at(0).readers, readers);
  EXPECT_EQ(replica.subscribers(), subscribers + 1) << "but keeps it";
}

TEST_F(EventTapTest, TellsOfWritesTogetherAndOfSoManyAtATime) {
  for (size_t i = 0; i < EventTap::kMaxWrites + 5; ++i) tap_.NoteWrite(SeenWrite());
  Told();
  EXPECT_EQ(batches_, 1);
  EXPECT_THAT(seen_.writes, SizeIs(EventTap::kMaxWrites));
  EXPECT_EQ(seen_.dropped_writes, 5U);
}

// A watch ends (timeout), its object is deleted, the client resumes from where it was.
TEST_F(EventTapTest, WhatAResumedStreamIsSentIsTold) {
  CacheReplica& replica = Replica();
  RequestHandle keeps = replica.Subscribe({.on_change = [] {}});
  RequestHandle stream = Watch(replica, EventView());
  Put("a");
  EXPECT_THAT(Told(), SizeIs(1));
  Forget();
  stream.reset();
  EXPECT_THAT(Told(), IsEmpty());
  const uint64_t seen = replica.newest()->sequence;
  resource_.Delete("default", "a");
  dispatcher_.RunReady();
  stream = tap_.Watch(replica, EventView(), seen);
  EXPECT_THAT(Told(), SizeIs(1));
}

// sent to the stream, which ended before the next look.
TEST_F(EventTapTest, WhatWasSentJustBeforeTheEndIsTold) {
  CacheReplica& replica = Replica();
  RequestHandle keeps = replica.Subscribe({.on_change = [] {}});
  RequestHandle stream = Watch(replica, EventView());
  Put("a");
  stream.reset();
  EXPECT_THAT(Told(), SizeIs(1));
}

// a deletion among more events than are looked at.
TEST_F(EventTapTest, DeletionsAreToldOfBeyondTheLimitOfOthers) {
  CacheReplica& replica = Replica();
  RequestHandle stream = Watch(replica, EventView());
  Put("gone");
  Told();
  Forget();
  for (size_t i = 0; i < EventTap::kMaxEvents + 20; ++i) resource_.Put({.name = StrCat("n", i)});
  resource_.Delete("default", "gone");
  dispatcher_.RunReady();
  Told();
  bool deleted = false;
  for (const SeenEvent& e : seen_.events) deleted |= e.type == WatchEventType::kDeleted;
  EXPECT_TRUE(deleted);
}

// it leaves what the only stream selects: for that client it is gone.
TEST_F(EventTapTest, WhatLeavesTheOnlySelectionIsGone) {
  CacheReplica& replica = Replica();
  RequestHandle stream = Watch(replica, Web());
  Put("a", {{"app", "web"}});
  Put("a", {{"app", "other"}});
  Told();
  ASSERT_THAT(seen_.events, SizeIs(2));
  EXPECT_EQ(seen_.events[1].type, WatchEventType::kDeleted);
}

TEST_F(EventTapTest, TellsWhenAnEventWasDelivered) {
  CacheReplica& replica = Replica();
  const EventTap::StreamHandle stream = Watch(replica, EventView());
  Put("a");
  dispatcher_.Advance(absl::Milliseconds(60));
  stream->marks().Reached(replica.newest()->sequence, dispatcher_.Now());
  const MonotonicTime delivered = dispatcher_.Now();
  Told();
  ASSERT_THAT(seen_.events, SizeIs(1));
  EXPECT_EQ(seen_.events[0].delivered, delivered);
  EXPECT_THAT(seen_.deliveries, IsEmpty());
}

// The client reads nothing for a while.
TEST_F(EventTapTest, TellsOfALateDeliveryOnceItHasHappened) {
  CacheReplica& replica = Replica();
  const EventTap::StreamHandle stream = Watch(replica, EventView());
  Put("a");
  Told();
  ASSERT_THAT(seen_.events, SizeIs(1));
  EXPECT_EQ(seen_.events[0].delivered, std::nullopt);
  dispatcher_.Advance(absl::Seconds(30));
  EXPECT_THAT(seen_.deliveries, IsEmpty());
  const MonotonicTime delivered = dispatcher_.Now();
  stream->marks().Reached(replica.newest()->sequence, delivered);
  Told();
  ASSERT_THAT(seen_.deliveries, SizeIs(1));
  EXPECT_EQ(seen_.deliveries[0].uid, seen_.events[0].uid);
  EXPECT_EQ(seen_.deliveries[0].version, seen_.events[0].version);
  EXPECT_EQ(seen_.deliveries[0].at, delivered);
  EXPECT_EQ(dispatcher_.enabled_timers(), 0U) << "nothing is waited for";
}

TEST_F(EventTapTest, AnEventIsDeliveredByAStreamThatSelectsIt) {
  CacheReplica& replica = Replica();
  const EventTap::StreamHandle all = Watch(replica, EventView());
  const EventTap::StreamHandle web = Watch(replica, Web());
  Put("a", {{"app", "other"}});
  Put("b", {{"app", "web"}});
  const MonotonicTime delivered = dispatcher_.Now();
  web->marks().Reached(replica.newest()->sequence, delivered);
  Told();
  ASSERT_THAT(seen_.events, SizeIs(2));
  EXPECT_EQ(seen_.events[0].delivered, std::nullopt);
  EXPECT_EQ(seen_.events[1].delivered, delivered);
}

TEST_F(EventTapTest, AClientThatComesBackHasBeenToldOfWhatItBeginsWith) {
  CacheReplica& replica = Replica();
  RequestHandle keeps = replica.Subscribe({.on_change = [] {}});
  EventTap::StreamHandle stream = Watch(replica, EventView());
  Put("a");
  Told();
  EventTap::StreamHandle other = Watch(replica, EventView());
  dispatcher_.Advance(absl::Seconds(1));
  other->marks().Reached(replica.newest()->sequence, dispatcher_.Now());
  Told();
  EXPECT_THAT(seen_.deliveries, IsEmpty()) << "it may be another client's";
  stream.reset();
  Told();
  Told();
  EXPECT_THAT(seen_.deliveries, SizeIs(1));
}

TEST_F(EventTapTest, WaitsForTheDeliveryOfSoManyAtMost) {
  CacheReplica& replica = Replica();
  const EventTap::StreamHandle stream = Watch(replica, EventView());
  for (size_t i = 0; i < EventTap::kMaxUndelivered + 3; ++i) {
    resource_.Put({.name = StrCat("n", i)});
    if (i % 400 == 399) Told();
  }
  Told();
  EXPECT_THAT(seen_.events, SizeIs(EventTap::kMaxUndelivered + 3));
  EXPECT_EQ(seen_.dropped_events, 3U);
  EXPECT_EQ(seen_.events.back().asks, Asks::kNothing);
}

TEST_F(EventTapTest, WithoutASinkNothingIsRecorded) {
  EventTap off(dispatcher_, nullptr);
  EXPECT_FALSE(off.recording());
  EXPECT_EQ(off.Watch(Replica(), EventView(), 0), nullptr);
  off.NoteWrite(SeenWrite());
  EXPECT_EQ(dispatcher_.enabled_timers(), 0U);
}

}  // namespace
}  // namespace weir
