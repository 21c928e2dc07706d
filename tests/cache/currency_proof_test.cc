// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/currency_proof.h"

#include "tests/cache/currency_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CurrencyProofTest : public CurrencyFixture {};

TEST_F(CurrencyProofTest, RaisesTheVersionWhereNothingDiffers) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Bump();  // 12
  dispatcher_.Advance(absl::Seconds(1));
  const int changes = changes_;
  EXPECT_EQ(replica.current_as_of(), MonotonicTime());
  replica.WantCurrent();
  EXPECT_EQ(resource_.metadata_lists(), 0) << "in a turn of its own";
  dispatcher_.RunReady();
  EXPECT_EQ(replica.newest()->version, V(12));
  EXPECT_EQ(replica.current_as_of(), dispatcher_.Now());
  EXPECT_EQ(changes_, changes + 1) << "told once of all";
  EXPECT_EQ(resource_.metadata_lists(), 1);
  EXPECT_FALSE(resource_.last_metadata_at_least().is_set());
  EXPECT_THAT(ReadAll(cursor), IsEmpty());
  EXPECT_EQ(cursor.complete_through(), V(11)) << "the watch has not come to 12";
  EXPECT_EQ(Proofs("equal"), 1);
  EXPECT_TRUE(replica.access(ReadVerb::kList).allowed);
}

TEST_F(CurrencyProofTest, PublishesNothingWhereTheCacheIsAsFar) {
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica();
  const RevisionPtr newest = replica.newest();
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(replica.newest(), newest);
  EXPECT_EQ(replica.current_as_of(), dispatcher_.Now());
  EXPECT_EQ(Proofs("ahead"), 1);
}

TEST_F(CurrencyProofTest, WaitsForWhatTheWatchIsBringing) {
  CacheReplica& replica = Replica();
  Lag(true);
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  const MonotonicTime asked = dispatcher_.Now();
  replica.WantCurrent();
  dispatcher_.Advance(absl::Milliseconds(2990));
  EXPECT_EQ(replica.current_as_of(), MonotonicTime());
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_EQ(replica.current_as_of(), asked) << "when it was asked, not when it came true";
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(Proofs("waited"), 1);
  EXPECT_EQ(Stat("repairs_total") + Stat("relists_total"), 0);
  EXPECT_EQ(resource_.metadata_lists(), 1);
}

TEST_F(CurrencyProofTest, ComparesAtMostEvery20Milliseconds) {
  CacheReplica& replica = Replica();
  Lag(true);
  resource_.Put({.name = "a"});
  replica.WantCurrent();
  dispatcher_.RunReady();
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  dispatcher_.Advance(absl::Milliseconds(19));
  EXPECT_EQ(Proofs("waited"), 0);
  dispatcher_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(Proofs("waited"), 1);
}

TEST_F(CurrencyProofTest, IsEqualOnceTheLastDifferenceHasGoneShortOfTheListsVersion) {
  resource_.Put({.name = "gone"});
  CacheReplica& replica = Replica();
  Lag(true);
  resource_.Put({.name = "a"});
  resource_.Put({.name = "passing"});
  resource_.Delete("default", "gone");
  resource_.Delete("default", "passing");
  const ResourceVersion listed = V(resource_.Bump());
  replica.WantCurrent();
  dispatcher_.RunReady();
  resource_.SetFaults([](auto& faults) {
    faults.watches_lag = false;
    faults.max_batch = 1;
  });
  dispatcher_.Advance(absl::Milliseconds(100));
  EXPECT_EQ(replica.newest()->version, listed);
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(Proofs("waited"), 1);
}

TEST_F(CurrencyProofTest, ListsAgainWhatTheWatchHasNotBroughtIn3Seconds) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  LoseNextEvent();
  resource_.Put({.name = "a"});  // 11
  resource_.Bump();              // 12
  const MonotonicTime asked = dispatcher_.Now();
  replica.WantCurrent();
  dispatcher_.Advance(absl::Milliseconds(2990));
  EXPECT_EQ(Stat("repairs_total"), 0);
  EXPECT_THAT(StateOf(replica), IsEmpty());
  dispatcher_.Advance(absl::Milliseconds(20));
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED a@11", "BOOKMARK@12"));
  EXPECT_EQ(replica.current_as_of(), asked);
  EXPECT_EQ(Stat("repairs_total"), 1);
  EXPECT_EQ(Stat("relists_total"), 1);
  EXPECT_EQ(Proofs("repaired"), 1);
  EXPECT_EQ(resource_.lists(), 1);
  EXPECT_EQ(resource_.last_list_at_least(), V(12));
}

TEST_F(CurrencyProofTest, WhatAWatchThatIsDownHasNotBroughtIsNotLost) {
  CacheReplica& replica = Replica();
  Lag(true);
  resource_.Put({.name = "a"});
  replica.WantCurrent();
  dispatcher_.Advance(absl::Seconds(1));
  resource_.SetFaults([](auto& faults) { faults.watches = {UnavailableError("still down")}; });
  resource_.CutWatches(UnavailableError("cut"));
  Lag(false);
  dispatcher_.RunReady();
  EXPECT_EQ(Proofs("waited"), 0);
  EXPECT_EQ(Stat("healthy"), 0);
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(StateOf(replica), resource_.State()) << "the watch has resumed";
  EXPECT_EQ(Stat("healthy"), 1);
  EXPECT_EQ(Proofs("waited"), 1);
  EXPECT_EQ(Stat("repairs_total") + Stat("relists_total"), 0);
}

TEST_F(CurrencyProofTest, ListsAgainAtOnceWhereNothingMoreCanCome) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  LoseNextEvent();
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED b@12", "ADDED a@11", "BOOKMARK@12"))
      << "late, but a reader has to know it";
  EXPECT_EQ(Proofs("repaired"), 1);
}

TEST_F(CurrencyProofTest, FindsADeletionAndAnUpdateThatWereLost) {
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.SetFaults([](auto& faults) { faults.lost_events = 2; });
  resource_.Delete("default", "a");  // 13
  resource_.Put({.name = "b"});      // 14
  resource_.Put({.name = "c"});      // 15
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(Proofs("repaired"), 1);
  EXPECT_EQ(replica.newest()->objects.size(), 2U);
}

TEST_F(CurrencyProofTest, TakesWhatChangedAfterTheListForWhatItIs) {
  resource_.Put({.name = "changed"});   // 11
  resource_.Put({.name = "deleted"});   // 12
  resource_.Put({.name = "replaced"});  // 13
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) { faults.metadata_version = 13; });
  resource_.Put({.name = "changed"});      // 14
  resource_.Delete("default", "deleted");  // 15
  resource_.Delete("default", "replaced");
  resource_.Put({.name = "replaced"});
  resource_.Put({.name = "new"});
  dispatcher_.RunReady();
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(Proofs("ahead"), 1);
  EXPECT_EQ(replica.current_as_of(), dispatcher_.Now());
}

TEST_F(CurrencyProofTest, FindsAnAdditionThatWasLostAlthoughTheCacheIsFurther) {
  CacheReplica& replica = Replica();
  LoseNextEvent();
  resource_.Put({.name = "lost"});  // 11
  resource_.SetFaults([](auto& faults) { faults.metadata_version = 11; });
  resource_.Put({.name = "b"});      // 12
  resource_.Delete("default", "b");  // 13
  dispatcher_.RunReady();
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(Proofs("repaired"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(CurrencyProofTest, OneListIsForAllWhoAskBeforeIt) {
  CacheReplica& replica = Replica();
  for (int i = 0; i < 10; ++i) replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.metadata_lists(), 1);
}

TEST_F(CurrencyProofTest, WhoAsksDuringOneGetsTheNext) {
  CacheReplica& replica = Replica();
  replica.WantCurrent();
  RunUntilListed(1);
  dispatcher_.Advance(absl::ZeroDuration());
  EXPECT_EQ(Proofs("ahead"), 1);
  replica.WantCurrent();
  RunUntilListed(2);
  for (int i = 0; i < 10; ++i) replica.WantCurrent();
  EXPECT_EQ(Proofs("ahead"), 1) << "under way";
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.metadata_lists(), 3);
  EXPECT_EQ(Proofs("ahead"), 3);
}

TEST_F(CurrencyProofTest, ReachesAVersionWithoutAConsistentRead) {
  CacheReplica& replica = Replica();
  const ResourceVersion asked = V(resource_.Bump());
  replica.WantCurrent(asked);
  dispatcher_.RunReady();
  EXPECT_EQ(replica.newest()->version, asked);
  EXPECT_EQ(resource_.last_metadata_at_least(), asked);
  EXPECT_EQ(replica.current_as_of(), MonotonicTime()) << "not known";
  replica.WantCurrent(asked);
  replica.WantCurrent(V(3));
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.metadata_lists(), 1) << "it is there";
}

TEST_F(CurrencyProofTest, AVersionReachedByAProofUnderWayNeedsNoOther) {
  CacheReplica& replica = Replica();
  resource_.Bump();
  replica.WantCurrent();
  RunUntilListed(1);
  replica.WantCurrent(V(resource_.version()));
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.metadata_lists(), 1);
  EXPECT_EQ(replica.newest()->version, V(resource_.version()));
}

TEST_F(CurrencyProofTest, AVersionThatDoesNotExistKeepsNobodyWaiting) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) { faults.answers = false; });
  replica.WantCurrent(V(1000000));
  dispatcher_.RunReady();
  ASSERT_EQ(resource_.metadata_lists(), 1);
  resource_.SetFaults([](auto& faults) { faults.answers = true; });
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(replica.current_as_of(), dispatcher_.Now());
  EXPECT_EQ(resource_.metadata_lists(), 2);
}

TEST_F(CurrencyProofTest, AFailureProvesNothingAndTheNextMay) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) { faults.metadata_lists = {UnavailableError("down")}; });
  const int changes = changes_;
  replica.WantCurrent();
  RunUntilListed(1);
  replica.WantCurrent();  // In time for the next.
  dispatcher_.Advance(absl::ZeroDuration());
  EXPECT_EQ(Proofs("failed"), 1);
  EXPECT_EQ(resource_.metadata_lists(), 2);
  EXPECT_EQ(Proofs("ahead"), 1);
  EXPECT_EQ(changes_, changes + 1);
  EXPECT_EQ(replica.current_as_of(), dispatcher_.Now());
}

TEST_F(CurrencyProofTest, ADenialIsKnownAtOnce) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) { faults.metadata_lists = {PermissionDeniedError("no")}; });
  const int changes = changes_;
  replica.WantCurrent();
  dispatcher_.RunReady();
  EXPECT_TRUE(replica.access(ReadVerb::kList).known);
  EXPECT_FALSE(replica.access(ReadVerb::kList).allowed);
  EXPECT_EQ(changes_, changes + 1);
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
}

TEST_F(CurrencyProofTest, WaitsForTheFirstSync) {
  CacheReplica* const replica = map_->Get(ConfigMaps());
  const RequestHandle handle = replica->Subscribe({.on_change = [] {}});
  replica->WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.metadata_lists(), 1);
  EXPECT_EQ(replica->current_as_of(), dispatcher_.Now());
}

TEST_F(CurrencyProofTest, EndsWithItsCache) {
  CacheReplica& replica = Replica();
  replica.WantCurrent();
  RunUntilListed(1);
  map_->DropAll(PermissionDeniedError("revoked"));
  replica.WantCurrent();
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(replica.state(), CacheReplica::State::kUnavailable);
  EXPECT_EQ(replica.current_as_of(), MonotonicTime());

  // The same while it waits, and while it repairs.
  dispatcher_.Advance(absl::Minutes(1));
  CacheReplica& again = Replica();
  Lag(true);
  resource_.Put({.name = "a"});
  again.WantCurrent();
  dispatcher_.Advance(absl::Seconds(1));
  map_->DropAll(PermissionDeniedError("revoked"));
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(Stat("repairs_total"), 0);
}

TEST_F(CurrencyProofTest, ARelistInTheMiddleIsAsGoodAsTheWatch) {
  CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Seconds(10));
  Lag(true);
  resource_.Put({.name = "a"});
  replica.WantCurrent();
  dispatcher_.Advance(absl::Seconds(1));
  resource_.CutWatches(ResourceExpiredError("gone"));
  Lag(false);
  dispatcher_.Advance(absl::Milliseconds(20));
  EXPECT_EQ(Proofs("waited"), 1);
  EXPECT_EQ(Stat("repairs_total"), 0);
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(CurrencyProofTest, ARepairWaitsForAnApiServerThatIsGone) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) { faults.lists = {UnavailableError("gone")}; });
  Lag(true);
  resource_.Put({.name = "a"});
  replica.WantCurrent();
  dispatcher_.Advance(absl::Milliseconds(3010));
  EXPECT_EQ(Stat("repairs_total"), 1);
  EXPECT_EQ(Proofs("repaired"), 0);
  Lag(false);
  replica.WantCurrent();
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(Proofs("repaired"), 1);
  EXPECT_EQ(Proofs("ahead"), 1) << "who asked meanwhile";
  EXPECT_EQ(Stat("repairs_total"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(CurrencyProofTest, AListOlderThanWasShownRepairsNothing) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) {
    faults.lost_events = 10;  // When the watch is resumed, too.
    faults.list_version = 10;
  });
  resource_.Put({.name = "a"});  // 11
  replica.WantCurrent();
  dispatcher_.Advance(absl::Milliseconds(3010));
  EXPECT_EQ(Proofs("failed"), 1);
  EXPECT_EQ(replica.current_as_of(), MonotonicTime());
  EXPECT_EQ(replica.newest()->version, V(10));
}

}  // namespace
}  // namespace weir
