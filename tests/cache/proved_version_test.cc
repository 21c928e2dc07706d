// SPDX-License-Identifier: Apache-2.0

// What a version means to readers that was reached by a proof and not by the watch.

#include <random>

#include "tests/cache/currency_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ProvedVersionTest : public CurrencyFixture {};

// The state at a proved version is known, the way there is not.
TEST_F(ProvedVersionTest, WhatCameAndWentBeforeIsNeitherToldNorPassedOver) {
  CacheReplica& replica = Replica();  // 10
  WatchCursor cursor = CursorNow(replica);
  Lag(true);
  resource_.Put({.name = "x"});      // 11
  resource_.Delete("default", "x");  // 12
  resource_.Bump();                  // 13
  replica.WantCurrent();
  dispatcher_.RunReady();
  ASSERT_EQ(Proofs("equal"), 1);
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), IsEmpty()) << "a bookmark at 13 may have been sent";
  EXPECT_EQ(cursor.complete_through(), V(13));
  EXPECT_EQ(Stat("time_travel_refused_total"), 0);
  resource_.Put({.name = "y"});  // 14
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED y@14"));
  // A reader that has seen x must be told that it has gone, and cannot be.
  EXPECT_TRUE(replica.Find(V(10)).has_value());
  EXPECT_FALSE(replica.Find(V(11)).has_value());
  EXPECT_FALSE(replica.Find(V(12)).has_value());
  EXPECT_TRUE(replica.Find(V(13)).has_value());
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
  EXPECT_EQ(Stat("expired_total") + Stat("relists_total"), 0);
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
