// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/access_record.h"

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

class AccessRecordTest : public CacheFixture {
 protected:
  AccessRecordTest() { dispatcher_.Advance(absl::Minutes(1)); }
};

TEST_F(AccessRecordTest, AnAcceptedStreamListProvesWatch) {
  CacheReplica& replica = Replica();
  const Access& watch = replica.access(ReadVerb::kWatch);
  EXPECT_TRUE(watch.known && watch.allowed);
  EXPECT_EQ(watch.proved, dispatcher_.Now());
  EXPECT_FALSE(replica.access(ReadVerb::kList).known);
  EXPECT_FALSE(replica.access(ReadVerb::kGet).known);
  EXPECT_EQ(replica.stream_list(), true);
}

TEST_F(AccessRecordTest, AnAcceptedListProvesList) {
  resource_.SetFaults([](auto& faults) { faults.stream_list = false; });
  CacheReplica& replica = Replica();
  EXPECT_TRUE(replica.access(ReadVerb::kList).allowed);
  EXPECT_TRUE(replica.access(ReadVerb::kWatch).allowed);
  EXPECT_EQ(replica.stream_list(), false);
}

TEST_F(AccessRecordTest, EachWatchProvesItAnew) {
  CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Minutes(6));
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(replica.access(ReadVerb::kWatch).proved, dispatcher_.Now());
}

TEST_F(AccessRecordTest, AsksOnceForEachVerb) {
  CacheReplica& replica = Replica();
  const int changes = changes_;
  dispatcher_.Advance(absl::Seconds(1));
  replica.WantAccess(ReadVerb::kGet);
  replica.WantAccess(ReadVerb::kGet);
  replica.WantAccess(ReadVerb::kList);
  EXPECT_EQ(resource_.reviews(), 2);
  EXPECT_FALSE(replica.access(ReadVerb::kGet).known);
  dispatcher_.RunReady();
  EXPECT_EQ(changes_, changes + 2);
  EXPECT_TRUE(replica.access(ReadVerb::kGet).allowed);
  EXPECT_EQ(replica.access(ReadVerb::kGet).proved, dispatcher_.Now());

  resource_.SetFaults([](auto& faults) { faults.denied = {ReadVerb::kGet}; });
  dispatcher_.Advance(absl::Seconds(1));
  replica.WantAccess(ReadVerb::kGet);
  dispatcher_.RunReady();
  EXPECT_EQ(changes_, changes + 3);
  EXPECT_TRUE(replica.access(ReadVerb::kGet).known);
  EXPECT_FALSE(replica.access(ReadVerb::kGet).allowed);
  EXPECT_TRUE(replica.access(ReadVerb::kList).allowed);
}

TEST_F(AccessRecordTest, SilenceSaysNothing) {
  CacheReplica& replica = Replica();
  const Access before = replica.access(ReadVerb::kWatch);
  for (const absl::Status& silence : {UnavailableError("down"), TimeoutError("hangs")}) {
    resource_.SetFaults([&](auto& faults) { faults.reviews = {silence}; });
    dispatcher_.Advance(absl::Seconds(1));
    replica.WantAccess(ReadVerb::kWatch);
    dispatcher_.RunReady();
    Access but_silent = before;
    but_silent.silent = dispatcher_.Now();
    EXPECT_EQ(replica.access(ReadVerb::kWatch), but_silent);
  }
  replica.WantAccess(ReadVerb::kWatch);
  dispatcher_.RunReady();
  EXPECT_EQ(replica.access(ReadVerb::kWatch).proved, dispatcher_.Now()) << "asked again";
}

TEST_F(AccessRecordTest, AFailedReviewSaysOnlyThatItFailed) {
  CacheReplica& replica = Replica();
  const int changes = changes_;
  const Access before = replica.access(ReadVerb::kWatch);
  resource_.SetFaults([](auto& faults) {
    faults.reviews = {InternalError("broken")};
    faults.denied = {ReadVerb::kWatch};
  });
  dispatcher_.Advance(absl::Seconds(1));
  replica.WantAccess(ReadVerb::kWatch);
  dispatcher_.RunReady();
  Access after = replica.access(ReadVerb::kWatch);
  EXPECT_EQ(after.failed, dispatcher_.Now());
  after.failed = before.failed;
  EXPECT_EQ(after, before);
  EXPECT_EQ(changes_, changes + 1) << "who waits need wait no longer";
  replica.WantAccess(ReadVerb::kWatch);
  dispatcher_.RunReady();
  EXPECT_FALSE(replica.access(ReadVerb::kWatch).allowed) << "asked again";
}

TEST_F(AccessRecordTest, ReadersAreToldOfTheFirstDenialOfAWatch) {
  CacheReplica& replica = Replica();
  resource_.SetFaults([](auto& faults) { faults.watches = {PermissionDeniedError("revoked")}; });
  resource_.CutWatches(UnavailableError("restart"));
  bool denied = false;
  const RequestHandle handle = replica.Subscribe(
      {.on_change = [&] { denied = denied || !replica.access(ReadVerb::kWatch).allowed; }});
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_TRUE(denied);
  EXPECT_TRUE(replica.access(ReadVerb::kWatch).allowed) << "granted again";
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
}

TEST_F(AccessRecordTest, WhatWasAskedBeforeTheSyncIsKnownAfterIt) {
  CacheReplica* const replica = map_->Get(ConfigMaps());
  const RequestHandle handle = replica->Subscribe({.on_change = [] {}});
  replica->WantAccess(ReadVerb::kGet);
  dispatcher_.RunReady();
  EXPECT_TRUE(replica->access(ReadVerb::kGet).allowed);
  EXPECT_EQ(resource_.reviews(), 1);
}

TEST_F(AccessRecordTest, AReviewEndsWithItsCache) {
  CacheReplica& replica = Replica();
  replica.WantAccess(ReadVerb::kGet);
  map_->DropAll(PermissionDeniedError("revoked"));
  replica.WantAccess(ReadVerb::kList);
  dispatcher_.RunReady();
  EXPECT_FALSE(replica.access(ReadVerb::kGet).known);
  EXPECT_EQ(resource_.reviews(), 1);
}

TEST_F(AccessRecordTest, AnAnswerToAnEarlierQuestionDoesNotCount) {
  FakeListerWatcher source(dispatcher_, resource_, ConfigMaps());
  AccessRecord record(dispatcher_, source, "configmaps", [] {});
  const MonotonicTime now = dispatcher_.Now();
  record.Note(ReadVerb::kList, false, now);
  record.Note(ReadVerb::kList, true, now + absl::Milliseconds(-1));
  EXPECT_FALSE(record.table()[static_cast<size_t>(ReadVerb::kList)].allowed);
  record.Note(ReadVerb::kList, true, now + absl::Milliseconds(1));
  EXPECT_TRUE(record.table()[static_cast<size_t>(ReadVerb::kList)].allowed);
}

}  // namespace
}  // namespace weir
