// SPDX-License-Identifier: Apache-2.0

// What a version means to readers that was reached by a proof and not by the watch.

#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "proxy/cache/revision_builder.h"
#include "tests/cache/currency_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ProvedVersionTest : public CurrencyFixture {
 protected:
  explicit ProvedVersionTest(CacherOptions options = {}) : CurrencyFixture(std::move(options)) {}

  // x comes and goes, and a list that comes before the watch says that nothing has changed.
  void ProvePastX(CacheReplica& replica) {
    const double before = Proofs("equal");
    Lag(true);
    resource_.Put({.name = "x"});
    resource_.Delete("default", "x");
    resource_.Bump();
    replica.WantCurrent();
    dispatcher_.RunReady();
    ASSERT_EQ(Proofs("equal"), before + 1);
  }
  static std::vector<std::string> ReadFrom(const CacheReplica& replica, uint64_t version) {
    WatchCursor cursor =
        WatchCursor::After(replica, EventView(), replica.Find(V(version)).value(), V(version));
    return ReadAll(cursor);
  }
  void RunUntilHeard(int events) {
    while (Stat("events_total") < events) ASSERT_TRUE(dispatcher_.RunOnce());
  }
};

// The state at a proved version is known before the way there is.
TEST_F(ProvedVersionTest, WhatCameAndWentBeforeIsToldToThoseWhoHaveNotSeenTheState) {
  CacheReplica& replica = Replica();  // 10
  WatchCursor cursor = CursorNow(replica);
  ProvePastX(replica);
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  EXPECT_EQ(cursor.complete_through(), V(10)) << "a bookmark at 13 would rule out what comes";
  WatchCursor newcomer = WatchCursor::WithInitialEvents(replica, EventView());
  EXPECT_THAT(ReadAll(newcomer), ElementsAre("END@13"));
  EXPECT_EQ(newcomer.complete_through(), V(13));
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED x@11", "DELETED x@12"));
  EXPECT_EQ(cursor.complete_through(), V(12));
  EXPECT_THAT(ReadAll(newcomer), IsEmpty()) << "has been told of the state at 13";
  EXPECT_THAT(StateOf(replica), IsEmpty());
  resource_.Put({.name = "y"});  // 14
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED y@14"));
  EXPECT_THAT(ReadAll(newcomer), ElementsAre("ADDED y@14"));
  EXPECT_EQ(Stat("time_travel_refused_total") + Stat("relists_total"), 0);
}

TEST_F(ProvedVersionTest, ReadersResumeBeforeAndAfterWhatCameAndWent) {
  CacheReplica& replica = Replica();
  ProvePastX(replica);
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_THAT(ReadFrom(replica, 10), ElementsAre("ADDED x@11", "DELETED x@12"));
  EXPECT_THAT(ReadFrom(replica, 13), IsEmpty());
  EXPECT_THAT(ReadFrom(replica, 12), IsEmpty());
  EXPECT_FALSE(replica.Find(V(11)).has_value()) << "this reader is to be told of half of it";
  resource_.Put({.name = "y"});  // 14
  dispatcher_.RunReady();
  for (const uint64_t from : {12, 13}) {
    EXPECT_THAT(ReadFrom(replica, from), ElementsAre("ADDED y@14"));
  }
}

class SmallProvedWindowTest : public ProvedVersionTest {
 protected:
  SmallProvedWindowTest()
      : ProvedVersionTest({.window_events = 4, .window_bytes = 1 << 20, .window_min_events = 2}) {}
};

TEST_F(SmallProvedWindowTest, OneThatIsSentADifferenceIsNotToldTheRest) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  for (int i = 0; i < 10; ++i) {
    resource_.Put({.name = "a"});  // 11 to 20
    dispatcher_.RunReady();
  }
  ProvePastX(replica);  // 21, 22; 23
  ASSERT_TRUE(cursor.passed_by());
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED a@20", "BOOKMARK@23"));
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  EXPECT_EQ(cursor.complete_through(), V(23));
}

// Whoever is told that it came must be told that it went, whatever happens in between.
TEST_F(ProvedVersionTest, HalfOfWhatCameAndWentIsNotTold) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  Lag(true);
  resource_.Put({.name = "x"});      // 11
  resource_.Put({.name = "z"});      // 12
  resource_.Put({.name = "x"});      // 13
  resource_.Delete("default", "x");  // 14
  resource_.Delete("default", "z");  // 15
  replica.WantCurrent();
  dispatcher_.RunReady();
  ASSERT_EQ(Proofs("equal"), 1);
  resource_.SetFaults([](auto& faults) { faults.max_batch = 1; });
  Lag(false);
  RunUntilHeard(3);
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.Advance(absl::Seconds(5));
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED x@11", "ADDED z@12", "MODIFIED x@13",
                                           "DELETED x@14", "DELETED z@15"));
  EXPECT_EQ(Stat("relists_total"), 0);
}

// No more than is stated is held for those that have not gone.
TEST_F(ProvedVersionTest, TooMuchThatCameAndWentIsLetGo) {
  CacheReplica& replica = Replica();  // 10
  WatchCursor cursor = CursorNow(replica);
  Lag(true);
  const std::string large(RevisionBuilder::kMaxLateBytes / 4, 'x');
  for (int i = 0; i < 5; ++i) {
    resource_.Put({.name = StrCat("x", i), .data = large});  // 11 to 15
  }
  for (int i = 0; i < 5; ++i) resource_.Delete("default", StrCat("x", i));  // 16 to 20
  replica.WantCurrent();
  dispatcher_.RunReady();
  ASSERT_EQ(Proofs("equal"), 1);
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), IsEmpty()) << "all of it or nothing";
  EXPECT_EQ(cursor.complete_through(), V(20));
  EXPECT_EQ(Stat("events_let_go_total"), 10);
  resource_.Put({.name = "y"});  // 21
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED y@21"));
  EXPECT_EQ(Stat("relists_total"), 0);
}

TEST_F(ProvedVersionTest, AServerThatExpiresWithoutAWordIsAskedFromWhatWasProved) {
  CacheReplica& replica = Replica();
  resource_.Bump();
  replica.WantCurrent();
  dispatcher_.RunReady();
  resource_.Compact();
  resource_.SetFaults([](auto& faults) { faults.expires_silently = true; });
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.Advance(absl::Seconds(20));
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(Stat("relists_total"), 0);
}

TEST_F(ProvedVersionTest, WhatCannotHaveGoneIsListed) {
  CacheReplica& replica = Replica();
  Lag(true);
  resource_.Put({.name = "x"});  // 11
  resource_.Bump();              // 12
  resource_.SetFaults([](auto& faults) { faults.metadata_hides = "x"; });
  replica.WantCurrent();
  dispatcher_.RunReady();
  ASSERT_EQ(Proofs("equal"), 1);
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_THAT(StateOf(replica), IsEmpty());
  resource_.SendBookmarks();
  dispatcher_.Advance(absl::Seconds(5));
  EXPECT_EQ(Stat("relists_total"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(ProvedVersionTest, ABookmarkOfTheWatchIsOneForReaders) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Bump();
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  EXPECT_EQ(cursor.complete_through(), V(10));
  resource_.SendBookmarks();
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  EXPECT_EQ(cursor.complete_through(), V(11));
}

TEST_F(ProvedVersionTest, ReadersResumeFromABookmarkShortOfWhatWasProved) {
  CacheReplica& replica = Replica();  // 10
  Lag(true);
  resource_.Put({.name = "x"});  // 11
  resource_.Bump();              // 12
  resource_.Bump();              // 13
  resource_.Delete("default", "x");
  replica.WantCurrent();
  dispatcher_.RunReady();
  ASSERT_EQ(Proofs("equal"), 1);
  ASSERT_EQ(replica.newest()->version, V(14));
  EXPECT_FALSE(replica.Find(V(12)).has_value());
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_FALSE(replica.Find(V(12)).has_value()) << "x was there";
  EXPECT_THAT(ReadFrom(replica, 14), IsEmpty());
  EXPECT_THAT(ReadFrom(replica, 10), ElementsAre("ADDED x@11", "DELETED x@14"));
}

TEST_F(ProvedVersionTest, AReaderBeyondAProofIsNotExpiredByTheNext) {
  CacheReplica& replica = Replica();
  resource_.Bump();
  replica.WantCurrent();
  dispatcher_.RunReady();
  WatchCursor cursor = WatchCursor::After(replica, EventView(), replica.Find(V(11)).value(), V(11));
  resource_.Bump();
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  EXPECT_EQ(cursor.complete_through(), V(11));
}

TEST_F(ProvedVersionTest, AWatchIsResumedFromWhatWasProved) {
  CacheReplica& replica = Replica();
  resource_.Bump();
  replica.WantCurrent();
  dispatcher_.RunReady();
  resource_.Compact();
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.Advance(absl::Seconds(5));
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(Stat("expired_total"), 1) << "what may have come and gone before that is asked for";
  EXPECT_EQ(Stat("relists_total"), 0);
}

TEST_F(ProvedVersionTest, ProofsDoNotPushEventsOutOfTheWindow) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  resource_.Put({.name = "b"});  // 12
  dispatcher_.RunReady();
  std::vector<ResourceVersion> proved;
  for (int i = 0; i < 300; ++i) {
    const uint64_t listed = resource_.Bump();
    proved.push_back(V(listed));
    resource_.Bump();
    resource_.SetFaults([listed](auto& faults) { faults.metadata_version = listed; });
    replica.WantCurrent();
    dispatcher_.RunReady();
    ASSERT_EQ(replica.newest()->version, proved.back());
  }
  const auto from_first = replica.Find(V(11));
  ASSERT_TRUE(from_first.has_value());
  EXPECT_EQ(from_first->revision->events.size(), 1U);
  EXPECT_TRUE(replica.Find(V(12)).has_value()) << "where all of them begin";
  EXPECT_TRUE(replica.Find(proved[proved.size() - 50]).has_value());
  EXPECT_FALSE(replica.Find(proved[10]).has_value()) << "so many are not remembered";
  EXPECT_TRUE(replica.Find(proved.back()).has_value());
  EXPECT_FALSE(replica.Find(V(resource_.version() - 2)).has_value()) << "between two of them";
}

// Proofs, breaks and delays, but nothing that the source loses: an attentive reader is told of
// everything, and a new one of what comes after it.
class NothingIsLostPropertyTest : public CurrencyFixture, public testing::WithParamInterface<int> {
 protected:
  size_t Below(size_t n) { return random_() % n; }

  void Write() {
    const std::string name = StrCat("o", Below(3));
    if (there_.contains(name) || Below(3) == 0) {
      const uint64_t version = resource_.Delete("default", name);
      if (version > 0) told_.push_back(StrCat("DELETED ", name, "@", version));
      there_.erase(name);
      return;
    }
    const bool is_new = there_.insert(name).second;
    const uint64_t version = resource_.Put({.name = name});
    told_.push_back(StrCat(is_new ? "ADDED " : "MODIFIED ", name, "@", version));
  }
  void Step(CacheReplica& replica) {
    switch (Below(8)) {
      case 0:
        return Lag(true);
      case 1:
        return Lag(false);
      case 2:
        resource_.CutWatches(UnavailableError("reset"));
        return;
      case 3:
        resource_.SendBookmarks();
        return;
      case 4:
        resource_.SetFaults([this](auto& faults) { faults.max_batch = 1 + Below(3); });
        return;
      case 5:
        replica.WantCurrent();
        return;
      case 6:
        resource_.Bump();
        return;
      default:
        for (size_t writes = 1 + Below(3); writes > 0; --writes) Write();
    }
  }
  struct Reader {
    WatchCursor cursor;
    size_t from;  // In told_.
    std::vector<std::string> read = {};
  };
  void ReadAllOf(Reader& reader) {
    for (std::string& event : ReadAll(reader.cursor)) reader.read.push_back(std::move(event));
  }
  // From the last that it was told, if this cache can tell it what follows.
  void Reconnect(const CacheReplica& replica, Reader& reader) {
    const ResourceVersion last = reader.cursor.complete_through();
    std::optional<WatchPosition> position = replica.Find(last);
    if (!position.has_value()) return;
    ++resumed_;
    reader.cursor = WatchCursor::After(replica, EventView(), *std::move(position), last);
  }

  std::mt19937 random_{static_cast<unsigned>(GetParam())};
  std::set<std::string> there_;
  std::vector<std::string> told_;
  int resumed_ = 0;
};

TEST_P(NothingIsLostPropertyTest, AnAttentiveReaderIsToldEverything) {
  CacheReplica& replica = Replica();
  std::vector<Reader> readers;
  readers.push_back({CursorNow(replica), 0});
  for (int step = 0; step < 300; ++step) {
    Step(replica);
    if (Below(2) == 0) dispatcher_.RunReady();
    if (Below(10) == 0) dispatcher_.Advance(absl::Milliseconds(1 + Below(400)));
    for (Reader& reader : readers) {
      ReadAllOf(reader);
      if (Below(8) == 0) Reconnect(replica, reader);
    }
    if (Below(30) > 0 || replica.newest()->version < V(resource_.version())) continue;
    readers.push_back({CursorNow(replica), told_.size()});
  }
  Lag(false);
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(Stat("relists_total"), 0);
  EXPECT_GT(resumed_, 10);
  for (Reader& reader : readers) {
    ReadAllOf(reader);
    EXPECT_EQ(reader.read, std::vector<std::string>(told_.begin() + reader.from, told_.end()));
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, NothingIsLostPropertyTest, testing::Range(0, 40));

class ProvedVersionPropertyTest : public CurrencyFixture,
                                  public testing::WithParamInterface<int> {};

// Whatever is lost, late or cut: what is called current is.
TEST_P(ProvedVersionPropertyTest, WhatIsCalledCurrentIs) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  CacheReplica& replica = Replica();
  for (int step = 0; step < 400; ++step) {
    const std::string name = StrCat("o", random() % 6);
    switch (random() % 12) {
      case 0:
        LoseNextEvent();
        break;
      case 1:
        Lag(random() % 2 == 0);
        break;
      case 2:
        resource_.CutWatches(UnavailableError("reset"));
        break;
      case 3:
        resource_.Bump();
        break;
      case 4:
        resource_.SendBookmarks();
        break;
      case 5:
      case 6:
        resource_.Delete("default", name);
        break;
      case 7:
        dispatcher_.Advance(absl::Milliseconds(random() % 2000));
        break;
      default:
        resource_.Put({.name = name});
    }
    if (random() % 3 != 0) dispatcher_.RunReady();
    if (random() % 8 != 0) continue;
    dispatcher_.Advance(absl::Milliseconds(1));
    const MonotonicTime asked = dispatcher_.Now();
    const ResourceVersion version = V(resource_.version());
    replica.WantCurrent();
    dispatcher_.Advance(absl::Seconds(random() % 6));
    if (replica.current_as_of() < asked) continue;
    EXPECT_EQ(StateOf(replica), resource_.State()) << "step " << step;
    EXPECT_GE(replica.newest()->version, version) << "step " << step;
  }
  Lag(false);
  const MonotonicTime asked = dispatcher_.Now();
  replica.WantCurrent();
  dispatcher_.Advance(absl::Minutes(2));
  EXPECT_GE(replica.current_as_of(), asked);
  EXPECT_EQ(StateOf(replica), resource_.State());
}
INSTANTIATE_TEST_SUITE_P(Seeds, ProvedVersionPropertyTest, testing::Range(0, 20));

}  // namespace
}  // namespace weir
