// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/flight_recorder.h"

#include "tests/record/flight_recorder_fixture.h"

namespace weir {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

using FlightRecorderTest = FlightRecorderFixture;

TEST_F(FlightRecorderTest, AWriteComesBackAsAnEvent) {
  Note(Write("a", 11));
  Pass(absl::Milliseconds(250));
  See(Event("a", 11, Asks::kChanged));
  EXPECT_EQ(WriteToWatch().count(), 1u);
  ExpectNear(WriteToWatch().Max(), absl::Milliseconds(250));
  EXPECT_EQ(Stat("own_events_total", {{"resource", kFoos}}), 1);
  EXPECT_EQ(Stat("pending_objects"), 0) << "nobody has to react to what they did";
  EXPECT_EQ(WriteToWatch("others").count(), 0u);
}

TEST_F(FlightRecorderTest, AnEventMayBeToldOfBeforeItsWrite) {
  SeenWrite write = Write("a", 11);
  Pass(absl::Milliseconds(5));
  See(Event("a", 11, Asks::kChanged));
  Pass(absl::Milliseconds(5));
  write.answered = dispatcher_.Now();
  Note(write);
  EXPECT_EQ(WriteToWatch().count(), 1u);
  EXPECT_LT(WriteToWatch().Max(), absl::Milliseconds(1)) << "not less than nothing";
  EXPECT_EQ(Stat("own_events_total"), 1);
  EXPECT_EQ(Stat("pending_objects"), 0);
  EXPECT_EQ(EventToAction().count(), 0u) << "the write did not answer its own event";
  EXPECT_EQ(Stat("no_op_writes_total"), 0);
}

// Whichever is told of first. What Weir did with the event is its own time.
TEST_F(FlightRecorderTest, WriteToWatchEndsWhereTheEventComes) {
  for (const bool late : {false, true}) {
    const std::string name = late ? "late" : "early";
    const SeenWrite write = Write(name, 11);
    Pass(absl::Milliseconds(20));
    SeenEvent event = Event(name, 11);
    Pass(absl::Milliseconds(50));
    event.published = dispatcher_.Now();
    if (late) See(event);
    Note(write);
    if (!late) See(event);
  }
  EXPECT_EQ(WriteToWatch().count(), 2u);
  ExpectNear(WriteToWatch().Quantile(0), absl::Milliseconds(20));
  ExpectNear(WriteToWatch().Max(), absl::Milliseconds(20));
}

TEST_F(FlightRecorderTest, AnotherWritesTimeEndsWhereTheEventComes) {
  SeenEvent event = Event("a", 11);
  Pass(absl::Seconds(50));
  event.published = dispatcher_.Now();
  event.written = absl::Now() - absl::Seconds(70);
  See(event);
  EXPECT_NEAR(absl::ToDoubleSeconds(WriteToWatch("others").Max()), 20, 1);
}

TEST_F(FlightRecorderTest, OthersWritesAreKnownByManagedFields) {
  SeenEvent event = Event("a", 11);
  event.written = absl::Now() - absl::Seconds(20);
  See(event);
  EXPECT_EQ(WriteToWatch("others").count(), 1u);
  EXPECT_NEAR(absl::ToDoubleSeconds(WriteToWatch("others").Max()), 20, 1);
  EXPECT_EQ(WriteToWatch().count(), 0u);
}

TEST_F(FlightRecorderTest, AWriteOfTheObjectAnswersItsEvent) {
  See(Event("a", 11, Asks::kCreated));
  EXPECT_EQ(Stat("pending_objects"), 1);
  Pass(absl::Seconds(15));
  Note(Write("a", 12));
  EXPECT_EQ(EventToAction().count(), 1u);
  ExpectNear(EventToAction().Max(), absl::Seconds(15));
  EXPECT_EQ(Stat("pending_objects"), 0);
}

TEST_F(FlightRecorderTest, AnActionAndAConflictCanBeLookedUpInTheAuditLog) {
  See(Event("a", 11, Asks::kCreated));
  Pass(absl::Seconds(2));
  SeenWrite write = Write("a", 12);
  write.audit_id = "acted-1";
  Note(write);
  See(Event("a", 13));
  Pass(absl::Milliseconds(20));
  SeenWrite refused = Write("a", 0);
  refused.status = 409;
  refused.uid.clear();
  refused.audit_id = "refused-1";
  Note(refused);
  const std::string text = registry_.RenderOpenMetrics();
  EXPECT_THAT(text, testing::HasSubstr("{audit_id=\"acted-1\"} 2 "));
  EXPECT_THAT(text, testing::HasSubstr("{audit_id=\"refused-1\"} 0.02 "));
}

TEST_F(FlightRecorderTest, AWriteOfAChildAnswersItsOwnersEvent) {
  See(Event("a", 11, Asks::kChanged));
  Pass(absl::Seconds(2));
  Note(Child("a", 12));
  EXPECT_EQ(Latency("weir_record_event_to_action_seconds", {{"resource", kFoos}}).count(), 1u);
  ExpectNear(EventToAction().Max(), absl::Seconds(2));
}

TEST_F(FlightRecorderTest, AWriteThatWasQuickerThanItsEventsBatchAnswersIt) {
  SeenEvent event = Event("a", 11, Asks::kCreated);
  Pass(absl::Milliseconds(20));
  Note(Write("a", 12));
  Pass(absl::Milliseconds(200));
  See(std::move(event));
  EXPECT_EQ(EventToAction().count(), 1u);
  ExpectNear(EventToAction().Max(), absl::Milliseconds(20));
  EXPECT_EQ(Stat("pending_objects"), 0);
}

TEST_F(FlightRecorderTest, AWriteFromBeforeAnEventDoesNotAnswerIt) {
  Note(Write("a", 11));
  Pass(absl::Seconds(1));
  See(Event("a", 12, Asks::kChanged));
  EXPECT_EQ(EventToAction().count(), 0u);
  EXPECT_EQ(Stat("pending_objects"), 1);
}

TEST_F(FlightRecorderTest, TheOldestOfSeveralEventsCounts) {
  See(Event("a", 11, Asks::kCreated));
  Pass(absl::Seconds(3));
  See(Event("a", 12, Asks::kChanged));
  Pass(absl::Seconds(1));
  Note(Write("a", 13));
  EXPECT_EQ(EventToAction().count(), 1u);
  ExpectNear(EventToAction().Max(), absl::Seconds(4));
}

TEST_F(FlightRecorderTest, AnEventIsCountedOnceHoweverManyCachesBringIt) {
  Note(Write("a", 11));
  See(Event("a", 11));
  See(Event("a", 11));
  EXPECT_EQ(Stat("own_events_total"), 1);
  See(Event("a", 12, Asks::kChanged));
  Note(Write("a", 13));
  See(Event("a", 12, Asks::kChanged));
  EXPECT_EQ(EventToAction().count(), 1u);
  EXPECT_EQ(Stat("pending_objects"), 0);
}

TEST_F(FlightRecorderTest, AnObjectIsStuckOnceTheThresholdHasPassed) {
  See(Event("first", 10, Asks::kCreated));
  Note(Write("first", 11));
  See(Event("a", 12, Asks::kChanged));
  Pass(absl::Seconds(10));
  EXPECT_THAT(recorder_.Stuck(), IsEmpty());
  EXPECT_EQ(Stat("objects_stuck"), 0);
  Pass(absl::Seconds(1));
  const std::vector<StuckObject> stuck = recorder_.Stuck();
  ASSERT_THAT(stuck, SizeIs(1));
  EXPECT_EQ(stuck[0].resource, kFoos);
  EXPECT_EQ(stuck[0].namespace_name, "ns");
  EXPECT_EQ(stuck[0].name, "a");
  EXPECT_EQ(stuck[0].version, ResourceVersion(12));
  EXPECT_EQ(stuck[0].asks, Asks::kChanged);
  EXPECT_EQ(stuck[0].age, absl::Seconds(11));
  EXPECT_TRUE(stuck[0].acts);
  EXPECT_EQ(Stat("objects_stuck", {{"resource", kFoos}}), 1) << "within a second";
  Note(Write("a", 13));
  Pass(absl::Seconds(1));
  EXPECT_THAT(recorder_.Stuck(), IsEmpty());
  EXPECT_EQ(Stat("objects_stuck"), 0);
}

TEST_F(FlightRecorderTest, AStuckObjectIsShownWithTheVersionSinceWhichItIs) {
  See(Event("a", 12, Asks::kCreated));
  Pass(absl::Seconds(5));
  See(Event("a", 13, Asks::kDeleting));
  Pass(absl::Seconds(6));
  const std::vector<StuckObject> stuck = recorder_.Stuck();
  ASSERT_THAT(stuck, SizeIs(1));
  EXPECT_EQ(stuck[0].version, ResourceVersion(12));
  EXPECT_EQ(stuck[0].age, absl::Seconds(11));
  EXPECT_EQ(stuck[0].asks, Asks::kDeleting) << "what it asks for now";
}

TEST_F(FlightRecorderTest, WhatNobodyActsOnIsShownLastAndRaisesNoAlarm) {
  SeenEvent secret = Event("secret", 10, Asks::kCreated);
  secret.resource = "secrets";
  See(secret);
  See(Event("first", 11, Asks::kCreated));
  Note(Write("first", 12));
  Pass(absl::Seconds(1));
  See(Event("a", 13, Asks::kCreated));
  Pass(absl::Seconds(12));
  const std::vector<StuckObject> stuck = recorder_.Stuck();
  ASSERT_THAT(stuck, SizeIs(2));
  EXPECT_EQ(stuck[0].name, "a");
  EXPECT_EQ(stuck[1].name, "secret");
  EXPECT_FALSE(stuck[1].acts);
  EXPECT_EQ(Stat("objects_stuck"), 1);
}

TEST_F(FlightRecorderTest, ADeletedObjectIsNotStuck) {
  See(Event("a", 11, Asks::kDeleting));
  See(Event("a", 12, Asks::kNothing, WatchEventType::kDeleted));
  EXPECT_EQ(Stat("pending_objects"), 0);
}

TEST_F(FlightRecorderTest, ADeletionNeedsNoVersionToBeAnAction) {
  See(Event("a", 11, Asks::kDeleting));
  for (int i = 0; i < 2; ++i) {
    SeenWrite write = Write("a", 0);
    write.version = ResourceVersion();
    Note(write);
  }
  EXPECT_EQ(EventToAction().count(), 1u);
  EXPECT_EQ(Stat("no_op_writes_total"), 0);
}

TEST_F(FlightRecorderTest, ConflictsAreCountedWithTheAgeOfTheNewestEvent) {
  See(Event("a", 11));
  Pass(absl::Milliseconds(30));
  SeenWrite write = Write("a", 0);
  write.status = 409;
  write.uid.clear();
  Note(write);
  EXPECT_EQ(Stat("conflicts_total", {{"resource", kFoos}}), 1);
  ExpectNear(Latency("weir_record_conflict_lag_seconds").Max(), absl::Milliseconds(30));
  EXPECT_THAT(recorder_.Busy(), IsEmpty());
}

TEST_F(FlightRecorderTest, OtherRefusalsSayNothing) {
  SeenWrite write = Write("a", 0);
  write.resource = "invented";
  write.status = 404;
  Note(write);
  EXPECT_EQ(registry_.RenderPrometheus().find("invented"), std::string::npos);
}

TEST_F(FlightRecorderTest, AWriteThatChangesNothingIsANoOp) {
  See(Event("a", 11));
  Pass(absl::Seconds(1));
  Note(Write("a", 11));
  EXPECT_EQ(Stat("no_op_writes_total"), 1);
  // Of an object of which no event was seen the first one cannot be told.
  Note(Write("b", 5));
  Note(Write("b", 5));
  EXPECT_EQ(Stat("no_op_writes_total"), 2);
}

TEST_F(FlightRecorderTest, AWriteLoopIsReportedWithItsRate) {
  uint64_t version = 10;
  for (int i = 0; i < 15; ++i) {  // 3 s
    Note(Write("a", ++version));
    Pass(absl::Milliseconds(50));
    See(Event("a", version, Asks::kChanged));
    Pass(absl::Milliseconds(150));
  }
  std::vector<BusyObject> busy = recorder_.Busy();
  ASSERT_THAT(busy, SizeIs(1));
  EXPECT_EQ(busy[0].name, "a");
  EXPECT_NEAR(busy[0].writes_per_second, 5, 0.1);
  EXPECT_NEAR(busy[0].own_events_per_second, 5, 0.1);
  EXPECT_TRUE(busy[0].loop);
  EXPECT_EQ(Stat("write_loops", {{"resource", kFoos}}), 1);
  Pass(absl::Seconds(7));
  EXPECT_THAT(recorder_.Busy(), IsEmpty());
  EXPECT_EQ(Stat("write_loops"), 0);
}

TEST_F(FlightRecorderTest, ManyWritesInAnswerToOthersAreNoLoop) {
  uint64_t version = 10;
  for (int i = 0; i < 20; ++i) {
    See(Event("a", ++version, Asks::kChanged));
    Note(Write("a", ++version));
    See(Event("a", version));
    Pass(absl::Milliseconds(200));
  }
  ASSERT_THAT(recorder_.Busy(), SizeIs(1));
  EXPECT_NEAR(recorder_.Busy()[0].writes_per_second, 5, 0.1);
  EXPECT_FALSE(recorder_.Busy()[0].loop);
}

TEST_F(FlightRecorderTest, HoldsNoMoreThanItMay) {
  uint64_t version = 10;
  for (int i = 0; i < 100; ++i) {
    const std::string name = StrCat("n", i);
    See(Event(name, ++version, Asks::kCreated));
    Note(Write(StrCat("w", i), ++version));
  }
  EXPECT_EQ(Stat("pending_objects"), 8);
  EXPECT_EQ(Stat("dropped_total", {{"what", "pending"}}), 92);
  Pass(absl::Seconds(11));
  EXPECT_THAT(recorder_.Stuck(), SizeIs(5)) << "rows";
  recorder_.OnSeen({.events = {}, .writes = {}, .dropped_events = 7, .dropped_writes = 2});
  EXPECT_EQ(Stat("dropped_total", {{"what", "events"}}), 7);
  EXPECT_EQ(Stat("dropped_total", {{"what", "writes"}}), 2);
}

TEST_F(FlightRecorderTest, OnlySoManyResourcesGetSeries) {
  for (int i = 0; i < 10; ++i) {
    SeenEvent event = Event("a", 11, Asks::kCreated);
    event.resource = StrCat("r", i);
    See(event);
  }
  EXPECT_EQ(registry_.Latencies("weir_record_event_to_action_seconds").size(), 4u);
}

TEST_F(FlightRecorderTest, SleepsWhenThereIsNothingToWatch) {
  See(Event("a", 11));
  EXPECT_EQ(dispatcher_.enabled_timers(), 0u);
  Note(Write("a", 12));
  EXPECT_EQ(dispatcher_.enabled_timers(), 1u);
  Pass(absl::Minutes(2));
  EXPECT_EQ(dispatcher_.enabled_timers(), 0u);
}

}  // namespace
}  // namespace weir
