// SPDX-License-Identifier: Apache-2.0
//
// When a Reflector asks again after an end or a failure, for what, and when it gives up.
#include "proxy/cache/reflector.h"
#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReflectorRetryTest : public CacheFixture {};

TEST_F(ReflectorRetryTest, ResumesAfterAnOrdinaryEndAtOnce) {
  CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Minutes(6));
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.watches(), 1);
  EXPECT_TRUE(replica.upstream_healthy());
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(Stat("relists_total"), 0);
}

TEST_F(ReflectorRetryTest, MissesNothingWhileTheConnectionIsDown) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.SetFaults([](auto& faults) {
    faults.watches = {UnavailableError("refused"), TooManyRequestsError("later"),
                      TimeoutError("slow"), InternalError("what")};
  });
  resource_.CutWatches(UnavailableError("reset"));
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  EXPECT_FALSE(replica.upstream_healthy());
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED a@11"));
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(Stat("relists_total"), 0);
}

TEST_F(ReflectorRetryTest, WaitsLongerEachTime) {
  Replica();
  resource_.SetFaults([](auto& faults) {
    faults.watches = {UnavailableError("1"), UnavailableError("2"), UnavailableError("3")};
  });
  resource_.CutWatches(UnavailableError("0"));
  dispatcher_.Advance(absl::Milliseconds(50));
  EXPECT_EQ(resource_.watches(), 1) << "what was of use is asked for again at once";
  dispatcher_.Advance(absl::Milliseconds(740));
  EXPECT_EQ(resource_.watches(), 1);
  dispatcher_.Advance(absl::Milliseconds(810));
  EXPECT_EQ(resource_.watches(), 2);
  dispatcher_.Advance(absl::Milliseconds(780));
  EXPECT_EQ(resource_.watches(), 2);
  dispatcher_.Advance(absl::Milliseconds(1630));
  EXPECT_EQ(resource_.watches(), 3);
}

// As client-go does; else clients behind Weir would hear of a change later than straight.
TEST_F(ReflectorRetryTest, GoesOnAtOnceAfterAWatchThatWasOfUseBrokeOff) {
  CacheReplica& replica = Replica();
  resource_.CutWatches(UnavailableError("by the stream-list"));
  dispatcher_.RunReady();
  EXPECT_FALSE(replica.upstream_healthy());
  dispatcher_.Advance(absl::Milliseconds(40));
  EXPECT_EQ(resource_.watches(), 1);
  EXPECT_TRUE(replica.upstream_healthy());
  resource_.CutWatches(UnavailableError("too soon, and without an event"));
  dispatcher_.Advance(absl::Milliseconds(700));
  EXPECT_EQ(resource_.watches(), 1);
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_EQ(resource_.watches(), 2);
  dispatcher_.Advance(absl::Seconds(1));
  resource_.CutWatches(UnavailableError("it has lasted"));
  dispatcher_.Advance(absl::Milliseconds(40));
  EXPECT_EQ(resource_.watches(), 3);
}

// What was refused before a watch that lasted says nothing of what comes after it.
TEST_F(ReflectorRetryTest, AWatchThatLastedIsANewStart) {
  CacheReplica& replica = Replica();
  for (int i = 0; i < 3; ++i) {
    resource_.SetFaults([](auto& faults) {
      faults.watches = {UnavailableError("1"), UnavailableError("2"), UnavailableError("3"),
                        UnavailableError("4"), PermissionDeniedError("starting")};
    });
    resource_.CutWatches(UnavailableError("outage"));
    dispatcher_.Advance(absl::Minutes(1));
    EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
    EXPECT_TRUE(replica.upstream_healthy());
  }
  resource_.SetFaults([](auto& faults) { faults.watches = {UnavailableError("1")}; });
  resource_.CutWatches(UnavailableError("once more"));
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_TRUE(replica.upstream_healthy()) << "the waits have grown on";
}

// Each brings something and breaks off: that is not asked for hundreds of times a second.
TEST_F(ReflectorRetryTest, GoesOnLessOftenWhereWatchesBreakOffEarlyAgainAndAgain) {
  Replica();
  for (int i = 0; i < 100; ++i) {
    resource_.Put({.name = "a"});
    dispatcher_.RunReady();
    resource_.CutWatches(UnavailableError("again"));
    dispatcher_.Advance(absl::Milliseconds(40));
  }
  EXPECT_GE(resource_.watches(), 10);
  EXPECT_LE(resource_.watches(), 25);
}

TEST_F(ReflectorRetryTest, ListsAgainWhenWatchesEndAtOnceWithoutAWord) {
  resource_.SetFaults([](auto& faults) { faults.expires_silently = true; });
  CacheReplica& replica = Replica();
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.RunReady();
  resource_.Put({.name = "a"});
  resource_.Compact();
  dispatcher_.Advance(absl::Seconds(30));
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(Stat("relists_total"), 1);
}

TEST_F(ReflectorRetryTest, DoesNotAskAgainAndAgainForAVersionThatExpiresAtOnce) {
  Replica();
  for (int i = 0; i < 50; ++i) {
    resource_.CutWatches(ResourceExpiredError("gone"));
    dispatcher_.RunReady();
  }
  EXPECT_LE(resource_.stream_lists(), 2);
}

TEST_F(ReflectorRetryTest, TriesAnUndecodableEventTwiceThenLists) {
  CacheReplica& replica = Replica();
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.RunReady();
  resource_.SetFaults([](auto& faults) { faults.undecodable_after = 1; });
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  resource_.Put({.name = "c"});
  dispatcher_.Advance(absl::Milliseconds(50));  // a
  EXPECT_EQ(replica.newest()->objects.size(), 1U);
  EXPECT_EQ(Stat("decode_errors_total"), 1);
  resource_.SetFaults([](auto& faults) { faults.undecodable_after = 0; });
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_EQ(Stat("decode_errors_total"), 2);
  EXPECT_EQ(replica.newest()->objects.size(), 1U);
  resource_.SetFaults([](auto& faults) {
    faults.undecodable_after.reset();
    faults.stream_list = false;
  });
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(Stat("relists_total"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(ReflectorRetryTest, KeepsTryingBeforeTheFirstSync) {
  resource_.SetFaults([](auto& faults) {
    faults.watches = {UnavailableError("1"), UnavailableError("2"), TooManyRequestsError("3")};
  });
  CacheReplica& replica = Replica();
  EXPECT_EQ(replica.state(), CacheReplica::State::kSyncing);
  EXPECT_THAT(map_->Rows().at(0).detail, HasSubstr("1"));
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
}

TEST_F(ReflectorRetryTest, IsUnavailableWhereItMayNotRead) {
  const absl::Status denials[] = {PermissionDeniedError("forbidden"), UnauthenticatedError("who"),
                                  NotFoundError("no such resource"), NotAcceptableError("406")};
  int number = 0;
  for (const absl::Status& denial : denials) {
    resource_.SetFaults([&](auto& faults) { faults.watches = {denial}; });
    CacheKey key = ConfigMaps();
    key.namespace_name = StrCat("n", ++number);
    CacheReplica& replica = Replica(key);
    EXPECT_EQ(replica.state(), CacheReplica::State::kUnavailable);
    EXPECT_EQ(replica.unavailable_reason(), denial);
    EXPECT_EQ(map_->Get(key), nullptr);
  }
}

TEST_F(ReflectorRetryTest, IsUnavailableWhereListsMakeNoSense) {
  resource_.SetFaults([](auto& faults) {
    faults.stream_list = false;
    faults.lists = {InvalidArgumentError("resourceVersion \"x\" is not a decimal number")};
  });
  EXPECT_EQ(Replica().state(), CacheReplica::State::kUnavailable);
}

TEST_F(ReflectorRetryTest, SurvivesDenialsForAMomentButNoLonger) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) {
    faults.watches = {PermissionDeniedError("starting"), NotFoundError("starting")};
  });
  resource_.CutWatches(UnavailableError("restart"));
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_TRUE(replica.upstream_healthy());
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();

  resource_.SetFaults([](auto& faults) {
    faults.watches = {PermissionDeniedError("no"), PermissionDeniedError("no"),
                      PermissionDeniedError("no")};
  });
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(replica.state(), CacheReplica::State::kUnavailable);
}

TEST_F(ReflectorRetryTest, DenialsOfTwoMomentsAreNoLongDenial) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) {
    faults.watches = {PermissionDeniedError("starting"), UnavailableError("1"),
                      UnavailableError("2"), PermissionDeniedError("starting again")};
  });
  resource_.CutWatches(UnavailableError("restart"));
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_TRUE(replica.upstream_healthy());
}

TEST_F(ReflectorRetryTest, CountsAsCutOffWhenAWatchDoesNotOpen) {
  CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Minutes(5));
  resource_.CutWatches();
  dispatcher_.RunReady();
  ASSERT_EQ(resource_.watches(), 1);
  resource_.SetFaults([](auto& faults) { faults.answers = false; });
  dispatcher_.Advance(absl::Minutes(5));
  EXPECT_TRUE(replica.upstream_healthy());  // That one is open.
}

}  // namespace
}  // namespace weir
