// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/watch_cursor.h"

#include "tests/cache/small_window_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class WatchCursorTest : public SmallWindowFixture {
 protected:
  // The API server forgets; what has happened meanwhile is learnt by a relist.
  template <typename Meanwhile>
  void Relist(Meanwhile meanwhile) {
    dispatcher_.Advance(absl::Seconds(10));
    resource_.SetFaults([](auto& faults) { faults.watches = {UnavailableError("down")}; });
    resource_.CutWatches(UnavailableError("down"));
    dispatcher_.RunReady();
    meanwhile();
    resource_.Compact();
    dispatcher_.Advance(absl::Seconds(10));
  }
};

TEST_F(WatchCursorTest, YieldsInitialObjectsInKeyOrderThenTheirEnd) {
  resource_.Put({.name = "b"});                           // 11
  resource_.Put({.name = "a"});                           // 12
  resource_.Put({.name = "c", .namespace_name = "dee"});  // 13
  resource_.Bump();                                       // 14
  CacheReplica& replica = Replica();
  WatchCursor cursor = WatchCursor::WithInitialEvents(replica, EventView());
  resource_.Put({.name = "d"});  // 15
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor),
              ElementsAre("ADDED c@13", "ADDED a@12", "ADDED b@11", "END@14", "ADDED d@15"));
}

TEST_F(WatchCursorTest, YieldsTheEndOfNoObjects) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = WatchCursor::WithInitialEvents(replica, EventView());
  EXPECT_THAT(ReadAll(cursor), ElementsAre("END@10"));
}

TEST_F(WatchCursorTest, SkipsWhatTheReaderHasSeen) {
  CacheReplica& replica = Replica();
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  resource_.Put({.name = "c"});  // 13
  dispatcher_.RunReady();        // One Revision.
  EXPECT_EQ(replica.newest()->events.size(), 3U);
  WatchCursor cursor = CursorAt(replica, 12);
  EXPECT_EQ(cursor.events_behind(), 3U);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED c@13"));
}

TEST_F(WatchCursorTest, BeginsBeyondWhatTheCacheHas) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 12);
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  EXPECT_EQ(cursor.complete_through(), V(12)) << "a bookmark must not take the reader back";
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  resource_.Put({.name = "c"});  // 13
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED c@13"));
}

TEST_F(WatchCursorTest, SendsTheDifferenceToAReaderThatWasPassedBy) {
  resource_.Put({.name = "gone"});     // 11
  resource_.Put({.name = "changed"});  // 12
  resource_.Put({.name = "other"});    // 13
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Delete("default", "gone");  // 14
  resource_.Put({.name = "changed"});   // 15
  dispatcher_.RunReady();
  FloodWindow();                         // 16..20
  resource_.Delete("default", "other");  // 21
  dispatcher_.RunReady();
  // When "gone" went is forgotten, so it comes first; the window remembers "other".
  EXPECT_THAT(ReadAll(cursor), ElementsAre("DELETED gone@13", "MODIFIED changed@15",
                                           "ADDED flood@20", "DELETED other@21", "BOOKMARK@21"));
  EXPECT_EQ(cursor.differences_sent(), 1U);
  EXPECT_EQ(cursor.complete_through(), V(21));
}

TEST_F(WatchCursorTest, FinishesItsRevisionBeforeADifference) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  dispatcher_.RunReady();
  EXPECT_EQ(cursor.Next()->object->name(), "a");
  FloodWindow();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED b@12", "ADDED flood@17", "BOOKMARK@17"));
}

TEST_F(WatchCursorTest, NeverFoldsTwoObjectsOfOneName) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor early = CursorNow(replica);
  resource_.Delete("default", "a");  // 12
  resource_.Put({.name = "a"});      // 13
  dispatcher_.RunReady();
  FloodWindow();  // 14..18
  EXPECT_THAT(ReadAll(early),
              ElementsAre("DELETED a@11", "ADDED a@13", "ADDED flood@18", "BOOKMARK@18"));
}

TEST_F(WatchCursorTest, ADifferenceIsOfTheReadersView) {
  resource_.Put({.name = "leaves", .labels = {{"app", "web"}}});  // 11
  resource_.Put({.name = "enters"});                              // 12
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 12, Web());
  resource_.Put({.name = "leaves"});                              // 13
  resource_.Put({.name = "enters", .labels = {{"app", "web"}}});  // 14
  dispatcher_.RunReady();
  FloodWindow();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("DELETED leaves@12", "ADDED enters@14", "BOOKMARK@19"))
      << "the window has forgotten that it left at 13";
}

TEST_F(WatchCursorTest, TellsARelistToThoseBeforeItAndNotToThoseBeyond) {
  resource_.Put({.name = "gone"});  // 11
  CacheReplica& replica = Replica();
  Relist([this] {
    resource_.Delete("default", "gone");  // 12
    resource_.Put({.name = "x"});         // 13
    resource_.Put({.name = "gone"});      // 14
    resource_.Bump();                     // 15
  });
  ASSERT_TRUE(replica.newest()->relisted);
  WatchCursor before = CursorAt(replica, 11);
  EXPECT_THAT(ReadAll(before),
              ElementsAre("DELETED gone@11", "ADDED x@13", "ADDED gone@14", "BOOKMARK@15"));
  EXPECT_EQ(before.complete_through(), V(15));
  EXPECT_FALSE(replica.Find(V(13)).has_value());
  WatchCursor after = CursorAt(replica, 15);
  EXPECT_THAT(ReadAll(after), IsEmpty());
}

// Whoever resumes there could be anybody, of whom it is not known what he saw.
TEST_F(WatchCursorTest, SaysAtOnceThatARelistIsOver) {
  resource_.Put({.name = "a", .labels = {{"app", "web"}}});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 11, Web());
  WatchCursor unconcerned = CursorAt(replica, 11, ViewOf({.label_selector = "app=other"}));
  Relist([this] {
    resource_.Put({.name = "b", .labels = {{"app", "web"}}});  // 12
    resource_.Put({.name = "hidden"});                         // 13
  });
  EXPECT_FALSE(replica.Find(V(12)).has_value());
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED b@12", "BOOKMARK@13"));
  EXPECT_THAT(ReadAll(unconcerned), IsEmpty());
  EXPECT_EQ(unconcerned.complete_through(), V(13));
  resource_.Put({.name = "a", .labels = {{"app", "web"}}});  // 14
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@14"));
}

// When an object left the view is not known, if a relist found it out: it comes first, as one does
// that is gone. Whoever breaks off between the others has a version at which nobody tells of it.
TEST_F(WatchCursorTest, WhoLeavesTheViewInARelistLeavesFirst) {
  const std::vector<std::pair<std::string, std::string>> web = {{"app", "web"}};
  for (const char* name : {"a", "b", "c", "d"}) {
    resource_.Put({.name = name, .labels = web, .data = "shown"});  // 11..14
  }
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 14, Web());
  WatchCursor slow = cursor;
  Relist([&] {
    resource_.Put({.name = "a"});                 // 15
    resource_.Put({.name = "b", .labels = web});  // 16
    resource_.Put({.name = "a"});                 // 17
    resource_.Delete("default", "c");             // 18
    resource_.Put({.name = "e", .labels = web});  // 19
  });
  ASSERT_TRUE(replica.newest()->relisted);
  const auto left = cursor.Next();
  EXPECT_EQ(left->type, WatchEventType::kDeleted);
  EXPECT_EQ(left->object->name(), "a");
  EXPECT_EQ(left->object->version(), V(14));
  EXPECT_NE(left->object->raw().find("shown"), std::string_view::npos);
  WatchCursor resumed = CursorAt(replica, 14, Web());
  EXPECT_THAT(ReadAll(resumed),
              ElementsAre("DELETED a@14", "DELETED c@14", "MODIFIED b@16", "ADDED e@19"));
  EXPECT_THAT(ReadAll(cursor), ElementsAre("DELETED c@14", "MODIFIED b@16", "ADDED e@19"));
  WatchCursor everything = CursorAt(replica, 14);
  EXPECT_THAT(ReadAll(everything),
              ElementsAre("DELETED c@14", "MODIFIED b@16", "MODIFIED a@17", "ADDED e@19"));
  resource_.Put({.name = "b", .labels = web});  // 20
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED b@20"));
  EXPECT_THAT(ReadAll(slow), ElementsAre("DELETED a@14", "DELETED c@14", "ADDED e@19",
                                         "MODIFIED b@20", "BOOKMARK@20"));
}

TEST_F(WatchCursorTest, ADifferenceOverARelistTellsWhoLeftInItAsThat) {
  const std::vector<std::pair<std::string, std::string>> web = {{"app", "web"}};
  for (const char* name : {"a", "b"}) resource_.Put({.name = name, .labels = web});  // 11, 12
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 12, Web());
  FloodWindow();  // 13..17
  Relist([&] {
    resource_.Put({.name = "a"});                 // 18
    resource_.Put({.name = "b", .labels = web});  // 19
    resource_.Put({.name = "a"});                 // 20
  });
  ASSERT_TRUE(replica.newest()->relisted);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("DELETED a@17", "MODIFIED b@19", "BOOKMARK@20"));
}

// A watch has lost an event, which a list finds out at the version that the state had already.
TEST_F(WatchCursorTest, ARepairAtItsOwnVersionIsToldToWhoResumedThere) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) { faults.lost_events = 1; });
  resource_.Put({.name = "lost"});  // 11
  resource_.Put({.name = "b"});     // 12
  dispatcher_.RunReady();
  WatchCursor before = CursorAt(replica, 12);
  EXPECT_THAT(ReadAll(before), IsEmpty());
  replica.WantCurrent();
  dispatcher_.Advance(absl::Seconds(1));
  ASSERT_EQ(replica.newest()->version, V(12));
  ASSERT_EQ(replica.newest()->objects.size(), 2U);
  EXPECT_THAT(ReadAll(before), ElementsAre("ADDED lost@11", "BOOKMARK@12"));
  WatchCursor after = CursorAt(replica, 12);
  EXPECT_THAT(ReadAll(after), ElementsAre("ADDED lost@11", "BOOKMARK@12"))
      << "it may have that version from before";
  resource_.Put({.name = "c"});  // 13
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(before), ElementsAre("ADDED c@13"));
  WatchCursor beyond = CursorAt(replica, 13);
  EXPECT_THAT(ReadAll(beyond), IsEmpty());
}

TEST_F(WatchCursorTest, ExpiresWhenARelistHidesWhatTheReaderCannotKnow) {
  CacheReplica& replica = Replica();
  // It listed at 12 elsewhere and may hold objects that came at 11 and went at 13.
  WatchCursor between = CursorAt(replica, 12);
  WatchCursor beyond = CursorAt(replica, 14);
  Relist([this] {
    resource_.Put({.name = "fleeting"});      // 11
    resource_.Put({.name = "stays"});         // 12
    resource_.Delete("default", "fleeting");  // 13
    resource_.Bump();                         // 14
  });
  EXPECT_THAT(ReadAll(between), ElementsAre("EXPIRED"));
  EXPECT_EQ(between.Next()->kind, WatchCursor::Item::Kind::kExpired);
  EXPECT_THAT(ReadAll(beyond), IsEmpty());
  resource_.Put({.name = "next"});  // 15
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(beyond), ElementsAre("ADDED next@15"));
}

TEST_F(WatchCursorTest, ExpiresWhenPassedByBeforeItsStart) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor between = CursorAt(replica, 13);
  WatchCursor beyond = CursorAt(replica, 16);
  FloodWindow();  // 12..16
  EXPECT_THAT(ReadAll(between), ElementsAre("EXPIRED"));
  EXPECT_THAT(ReadAll(beyond), IsEmpty());
}

TEST_F(WatchCursorTest, AnInPlaceChangeOfUidIsSentWholeOrNotAtAll) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  resource_.Put({.name = "b"});  // 12
  resource_.Inject(
      MakeEvent(WatchEventType::kModified, {.name = "a", .version = 13, .uid = "another"}));
  dispatcher_.RunReady();
  WatchCursor at_12 = CursorAt(replica, 12);
  EXPECT_THAT(ReadAll(at_12), ElementsAre("DELETED a@12", "ADDED a@13"));
  WatchCursor at_13 = CursorAt(replica, 13);
  EXPECT_THAT(ReadAll(at_13), IsEmpty());
}

TEST_F(WatchCursorTest, SaysHowFarBehindItIs) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  EXPECT_EQ(cursor.events_behind(), 0U);
  EXPECT_FALSE(cursor.oldest_pending().has_value());
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  const MonotonicTime first = dispatcher_.Now();
  dispatcher_.Advance(absl::Seconds(3));
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  EXPECT_EQ(cursor.events_behind(), 2U);
  EXPECT_EQ(cursor.oldest_pending(), first);
  cursor.Next();
  EXPECT_EQ(cursor.events_behind(), 1U);
  EXPECT_EQ(cursor.oldest_pending(), dispatcher_.Now());
  FloodWindow();
  EXPECT_EQ(cursor.events_behind(), 6U) << "those that the window has lost among them";
  EXPECT_EQ(cursor.events_folded(), 0U);
  EXPECT_TRUE(cursor.oldest_pending().has_value());
  ReadAll(cursor);
  EXPECT_FALSE(cursor.oldest_pending().has_value());
  EXPECT_EQ(cursor.events_folded(), 4U) << "of six, for two objects";
}

TEST_F(WatchCursorTest, StaysValidWhenTheCacheBecomesUnavailable) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  map_->DropAll(PermissionDeniedError("revoked"));
  dispatcher_.RunReady();
  ASSERT_EQ(replica.state(), CacheReplica::State::kUnavailable);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED a@11"));
  EXPECT_EQ(cursor.events_behind(), 0U);
}

TEST_F(WatchCursorTest, SaysWhatLivesForItAlone) {
  const std::string data(10000, 'x');
  resource_.Put({.name = "a", .data = data});
  resource_.Put({.name = "b", .data = data});
  CacheReplica& replica = Replica();
  const uint64_t a = (*replica.newest()->objects.Find({"default", "a"}))->footprint();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a", .data = data});
  dispatcher_.RunReady();
  EXPECT_EQ(cursor.pinned().bytes(), 0U) << "the window holds it too";
  FloodWindow();
  const uint64_t flood = (*replica.newest()->objects.Find({"default", "flood"}))->footprint();
  EXPECT_EQ(cursor.retired_since(), a + 4 * flood);
  EXPECT_EQ(cursor.pinned().by_place, a + 4 * flood);
  for (int i = 0; i < 10; ++i) resource_.Put({.name = "a", .data = data});
  dispatcher_.RunReady();
  EXPECT_EQ(cursor.retired_since(), 11 * a + 4 * flood);
  EXPECT_EQ(cursor.pinned().by_place, 2 * a) << "no more than it had";
  ReadAll(cursor);
  EXPECT_EQ(cursor.pinned().bytes(), 0U);
}

TEST_F(WatchCursorTest, SaysWhatADifferenceKeeps) {
  for (int i = 0; i < 3; ++i) resource_.Put({.name = StrCat("o", i), .data = "content"});
  CacheReplica& replica = Replica();
  const uint64_t each = (*replica.newest()->objects.Find({"default", "o0"}))->footprint();
  WatchCursor cursor = CursorNow(replica);
  for (int i = 0; i < 3; ++i) resource_.Delete("default", StrCat("o", i));
  dispatcher_.RunReady();
  FloodWindow();
  ASSERT_EQ(cursor.Next()->type, WatchEventType::kDeleted);
  EXPECT_EQ(cursor.pinned().by_difference, 2 * each);
  EXPECT_EQ(cursor.pinned().by_place, 0U);
  ReadAll(cursor);
  EXPECT_EQ(cursor.pinned().bytes(), 0U);
}

// A reader that stands still costs one event per object that changed, and a root.
TEST_F(WatchCursorTest, AReaderThatStandsStillCostsWhatHasChanged) {
  for (int i = 0; i < 100; ++i) resource_.Put({.name = StrCat("o", i)});
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  const std::weak_ptr<const Object> old = *replica.newest()->objects.Find({"default", "o0"});
  std::weak_ptr<const Object> middle;
  for (int i = 0; i < 1000; ++i) {
    resource_.Put({.name = "o0"});
    dispatcher_.RunReady();
    if (i == 500) middle = *replica.newest()->objects.Find({"default", "o0"});
  }
  EXPECT_FALSE(old.expired());
  EXPECT_TRUE(middle.expired());
  EXPECT_EQ(ReadAll(cursor).size(), 2U);  // One update, one bookmark.
  EXPECT_TRUE(old.expired());
}

}  // namespace
}  // namespace weir
