// SPDX-License-Identifier: Apache-2.0
//
// A cache that is made for a watch which goes on from a version.
#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;

class CacheBeginTest : public CacheFixture {
 protected:
  CacheReplica& ReplicaFrom(uint64_t begin, const CacheKey& key = ConfigMaps()) {
    CacheReplica* const replica = map_->Get(key, {}, V(begin));
    subscriptions_.push_back(replica->Subscribe({.on_change = [this] { ++changes_; }}));
    dispatcher_.RunReady();
    return *replica;
  }
  static std::vector<std::string> ReadFrom(const CacheReplica& replica, uint64_t since) {
    WatchCursor cursor =
        WatchCursor::After(replica, EventView(), replica.Find(V(since)).value(), V(since));
    return ReadAll(cursor);
  }
};

TEST_F(CacheBeginTest, BeginsWhereItsReaderGoesOn) {
  resource_.Put({.name = "a"});             // 11
  resource_.Put({.name = "b"});             // 12
  resource_.Put({.name = "c"});             // 13
  resource_.Delete("default", "c");         // 14
  CacheReplica& replica = ReplicaFrom(12);  // What it has listed.
  EXPECT_EQ(resource_.exact_lists(), 1);
  EXPECT_EQ(resource_.stream_lists(), 0);
  EXPECT_THAT(ReadFrom(replica, 12), ElementsAre("ADDED c@13", "DELETED c@14"));
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_FALSE(replica.Find(V(11)).has_value());
  EXPECT_EQ(replica.past_at(), dispatcher_.Now());
}

TEST_F(CacheBeginTest, BeginsWithWhatThereIsWhereThatVersionIsGone) {
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  resource_.Compact();
  CacheReplica& replica = ReplicaFrom(11);
  EXPECT_EQ(resource_.exact_lists(), 1);
  EXPECT_EQ(resource_.stream_lists(), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_FALSE(replica.Find(V(11)).has_value());
}

TEST_F(CacheBeginTest, WhateverIsWrongWithThatListIsNotTheCaches) {
  for (const absl::Status& failure :
       {PermissionDeniedError("no list"), InvalidArgumentError("odd"),
        NotAcceptableError("no such encoding"), TooLargeVersionError("not yet")}) {
    resource_.SetFaults([&failure](auto& faults) { faults.lists = {failure}; });
    resource_.Put({.name = "a"});
    CacheKey key = ConfigMaps();
    key.label_selector = failure.ToString();  // Another one each time.
    CacheReplica& replica = ReplicaFrom(resource_.version(), key);
    EXPECT_EQ(replica.state(), CacheReplica::State::kSynced) << failure;
    EXPECT_FALSE(replica.past_at().has_value()) << failure;
  }
  EXPECT_EQ(resource_.exact_lists(), 4);
  EXPECT_EQ(resource_.stream_lists(), 4);
}

// Weir and the API server have been restarted together.
TEST_F(CacheBeginTest, WhoCannotAnswerIsAskedForTheSameAgain) {
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  resource_.SetFaults([](auto& faults) {
    faults.lists = {UnavailableError("down"), TooManyRequestsError("busy")};
  });
  CacheReplica& replica = ReplicaFrom(11);
  EXPECT_EQ(replica.state(), CacheReplica::State::kSyncing);
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(resource_.exact_lists(), 3);
  EXPECT_THAT(ReadFrom(replica, 11), ElementsAre("ADDED b@12"));
}

// It is read from what the API server has stored, and its memory begins later.
TEST_F(CacheBeginTest, TheVersionIsTooOldForAWatch) {
  resource_.Put({.name = "a"});      // 11
  resource_.Put({.name = "b"});      // 12
  resource_.Delete("default", "a");  // 13
  resource_.SetFaults([](auto& faults) { faults.watches = {ResourceExpiredError("too old")}; });
  CacheReplica& replica = ReplicaFrom(11);
  EXPECT_THAT(ReadFrom(replica, 11), ElementsAre("DELETED a@11", "ADDED b@12", "BOOKMARK@13"));
  EXPECT_FALSE(replica.past_at().has_value()) << "listed anew";
}

// What other caches have told of since they synced is for the reader of past_at() to find out.
TEST_F(CacheBeginTest, IsNotBehindWhatOthersBeganWith) {
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  Replica();
  CacheReplica& replica = ReplicaFrom(11, ConfigMaps(Representation::kProtobuf));
  EXPECT_EQ(resource_.exact_lists(), 0);
  EXPECT_EQ(replica.newest()->version, V(12));
}

TEST_F(CacheBeginTest, WhatIsThereStaysAsItIs) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& first = Replica();
  resource_.Put({.name = "b"});  // 12
  CacheReplica& second = ReplicaFrom(10);
  EXPECT_EQ(&first, &second);
  EXPECT_EQ(resource_.exact_lists(), 0);
}

}  // namespace
}  // namespace weir
