// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/strings.h"
#include "tests/record/flight_recorder_fixture.h"

namespace weir {
namespace {

// An operator's time begins when it could know: at the event's delivery, not in the cache.
class FlightRecorderDeliveryTest : public FlightRecorderFixture {
 protected:
  SeenEvent Undelivered(const std::string& name, uint64_t version) {
    SeenEvent event = Event(name, version, Asks::kChanged);
    event.delivered = std::nullopt;
    return event;
  }
  SeenDelivery DeliveredNow(const std::string& name, uint64_t version) {
    return {.uid = "uid-" + name, .version = ResourceVersion(version), .at = dispatcher_.Now()};
  }
  void Deliver(const SeenDelivery& delivery) {
    recorder_.OnSeen({.events = {}, .writes = {}, .deliveries = {delivery}});
  }
  // Something is known to be done about foos.
  void ActOnce() {
    See(Event("first", 1, Asks::kCreated));
    Note(Write("first", 2));
  }
};

TEST_F(FlightRecorderDeliveryTest, ABacklogIsNotTheOperatorsTime) {
  See(Undelivered("a", 11));
  Pass(absl::Seconds(30));
  Deliver(DeliveredNow("a", 11));
  Pass(absl::Seconds(5));
  Note(Write("a", 12));
  ASSERT_EQ(EventToAction().count(), 1U);
  ExpectNear(EventToAction().Max(), absl::Seconds(5));
  EXPECT_EQ(Stat("pending_objects"), 0);
}

TEST_F(FlightRecorderDeliveryTest, WhatWasNotDeliveredIsNotStuck) {
  ActOnce();
  See(Undelivered("a", 11));
  Pass(absl::Seconds(60));
  EXPECT_TRUE(recorder_.Stuck().empty());
  EXPECT_EQ(Stat("objects_stuck"), 0);
  Deliver(DeliveredNow("a", 11));
  Pass(absl::Seconds(9));
  EXPECT_TRUE(recorder_.Stuck().empty());
  Pass(absl::Seconds(3));
  ASSERT_EQ(recorder_.Stuck().size(), 1U);
  EXPECT_EQ(recorder_.Stuck()[0].age, absl::Seconds(12));
  EXPECT_EQ(Stat("objects_stuck"), 1);
}

// It was written for another reason.
TEST_F(FlightRecorderDeliveryTest, AWriteBeforeTheDeliveryIsNoAnswer) {
  See(Undelivered("a", 11));
  Pass(absl::Seconds(1));
  Note(Write("a", 12));
  EXPECT_EQ(EventToAction().count(), 0U);
  Pass(absl::Seconds(1));
  Deliver(DeliveredNow("a", 11));
  EXPECT_EQ(EventToAction().count(), 0U);
  EXPECT_EQ(Stat("pending_objects"), 1);
  Pass(absl::Seconds(2));
  Note(Write("a", 13));
  ASSERT_EQ(EventToAction().count(), 1U);
  ExpectNear(EventToAction().Max(), absl::Seconds(2));
}

// Deliveries are told of in batches, and writes by other workers.
TEST_F(FlightRecorderDeliveryTest, TheDeliveryMayBeToldOfAfterTheAction) {
  See(Undelivered("a", 11));
  Pass(absl::Seconds(10));
  const SeenDelivery delivery = DeliveredNow("a", 11);
  Pass(absl::Seconds(1));
  Note(Write("a", 12));
  Pass(absl::Milliseconds(200));
  Deliver(delivery);
  ASSERT_EQ(EventToAction().count(), 1U);
  ExpectNear(EventToAction().Max(), absl::Seconds(1));
  EXPECT_EQ(Stat("pending_objects"), 0);
}

TEST_F(FlightRecorderDeliveryTest, WhatWasDeliveredAfterTheActionStillAsks) {
  See(Undelivered("a", 11));
  See(Undelivered("a", 12));
  const SeenDelivery first = DeliveredNow("a", 11);
  Pass(absl::Seconds(1));
  Note(Write("a", 20));
  Pass(absl::Seconds(1));
  recorder_.OnSeen({.events = {}, .writes = {}, .deliveries = {first, DeliveredNow("a", 12)}});
  EXPECT_EQ(EventToAction().count(), 1U);
  EXPECT_EQ(Stat("pending_objects"), 1);
  Pass(absl::Seconds(4));
  Note(Write("a", 21));
  ASSERT_EQ(EventToAction().count(), 2U);
  ExpectNear(EventToAction().Quantile(0), absl::Seconds(1));
  ExpectNear(EventToAction().Max(), absl::Seconds(4));
}

// The other worker's client is slow, or the newer event was folded into what it was sent.
TEST_F(FlightRecorderDeliveryTest, TheFirstDeliveryCounts) {
  See(Undelivered("a", 11));
  Pass(absl::Seconds(1));
  SeenEvent same = Event("a", 11, Asks::kChanged);
  See(same);
  Pass(absl::Seconds(3));
  Deliver(DeliveredNow("a", 11));
  Note(Write("a", 12));
  ExpectNear(EventToAction().Max(), absl::Seconds(3));

  See(Undelivered("b", 21));
  Pass(absl::Seconds(1));
  See(Event("b", 22, Asks::kChanged));
  Pass(absl::Seconds(2));
  Note(Write("b", 23));
  ASSERT_EQ(EventToAction().count(), 2U);
  ExpectNear(EventToAction().Quantile(0), absl::Seconds(2));
}

// Workers tell of a write at once, and of its event somewhat later.
TEST_F(FlightRecorderDeliveryTest, AQuickActionCanBeLookedUp) {
  const std::string action = "5fe3c8cf-0000-4000-8000-000000000001";
  const SeenEvent event = Event("a", 11, Asks::kChanged);
  Pass(absl::Milliseconds(20));
  SeenWrite write = Write("a", 12);
  write.audit_id = action;
  Note(write);
  See(event);
  ASSERT_EQ(EventToAction().count(), 1U);
  EXPECT_THAT(registry_.RenderOpenMetrics(),
              testing::ContainsRegex("event_to_action_seconds_bucket.* # .audit_id=\"" + action));
}

TEST_F(FlightRecorderDeliveryTest, AWriteWhoseEventWasLateCanBeLookedUp) {
  for (const bool event_first : {false, true}) {
    const std::string name = event_first ? "a" : "b";
    SeenWrite write = Write(name, 11);
    write.audit_id = StrCat("5fe3c8cf-0000-4000-8000-00000000000", event_first ? 2 : 3);
    // Of another bucket each.
    Pass(event_first ? absl::Seconds(20) : absl::Milliseconds(20));
    const SeenEvent event = Event(name, 11);
    if (event_first) See(event);
    Note(write);
    if (!event_first) See(event);
    EXPECT_THAT(
        registry_.RenderOpenMetrics(),
        testing::ContainsRegex("write_to_watch_seconds_bucket.* # .audit_id=\"" + write.audit_id));
  }
}

// A write that takes its time: it began before the newer event, which it does not answer, and its
// own event asks for nothing.
TEST_F(FlightRecorderDeliveryTest, TheEventOfASlowWriteIsItsOwn) {
  See(Event("a", 11, Asks::kChanged));
  Pass(absl::Seconds(1));
  SeenWrite write = Write("a", 12);
  Pass(absl::Milliseconds(100));
  See(Event("a", 12, Asks::kChanged));
  Pass(absl::Milliseconds(100));
  write.answered = dispatcher_.Now();
  Note(write);
  EXPECT_EQ(EventToAction().count(), 1U);
  EXPECT_EQ(Stat("pending_objects"), 0);
}

}  // namespace
}  // namespace weir
