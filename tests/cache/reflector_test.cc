// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/reflector.h"

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReflectorTest : public CacheFixture {};

TEST_F(ReflectorTest, SyncsByStreamListAndStaysOnTheSameStream) {
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  CacheReplica& replica = Replica();
  ASSERT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_TRUE(replica.upstream_healthy());
  resource_.Put({.name = "c"});
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(resource_.stream_lists(), 1);
  EXPECT_EQ(resource_.lists() + resource_.watches(), 0);
  EXPECT_EQ(map_->Rows().at(0).detail, "stream-list");
}

TEST_F(ReflectorTest, SyncsAResourceWithoutObjects) {
  CacheReplica& replica = Replica();
  ASSERT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_EQ(replica.newest()->version, V(resource_.version()));
  EXPECT_EQ(replica.kind(), "ConfigMap");
}

TEST_F(ReflectorTest, ListsAndWatchesWhereThereIsNoStreamList) {
  resource_.SetFaults([](auto& faults) { faults.stream_list = false; });
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica();
  ASSERT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_TRUE(replica.upstream_healthy());
  resource_.Put({.name = "b"});
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(map_->Rows().at(0).detail, "list+watch");

  // And remembers it.
  resource_.Compact();
  resource_.Put({.name = "c"});
  resource_.Compact();
  dispatcher_.Advance(absl::Seconds(5));
  resource_.CutWatches(ResourceExpiredError("gone"));
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.stream_lists(), 1);
  EXPECT_EQ(resource_.lists(), 2);
}

TEST_F(ReflectorTest, ListsWhenTheInitialEventsDoNotEnd) {
  resource_.SetFaults([](auto& faults) { faults.ends_initial_events = false; });
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Seconds(59));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSyncing);
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_EQ(resource_.lists(), 1);
}

TEST_F(ReflectorTest, ResumesAfterAnOrdinaryEndAtOnce) {
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

TEST_F(ReflectorTest, MissesNothingWhileTheConnectionIsDown) {
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

TEST_F(ReflectorTest, WaitsLongerEachTime) {
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
TEST_F(ReflectorTest, GoesOnAtOnceAfterAWatchThatWasOfUseBrokeOff) {
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
TEST_F(ReflectorTest, AWatchThatLastedIsANewStart) {
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
TEST_F(ReflectorTest, GoesOnLessOftenWhereWatchesBreakOffEarlyAgainAndAgain) {
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

TEST_F(ReflectorTest, PublishesTheDifferenceAfterA410) {
  resource_.Put({.name = "kept"});       // 11
  resource_.Put({.name = "changed"});    // 12
  resource_.Put({.name = "deleted"});    // 13
  resource_.Put({.name = "recreated"});  // 14
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  const std::string kept_raw = resource_.State()["default/kept"];
  const ObjectPtr kept = *replica.newest()->objects.Find({"default", "kept"});

  dispatcher_.Advance(absl::Seconds(10));
  resource_.SetFaults([](auto& faults) { faults.watches = {UnavailableError("down")}; });
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.RunReady();
  resource_.Delete("default", "deleted");    // 15
  resource_.Delete("default", "recreated");  // 16
  resource_.Put({.name = "recreated"});      // 17
  resource_.Put({.name = "new"});            // 18
  resource_.Put({.name = "changed"});        // 19
  resource_.Bump();                          // 20
  resource_.Compact();
  dispatcher_.Advance(absl::Seconds(10));

  EXPECT_THAT(ReadAll(cursor),
              ElementsAre("DELETED deleted@14", "DELETED recreated@14", "ADDED recreated@17",
                          "ADDED new@18", "MODIFIED changed@19"));
  EXPECT_EQ(cursor.complete_through(), V(20));
  EXPECT_EQ(StateOf(replica), resource_.State());
  // What has not changed is the same object still.
  EXPECT_EQ(*replica.newest()->objects.Find({"default", "kept"}), kept);
  EXPECT_EQ(Stat("relists_total"), 1);
  EXPECT_EQ(Stat("expired_total"), 1);
}

TEST_F(ReflectorTest, ListsAgainWhenWatchesEndAtOnceWithoutAWord) {
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

TEST_F(ReflectorTest, DoesNotAskAgainAndAgainForAVersionThatExpiresAtOnce) {
  Replica();
  for (int i = 0; i < 50; ++i) {
    resource_.CutWatches(ResourceExpiredError("gone"));
    dispatcher_.RunReady();
  }
  EXPECT_LE(resource_.stream_lists(), 2);
}

TEST_F(ReflectorTest, RefusesAListOlderThanWhatWasPublished) {
  resource_.SetFaults([](auto& faults) { faults.stream_list = false; });
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  resource_.Put({.name = "b"});  // 12
  dispatcher_.RunReady();
  resource_.SetFaults([](auto& faults) { faults.list_version = 11; });
  dispatcher_.Advance(absl::Seconds(10));
  resource_.CutWatches(ResourceExpiredError("gone"));
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.last_list_at_least(), V(12));
  EXPECT_EQ(Stat("time_travel_refused_total"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());

  resource_.SetFaults([](auto& faults) { faults.list_version.reset(); });
  resource_.Put({.name = "c"});
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(ReflectorTest, DropsWhatIsReplayedAndKeepsTheRest) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a"});  // 12
  resource_.Inject(MakeEvent(WatchEventType::kModified, {.name = "a", .version = 11}));
  resource_.Inject(MakeEvent(WatchEventType::kDeleted, {.name = "gone", .version = 9}));
  resource_.Inject(MakeBookmark(8));
  dispatcher_.RunReady();
  resource_.Put({.name = "b"});  // 13
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@12", "ADDED b@13"));
  EXPECT_EQ(Stat("time_travel_refused_total"), 0);
  EXPECT_EQ(registry_.Sum("weir_filter_stale_dropped_total"), 2);
  EXPECT_EQ(replica.newest()->version, V(13));
}

TEST_F(ReflectorTest, ListsAgainWhenNewsComesOutOfOrder) {
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "c"});  // 13
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(10));
  // An update of "a" that was passed over.
  resource_.Inject(
      MakeEvent(WatchEventType::kModified, {.name = "a", .version = 12, .uid = "uid-1"}));
  dispatcher_.RunReady();
  EXPECT_EQ(Stat("time_travel_refused_total"), 1);
  resource_.Put({.name = "d"});  // 14
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED c@13", "ADDED d@14"));
  EXPECT_EQ(Stat("relists_total"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(ReflectorTest, TurnsTypesIntoWhatReadersKnow) {
  resource_.Put({.name = "a"});  // 11, uid-1
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Inject(MakeEvent(WatchEventType::kAdded, {.name = "a", .version = 12, .uid = "uid-1"}));
  resource_.Inject(
      MakeEvent(WatchEventType::kModified, {.name = "b", .version = 13, .uid = "uid-2"}));
  resource_.Inject(
      MakeEvent(WatchEventType::kModified, {.name = "a", .version = 14, .uid = "uid-3"}));
  resource_.Inject(
      MakeEvent(WatchEventType::kDeleted, {.name = "b", .version = 15, .uid = "uid-4"}));
  resource_.Inject(MakeEvent(WatchEventType::kDeleted, {.name = "c", .version = 16}));
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@12", "ADDED b@13", "DELETED a@13",
                                           "ADDED a@14", "DELETED b@15"));
  EXPECT_EQ(cursor.complete_through(), V(16));
}

TEST_F(ReflectorTest, TriesAnUndecodableEventTwiceThenLists) {
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

TEST_F(ReflectorTest, KeepsTryingBeforeTheFirstSync) {
  resource_.SetFaults([](auto& faults) {
    faults.watches = {UnavailableError("1"), UnavailableError("2"), TooManyRequestsError("3")};
  });
  CacheReplica& replica = Replica();
  EXPECT_EQ(replica.state(), CacheReplica::State::kSyncing);
  EXPECT_THAT(map_->Rows().at(0).detail, HasSubstr("1"));
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
}

TEST_F(ReflectorTest, ListsWhenAStreamListBreaksOffOddly) {
  for (const absl::Status& status :
       {absl::OkStatus(), InternalError("x"), InvalidArgumentError("no JSON")}) {
    resource_.SetFaults([&](auto& faults) { faults.watches = {status}; });
    const int before = resource_.lists();
    CacheKey key = ConfigMaps();
    key.namespace_name = StrCat("n", before);
    CacheReplica& replica = Replica(key);
    dispatcher_.Advance(absl::Seconds(5));
    EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
    EXPECT_EQ(resource_.lists(), before + 1);
  }
}

TEST_F(ReflectorTest, IsUnavailableWhereItMayNotRead) {
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

TEST_F(ReflectorTest, IsUnavailableWhereListsMakeNoSense) {
  resource_.SetFaults([](auto& faults) {
    faults.stream_list = false;
    faults.lists = {InvalidArgumentError("resourceVersion \"x\" is not a decimal number")};
  });
  EXPECT_EQ(Replica().state(), CacheReplica::State::kUnavailable);
}

TEST_F(ReflectorTest, SurvivesDenialsForAMomentButNoLonger) {
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

TEST_F(ReflectorTest, CountsAsCutOffWhenAWatchDoesNotOpen) {
  CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Minutes(5));
  resource_.CutWatches();
  dispatcher_.RunReady();
  ASSERT_EQ(resource_.watches(), 1);
  resource_.SetFaults([](auto& faults) { faults.answers = false; });
  dispatcher_.Advance(absl::Minutes(5));
  EXPECT_TRUE(replica.upstream_healthy());  // That one is open.
}

TEST_F(ReflectorTest, ReadsProtobufAsItReadsJson) {
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica(ConfigMaps(Representation::kProtobuf));
  resource_.Put({.name = "b"});
  resource_.Delete("default", "a");
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State(Representation::kProtobuf));
  ASSERT_TRUE(replica.envelope().has_value());
  EXPECT_EQ(replica.envelope()->list_kind, "ConfigMapList");
}

}  // namespace
}  // namespace weir
