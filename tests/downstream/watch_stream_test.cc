// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/watch_stream.h"

#include "tests/downstream/watch_stream_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WatchStreamTest : public WatchStreamFixture {
 protected:
  static EventView Metadata() { return ViewOf({.to_metadata = true}); }
  void PutNotShowable(const std::string& name) {
    resource_.Put({.name = name,
                   .labels = {{"autoscaling.alpha.kubernetes.io/conditions", "made"}},
                   .api_version = "autoscaling/v1",
                   .kind = "HorizontalPodAutoscaler"});
    dispatcher_.RunReady();
  }
};

TEST_F(WatchStreamTest, SendsTheDifferenceToAReaderThatWasPassedBy) {
  WatchClient& client = Watch(Replica());
  client.Stall();
  FloodWindow();     // 11..15
  resource_.Bump();  // 16
  resource_.SendBookmarks();
  dispatcher_.RunReady();
  client.Take();
  EXPECT_THAT(client.Read(), ElementsAre("ADDED flood@15", "BOOKMARK@16"));
  EXPECT_FALSE(client.writer.ended());
  EXPECT_EQ(registry_.Sum("weir_downstream_watch_differences_total"), 1);
  EXPECT_EQ(registry_.Sum("weir_downstream_folded_events_total", {{"resource", "configmaps"}}), 4);
}

// However little of it the window has kept.
TEST_F(WatchStreamTest, SaysHowManyEventsItsClientIsBehind) {
  WatchClient& client = Watch(Replica());
  client.Stall();
  for (int i = 0; i < 20; ++i) FloodWindow();
  EXPECT_EQ(client.stream->backlog().events, 100U);
  client.Take();
  EXPECT_EQ(client.stream->backlog().events, 0U);
}

TEST_F(WatchStreamTest, SaysSinceWhenItsClientHasHeardNothing) {
  WatchClient& client = Watch(Replica());
  const MonotonicTime began = dispatcher_.Now();
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(client.stream->backlog().heard, began);
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  const MonotonicTime event = dispatcher_.Now();
  EXPECT_EQ(client.stream->backlog().heard, event);
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(client.stream->backlog().heard, event);
  resource_.Bump();
  resource_.SendBookmarks();
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(5));
  EXPECT_GT(*client.stream->backlog().heard, event + absl::Minutes(1));
}

TEST_F(WatchStreamTest, MarksWhenItsConnectionHadBeenHandedARevision) {
  CacheReplica& replica = Replica();
  WatchClient& client = Watch(replica);
  client.Stall();
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  const uint64_t first = replica.newest()->sequence;
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_EQ(client.marks.When(first), std::nullopt);
  client.Take();
  EXPECT_EQ(client.marks.When(first), dispatcher_.Now());
  client.Stall();
  FloodWindow("one");
  FloodWindow("two");
  client.Take(1);  // One of the difference of two.
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_EQ(client.marks.When(first + 1), std::nullopt);
  client.Take();
  EXPECT_EQ(client.marks.When(first + 10), dispatcher_.Now());
}

TEST_F(WatchStreamTest, MarksNothingBeforeTheInitialObjectsAreSent) {
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  CacheReplica& replica = Replica();
  WatchClient& client = StreamList(replica, 1);
  EXPECT_EQ(client.marks.When(1), std::nullopt);
  client.Take();
  EXPECT_EQ(client.marks.When(replica.newest()->sequence), dispatcher_.Now());
}

TEST_F(WatchStreamTest, WithoutCoalescingAReaderThatWasPassedByIsEndedCleanly) {
  WatchClient& client = Watch(Replica(), false);
  resource_.Put({.name = "a"});  // 11
  dispatcher_.RunReady();
  client.Stall();
  FloodWindow();  // 12..16
  // At once: its connection may never take more.
  EXPECT_TRUE(client.writer.ended());
  EXPECT_FALSE(client.writer.was_reset());
  EXPECT_THAT(client.Read(), ElementsAre("ADDED a@11")) << "where it goes on from";
  EXPECT_EQ(Ends("behind"), 1);
  client.Take();
  dispatcher_.Advance(2 * kTimeout);
  EXPECT_EQ(client.Read().size(), 1U);
  EXPECT_EQ(Ends("timeout"), 0);
  EXPECT_EQ(registry_.Sum("weir_downstream_watch_differences_total"), 0);
}

TEST_F(WatchStreamTest, WithoutCoalescingAReaderInTheWindowIsSentEveryChange) {
  WatchClient& client = Watch(Replica(), false);
  client.Stall();
  for (int i = 0; i < 4; ++i) {
    resource_.Put({.name = "a"});  // 11..14
    dispatcher_.RunReady();
  }
  client.Take();
  EXPECT_THAT(client.Read(),
              ElementsAre("ADDED a@11", "MODIFIED a@12", "MODIFIED a@13", "MODIFIED a@14"));
  EXPECT_FALSE(client.writer.ended());
}

// client-go asks for a stream-list that ends before its bookmark again at once, for ever.
TEST_F(WatchStreamTest, WithoutCoalescingTheInitialEventsAreFinishedFirst) {
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  WatchClient& client = StreamList(Replica(), 1, false);
  EXPECT_THAT(client.Read(), ElementsAre("ADDED a@11"));
  FloodWindow();  // 13..17
  EXPECT_FALSE(client.writer.ended());
  client.Take();
  EXPECT_THAT(client.Read(), ElementsAre("ADDED a@11", "ADDED b@12", "END@12"));
  EXPECT_TRUE(client.writer.ended());
  EXPECT_FALSE(client.writer.was_reset());
  EXPECT_EQ(Ends("behind"), 1);
}

TEST_F(WatchStreamTest, HoldsNothingOnceItHasEnded) {
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica();
  WatchClient& client = Watch(replica);
  const std::weak_ptr<const Object> held = *replica.newest()->objects.Find({"default", "a"});
  client.Stall();
  resource_.Put({.name = "a"});
  FloodWindow();
  EXPECT_FALSE(held.expired());
  client.stream->OnDrain();  // The connection still has to take the end.
  EXPECT_TRUE(held.expired());
  StreamRow row;
  client.stream->Describe(row);
  EXPECT_EQ(row.events_behind, 0U);
}

// What a stream is sent before it ends by its timeout may be an end already.
TEST_F(WatchStreamTest, EndsOnce) {
  CacheReplica& replica = Replica();
  WatchClient& client = WatchFrom(replica, V(13));
  client.Stall();
  FloodWindow();                    // 11..15: it is between.
  client.writer.TakeAll(SIZE_MAX);  // And has not heard of it.
  client.stream->OnDrain();
  EXPECT_THAT(client.Read(), ElementsAre()) << "it comes back, and is answered by the API server";
  EXPECT_TRUE(client.writer.ended());
  EXPECT_EQ(Ends("cache"), 1);
  EXPECT_EQ(Ends("drain"), 0);
}

TEST_F(WatchStreamTest, BookmarksOfAMetadataWatchAreOfItsKind) {
  WatchClient& client = StreamList(Replica(), SIZE_MAX, true, Metadata());
  EXPECT_THAT(client.Read(), ElementsAre("END@10"));
  const auto event = nlohmann::json::parse(client.writer.body());
  EXPECT_EQ(event["object"]["kind"], "PartialObjectMetadata");
  EXPECT_EQ(event["object"]["apiVersion"], "meta.k8s.io/v1");
}

TEST_F(WatchStreamTest, SendsMetadataOfWholeObjects) {
  resource_.Put({.name = "a", .labels = {{"app", "web"}}, .data = "content"});
  WatchClient& client = StreamList(Replica(), SIZE_MAX, true, Metadata());
  EXPECT_EQ(client.writer.body().substr(0, client.writer.body().find('\n')),
            R"({"type":"ADDED","object":{"kind":"PartialObjectMetadata",)"
            R"("apiVersion":"meta.k8s.io/v1","metadata":{"name":"a","namespace":"default",)"
            R"("uid":"uid-1","resourceVersion":"11","labels":{"app":"web"}}}})");
}

TEST_F(WatchStreamTest, EndsWhereMetadataCannotBeTold) {
  WatchClient& watch = Watch(Replica(), true, Metadata());
  PutNotShowable("a");
  EXPECT_THAT(watch.Read(), IsEmpty());
  EXPECT_TRUE(watch.writer.ended());
  EXPECT_FALSE(watch.writer.was_reset());
  WatchClient& list = StreamList(Replica(), SIZE_MAX, true, Metadata());
  EXPECT_TRUE(list.writer.was_reset()) << "it must not take this for a list";
  EXPECT_EQ(Ends("cache"), 2);
}

}  // namespace
}  // namespace weir
