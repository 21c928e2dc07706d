// SPDX-License-Identifier: Apache-2.0

// What a reader that the window has passed by is sent for what it has missed: which changes of one
// object may be folded into one, and which may not.
#include "proxy/cache/watch_difference.h"

#include <map>
#include <string>

#include "tests/cache/small_window_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;

class WatchDifferenceTest : public SmallWindowFixture {
 protected:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  static inline const Labels kWeb = {{"app", "web"}};

  // Of the API server, and of what a reader has been told: uid and version by name.
  using State = std::map<std::string, std::pair<std::string, ResourceVersion>>;
  static void Apply(const WatchCursor::Item& item, State& state) {
    if (item.kind != WatchCursor::Item::Kind::kEvent) return;
    const std::string name(item.object->name());
    if (item.type == WatchEventType::kDeleted) {
      state.erase(name);
    } else {
      state[name] = {std::string(item.object->uid()), item.object->version()};
    }
  }
  State ServerState(const EventView& view = EventView()) const {
    return StateAt(V(resource_.version()), view);
  }
  State StateAt(ResourceVersion version, const EventView& view) const {
    State state;
    for (const auto& [key, object] : resource_.StateAt(version)) {
      if (!view.Includes(*object)) continue;
      state[std::string(object->name())] = {std::string(object->uid()), object->version()};
    }
    return state;
  }
  // What the API server sends after `since`, all of it: the state that remains.
  void Replay(ResourceVersion since, const EventView& view, State& state) const {
    const State server = ServerState(view);
    const State then = StateAt(since, view);
    for (const auto& [name, at] : server) {
      if (at.second > since) state[name] = at;
    }
    for (const auto& [name, at] : then) {
      if (!server.contains(name)) state.erase(name);
    }
  }

  // At every place where the reader may break off that is at `place` and has seen `seen`, of
  // version `last`: what it was told, and what it is told that comes with the last version it was
  // told, by the API server or from the window, make up the API server's state.
  void ExpectNothingLostByResumingInside(const CacheReplica& replica, const WatchCursor& place,
                                         const State& seen, ResourceVersion last) {
    const EventView view = place.view();
    WatchCursor whole = place;
    const size_t items = ReadAll(whole).size();
    for (size_t breaks_at = 0; breaks_at <= items; ++breaks_at) {
      WatchCursor cursor = place;
      State state = seen;
      ResourceVersion told = last;
      for (size_t i = 0; i < breaks_at; ++i) {
        const auto item = cursor.Next();
        EXPECT_GE(item->version, told);
        told = item->version;
        Apply(*item, state);
      }
      State forwarded = state;
      Replay(told, view, forwarded);
      EXPECT_EQ(forwarded, ServerState(view)) << "after " << breaks_at << " items";
      if (std::optional<WatchPosition> found = replica.Find(told)) {
        WatchCursor resumed = WatchCursor::After(replica, view, *std::move(found), told);
        while (const auto item = resumed.Next()) Apply(*item, state);
        EXPECT_EQ(state, ServerState(view)) << "after " << breaks_at << " items";
      }
    }
  }

  // Six of Web(), told to a reader of that, which is where this returns.
  WatchCursor ReaderOfSix(CacheReplica& replica) {
    for (int i = 0; i < 6; ++i) resource_.Put({.name = StrCat("o", i), .labels = kWeb});  // 11..16
    dispatcher_.RunReady();
    return CursorAt(replica, 16, Web());
  }
};

TEST_F(WatchDifferenceTest, AddedAndModifiedIsAddedWithTheNewContent) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a", .data = "first"});   // 11
  resource_.Put({.name = "a", .data = "second"});  // 12
  dispatcher_.RunReady();
  FloodWindow();  // 13..17
  const auto item = cursor.Next();
  EXPECT_EQ(item->type, WatchEventType::kAdded);
  EXPECT_EQ(item->version, V(12)) << "the later position";
  EXPECT_NE(item->object->raw().find("second"), std::string_view::npos);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED flood@17", "BOOKMARK@17"));
}

TEST_F(WatchDifferenceTest, ModifiedAndModifiedIsModifiedOnce) {
  resource_.Put({.name = "a", .data = "zeroth"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a", .data = "first"});   // 12
  resource_.Put({.name = "a", .data = "second"});  // 13
  dispatcher_.RunReady();
  FloodWindow();  // 14..18
  const auto item = cursor.Next();
  EXPECT_EQ(item->type, WatchEventType::kModified);
  EXPECT_EQ(item->version, V(13));
  EXPECT_NE(item->object->raw().find("second"), std::string_view::npos);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED flood@18", "BOOKMARK@18"));
}

TEST_F(WatchDifferenceTest, ModifiedAndDeletedIsDeletedWithTheLastContent) {
  resource_.Put({.name = "a", .data = "zeroth"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  FloodWindow();                                  // 12..16
  resource_.Put({.name = "a", .data = "first"});  // 17
  resource_.Delete("default", "a");               // 18
  dispatcher_.RunReady();
  EXPECT_EQ(cursor.Next()->object->name(), "flood");
  const auto item = cursor.Next();
  EXPECT_EQ(item->type, WatchEventType::kDeleted);
  EXPECT_EQ(item->version, V(18)) << "the window remembers when";
  EXPECT_EQ(item->object->version(), V(18));
  EXPECT_NE(item->object->raw().find("first"), std::string_view::npos);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("BOOKMARK@18"));
}

TEST_F(WatchDifferenceTest, ADeletionThatIsForgottenComesFirstWithTheContentTheReaderKnows) {
  resource_.Put({.name = "z", .data = "zeroth"});  // 11
  resource_.Put({.name = "a"});                    // 12
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a"});                   // 13
  resource_.Put({.name = "z", .data = "first"});  // 14
  resource_.Delete("default", "z");               // 15
  dispatcher_.RunReady();
  FloodWindow();  // 16..20
  const auto item = cursor.Next();
  EXPECT_EQ(item->type, WatchEventType::kDeleted);
  EXPECT_EQ(item->version, V(12)) << "one that resumes there is told again by the API server";
  EXPECT_EQ(item->object->version(), V(12));
  EXPECT_NE(item->object->raw().find("zeroth"), std::string_view::npos);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@13", "ADDED flood@20", "BOOKMARK@20"));
}

TEST_F(WatchDifferenceTest, AddedAndDeletedIsNothing) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a"});      // 11
  resource_.Delete("default", "a");  // 12
  dispatcher_.RunReady();
  FloodWindow();                     // 13..17
  resource_.Put({.name = "b"});      // 18
  resource_.Delete("default", "b");  // 19: in the window, and yet never seen.
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED flood@17", "BOOKMARK@19"));
}

TEST_F(WatchDifferenceTest, DeletedAndAddedIsBothAndNeverModified) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  FloodWindow();                     // 12..16
  resource_.Delete("default", "a");  // 17
  resource_.Put({.name = "a"});      // 18
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor),
              ElementsAre("ADDED flood@16", "DELETED a@17", "ADDED a@18", "BOOKMARK@18"));
}

TEST_F(WatchDifferenceTest, OfManyObjectsOfOneNameTheFirstGoesAndTheLastComes) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  FloodWindow();  // 12..16
  for (int i = 0; i < 2; ++i) {
    resource_.Delete("default", "a");  // 17, 19
    resource_.Put({.name = "a"});      // 18, 20
  }
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor),
              ElementsAre("ADDED flood@16", "DELETED a@17", "ADDED a@20", "BOOKMARK@20"));
}

TEST_F(WatchDifferenceTest, AnotherObjectThatWasNeverSeenIsOnlyAdded) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  FloodWindow();                     // 11..15
  resource_.Put({.name = "a"});      // 16
  resource_.Delete("default", "a");  // 17
  resource_.Put({.name = "a"});      // 18
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED flood@15", "ADDED a@18", "BOOKMARK@18"));
}

TEST_F(WatchDifferenceTest, EnteringAndLeavingAgainIsNothing) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 11, Web());
  FloodWindow();                                 // 12..16
  resource_.Put({.name = "a", .labels = kWeb});  // 17
  resource_.Put({.name = "a"});                  // 18
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("BOOKMARK@18"));
}

TEST_F(WatchDifferenceTest, LeavingAndEnteringAgainIsModified) {
  resource_.Put({.name = "a", .labels = kWeb});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 11, Web());
  FloodWindow();                                 // 12..16
  resource_.Put({.name = "a"});                  // 17
  resource_.Put({.name = "a", .labels = kWeb});  // 18
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@18", "BOOKMARK@18"));
}

TEST_F(WatchDifferenceTest, LeavingAndBeingDeletedIsDeletedWithWhatTheReaderMaySee) {
  resource_.Put({.name = "a", .labels = kWeb, .data = "shown"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorAt(replica, 11, Web());
  FloodWindow();                                   // 12..16
  resource_.Put({.name = "a", .data = "hidden"});  // 17
  resource_.Delete("default", "a");                // 18
  dispatcher_.RunReady();
  const auto item = cursor.Next();
  EXPECT_EQ(item->type, WatchEventType::kDeleted);
  EXPECT_EQ(item->object->version(), V(17)) << "then it left; what became of it is hidden";
  EXPECT_NE(item->object->raw().find("shown"), std::string_view::npos);
  EXPECT_THAT(ReadAll(cursor), ElementsAre("BOOKMARK@18"));
}

TEST_F(WatchDifferenceTest, ObjectsAreInTheOrderOfVersionsWhateverTheirKeys) {
  for (const char* name : {"a", "b", "c", "d"}) resource_.Put({.name = name});  // 11..14
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  FloodWindow();                     // 15..19
  resource_.Put({.name = "c"});      // 20
  resource_.Delete("default", "d");  // 21
  resource_.Put({.name = "a"});      // 22
  resource_.Delete("default", "b");  // 23
  resource_.Put({.name = "aa"});     // 24
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor),
              ElementsAre("ADDED flood@19", "MODIFIED c@20", "DELETED d@21", "MODIFIED a@22",
                          "DELETED b@23", "ADDED aa@24", "BOOKMARK@24"));
}

// Its version may be beyond that of the last event: everything up to there has been told.
TEST_F(WatchDifferenceTest, ABookmarkOfTheNewestVersionFollows) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  FloodWindow();     // 11..15
  resource_.Bump();  // 16
  resource_.SendBookmarks();
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED flood@15", "BOOKMARK@16"));
  EXPECT_EQ(cursor.complete_through(), V(16));
}

TEST_F(WatchDifferenceTest, NothingIsLostByResumingInside) {
  for (int i = 0; i < 6; ++i) resource_.Put({.name = StrCat("o", i)});  // 11..16
  CacheReplica& replica = Replica();
  const State seen = ServerState();
  const WatchCursor place = CursorNow(replica);
  resource_.Delete("default", "o1");  // 17: forgotten.
  resource_.Put({.name = "o3"});      // 18
  dispatcher_.RunReady();
  FloodWindow();                      // 19..23
  resource_.Put({.name = "o5"});      // 24
  resource_.Delete("default", "o2");  // 25
  resource_.Put({.name = "o2"});      // 26
  resource_.Delete("default", "o0");  // 27
  dispatcher_.RunReady();
  WatchCursor whole = place;
  ASSERT_EQ(ReadAll(whole).size(), 8U);
  ExpectNothingLostByResumingInside(replica, place, seen, V(16));
}

// What an object does once it has left is no event to who may not see it.
TEST_F(WatchDifferenceTest, AnObjectLeavesWhenItLeftAndNotWhenItChangedLast) {
  CacheReplica& replica = Replica();
  const WatchCursor place = ReaderOfSix(replica);
  const State seen = ServerState(Web());
  resource_.Put({.name = "o1"});                  // 17: forgotten.
  resource_.Put({.name = "o3", .labels = kWeb});  // 18
  dispatcher_.RunReady();
  FloodWindow();                                  // 19..23
  resource_.Put({.name = "o2"});                  // 24
  resource_.Put({.name = "o5", .labels = kWeb});  // 25
  resource_.Put({.name = "o2"});                  // 26
  resource_.Put({.name = "o1"});                  // 27
  dispatcher_.RunReady();
  WatchCursor whole = place;
  EXPECT_THAT(ReadAll(whole), ElementsAre("DELETED o1@16", "MODIFIED o3@18", "DELETED o2@24",
                                          "MODIFIED o5@25", "BOOKMARK@27"));
  ExpectNothingLostByResumingInside(replica, place, seen, V(16));
}

TEST_F(WatchDifferenceTest, AnObjectLeavesWhenItLeftAndNotWhenItWasDeletedUnseen) {
  CacheReplica& replica = Replica();
  const WatchCursor place = ReaderOfSix(replica);
  const State seen = ServerState(Web());
  resource_.Put({.name = "o1"});  // 17: forgotten.
  dispatcher_.RunReady();
  FloodWindow();                                  // 18..22
  resource_.Put({.name = "o2"});                  // 23
  resource_.Put({.name = "o5", .labels = kWeb});  // 24
  resource_.Delete("default", "o2");              // 25
  resource_.Delete("default", "o1");              // 26
  dispatcher_.RunReady();
  WatchCursor whole = place;
  EXPECT_THAT(ReadAll(whole),
              ElementsAre("DELETED o1@16", "DELETED o2@23", "MODIFIED o5@24", "BOOKMARK@26"));
  ExpectNothingLostByResumingInside(replica, place, seen, V(16));
}

TEST_F(WatchDifferenceTest, AnObjectLeavesWhenItWasDeletedAndNotWhenAnotherTookItsName) {
  CacheReplica& replica = Replica();
  const WatchCursor place = ReaderOfSix(replica);
  const State seen = ServerState(Web());
  FloodWindow();                                  // 17..21
  resource_.Delete("default", "o2");              // 22
  resource_.Put({.name = "o5", .labels = kWeb});  // 23
  resource_.Put({.name = "o2"});                  // 24
  dispatcher_.RunReady();
  WatchCursor whole = place;
  EXPECT_THAT(ReadAll(whole), ElementsAre("DELETED o2@22", "MODIFIED o5@23", "BOOKMARK@24"));
  ExpectNothingLostByResumingInside(replica, place, seen, V(16));
}

// The last time that it left: who breaks off before is told of that one.
TEST_F(WatchDifferenceTest, AnObjectThatCameBackLeavesTheLastTime) {
  CacheReplica& replica = Replica();
  const WatchCursor place = ReaderOfSix(replica);
  const State seen = ServerState(Web());
  FloodWindow();                                                      // 17..21
  resource_.Put({.name = "o2"});                                      // 22
  resource_.Put({.name = "o2", .labels = kWeb, .data = "returned"});  // 23
  resource_.Put({.name = "o5", .labels = kWeb});                      // 24
  resource_.Put({.name = "o2"});                                      // 25
  dispatcher_.RunReady();
  WatchCursor whole = place;
  EXPECT_EQ(whole.Next()->object->name(), "o5");
  const auto item = whole.Next();
  EXPECT_EQ(item->type, WatchEventType::kDeleted);
  EXPECT_EQ(item->version, V(25));
  EXPECT_NE(item->object->raw().find("returned"), std::string_view::npos);
  ExpectNothingLostByResumingInside(replica, place, seen, V(16));
}

}  // namespace
}  // namespace weir
