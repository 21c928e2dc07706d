// SPDX-License-Identifier: Apache-2.0
//
// What is told late, twice, in another order or not at all, and what there is no room for.
#include "proxy/record/flight_recorder.h"
#include "tests/record/flight_recorder_fixture.h"

namespace weir {
namespace {

using FlightRecorderOrderTest = FlightRecorderFixture;

// two writes of one reconcile, 2 ms apart, are not hundreds a second.
TEST_F(FlightRecorderOrderTest, TwoWritesOfOneReconcileAreNoRate) {
  Note(Write("a", 11));
  Pass(absl::Milliseconds(2));
  Note(Write("a", 12));
  EXPECT_LE(recorder_.Busy()[0].writes_per_second, 2);
}

// two workers tell of writes out of order.
TEST_F(FlightRecorderOrderTest, WritesToldOutOfOrderAreNoRate) {
  SeenWrite early = Write("a", 11);
  Pass(absl::Seconds(1));
  Note(Write("a", 12));
  Note(early);
  EXPECT_LE(recorder_.Busy()[0].writes_per_second, 2);
}

// a loop whose events are told before its writes (another worker).
TEST_F(FlightRecorderOrderTest, ALoopIsSeenWhoeverIsToldOfFirst) {
  uint64_t v = 10;
  for (int i = 0; i < 15; ++i) {
    SeenWrite w = Write("a", ++v);
    Pass(absl::Milliseconds(20));
    SeenEvent e = Event("a", v);
    Pass(absl::Milliseconds(180));
    See(e);
    Note(w);
  }
  EXPECT_TRUE(recorder_.Busy()[0].loop);
  EXPECT_NEAR(recorder_.Busy()[0].own_events_per_second, 5, 0.5);
}

TEST_F(FlightRecorderOrderTest, EveryOwnEventIsKnownHoweverManyComeFirst) {
  SeenWrite w1 = Write("a", 11), w2 = Write("a", 12);
  Pass(absl::Milliseconds(20));
  See(Event("a", 11));
  See(Event("a", 12));
  Note(w1);
  Note(w2);
  EXPECT_EQ(Stat("own_events_total"), 2);
  EXPECT_EQ(WriteToWatch().count(), 2u);
}

// the next write counts, not the fourth from the end.
TEST_F(FlightRecorderOrderTest, TheFirstOfManyChildrenIsTheAction) {
  SeenBatch batch;
  batch.events = {Event("a", 11, Asks::kCreated)};
  for (int i = 0; i < 20; ++i) {
    Pass(absl::Milliseconds(10));
    batch.writes.push_back(Child("a", 12 + i));
  }
  recorder_.OnSeen(batch);
  ExpectNear(EventToAction().Max(), absl::Milliseconds(10));
}

// one action, two events in one batch; in order of time it counts once (the oldest).
TEST_F(FlightRecorderOrderTest, OneActionCountsOnceInWhateverOrder) {
  SeenBatch batch;
  batch.events.push_back(Event("a", 11, Asks::kCreated));
  Pass(absl::Milliseconds(50));
  batch.events.push_back(Event("a", 12, Asks::kChanged));
  Pass(absl::Milliseconds(50));
  batch.writes = {Write("a", 13)};
  recorder_.OnSeen(batch);
  EXPECT_EQ(EventToAction().count(), 1u);
}

// an own event told of twice, by two caches, among more objects than are remembered.
TEST_F(FlightRecorderOrderTest, AnOwnEventIsKnownAgainAmongMany) {
  See(Event("a", 5));
  for (int i = 0; i < 31; ++i) See(Event(StrCat("n", i), 6));
  Note(Write("a", 11));
  Pass(absl::Milliseconds(10));
  const SeenEvent echo = Event("a", 11, Asks::kChanged);
  See(echo);
  See(Event("new", 12));
  See(echo);
  EXPECT_EQ(Stat("pending_objects"), 0);
}

// a write that is told of after its own event, and another's event before or after that.
TEST_F(FlightRecorderOrderTest, AnOwnEventToldFirstDoesNotHideAnothers) {
  See(Event("asked", 11, Asks::kChanged));
  Pass(absl::Seconds(2));
  const SeenWrite answer = Write("asked", 12), unasked = Write("unasked", 12);
  Pass(absl::Milliseconds(20));
  See(Event("asked", 12, Asks::kChanged));
  See(Event("unasked", 12, Asks::kChanged));
  Pass(absl::Milliseconds(20));
  See(Event("unasked", 13, Asks::kChanged));
  Note(answer);
  Note(unasked);
  EXPECT_EQ(EventToAction().count(), 1u) << "that of 11";
  ExpectNear(EventToAction().Max(), absl::Seconds(2));
  Pass(absl::Seconds(11));
  ASSERT_EQ(recorder_.Stuck().size(), 1u);
  EXPECT_EQ(recorder_.Stuck()[0].name, "unasked");
  EXPECT_EQ(recorder_.Stuck()[0].version, ResourceVersion(13)) << "12 is its own";
  EXPECT_EQ(recorder_.Stuck()[0].age, absl::Seconds(11));
}

// writes of ever new objects (Kubernetes Events) do not push out the one in a loop.
TEST_F(FlightRecorderOrderTest, ALoopIsSeenAmongCreations) {
  uint64_t v = 10;
  for (int i = 0; i < 15; ++i) {
    Note(Write("a", ++v));
    Pass(absl::Milliseconds(50));
    See(Event("a", v));
    for (int j = 0; j < 3; ++j) Note(Write(StrCat("e", i, "-", j), ++v));
    Pass(absl::Milliseconds(150));
  }
  Pass(absl::Milliseconds(900));
  EXPECT_EQ(Stat("write_loops"), 1);
}

// it left the selection of one cache, and is changed in the other: told in either order.
TEST_F(FlightRecorderOrderTest, LeavingOneSelectionIsNoDeletion) {
  SeenEvent left = Event("a", 11, Asks::kNothing, WatchEventType::kDeleted);
  See(left);
  See(Event("a", 11, Asks::kChanged));
  EXPECT_EQ(Stat("pending_objects"), 1);
}

// its deletion was never told (a gap between two watches); another of the name has come.
TEST_F(FlightRecorderOrderTest, AnotherOfTheNameMeansThatTheFirstIsGone) {
  See(Event("a", 11, Asks::kChanged));
  SeenEvent again = Event("a", 20, Asks::kCreated);
  again.uid = "uid-2";
  See(again);
  EXPECT_EQ(Stat("pending_objects"), 1);
}

// a write whose answer could not be read (gzip, eviction's Status) still is one.
TEST_F(FlightRecorderOrderTest, AWriteIsAnActionWhateverItsAnswerSays) {
  See(Event("a", 11, Asks::kChanged));
  Pass(absl::Seconds(1));
  SeenWrite w = Write("a", 0);
  w.uid.clear();
  w.version = {};
  Note(w);
  EXPECT_EQ(Stat("pending_objects"), 0);
}

// what nobody acts on does not push out what is stuck.
TEST_F(FlightRecorderOrderTest, WhatNobodyActsOnDoesNotPushOutTheStuck) {
  See(Event("first", 1, Asks::kCreated));
  Note(Write("first", 2));
  See(Event("a", 3, Asks::kChanged));
  for (int i = 0; i < 20; ++i) {
    SeenEvent s = Event(StrCat("s", i), 10 + i, Asks::kCreated);
    s.resource = "secrets";
    See(s);
  }
  Pass(absl::Seconds(11));
  EXPECT_EQ(Stat("objects_stuck"), 1);
}

}  // namespace
}  // namespace weir
