// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/pinned_streams.h"

#include "tests/downstream/watch_stream_fixture.h"

namespace weir {
namespace {

// The budget is 60,000 bytes; objects have 10,000 and a few hundred.
class PinnedStreamsTest : public WatchStreamFixture {
 protected:
  static constexpr int kBytes = 10000;
  void PutLarge(int begin, int end) {
    for (int i = begin; i < end; ++i) {
      resource_.Put({.name = StrCat("large", i), .data = std::string(kBytes, 'x')});
    }
    dispatcher_.RunReady();
  }
  WatchClient& Stalled(CacheReplica& replica) {
    WatchClient& client = Watch(replica);
    client.Stall();
    return client;
  }
  void Sweep() { dispatcher_.Advance(absl::Seconds(1)); }
};

TEST_F(PinnedStreamsTest, EndsTheOneThatPinsMostWhileOverTheBudget) {
  PutLarge(0, 8);
  CacheReplica& replica = Replica();
  WatchClient& early = Stalled(replica);
  PutLarge(0, 4);
  WatchClient& late = Stalled(replica);
  PutLarge(4, 8);
  FloodWindow();
  EXPECT_EQ(pinned_.size(), 2U);
  EXPECT_FALSE(early.writer.ended()) << "not before it has been looked at";
  Sweep();
  EXPECT_TRUE(early.writer.ended());
  EXPECT_FALSE(early.writer.was_reset());
  EXPECT_FALSE(late.writer.ended());
  EXPECT_EQ(Ends("pinned"), 1);
  EXPECT_EQ(pinned_.size(), 1U);
  EXPECT_GT(Pinned(), 4 * kBytes);
  EXPECT_LT(Pinned(), 5 * kBytes);

  late.Take();
  EXPECT_EQ(late.Read().size(), 5U) << "four objects and the flood";
  Sweep();
  EXPECT_EQ(pinned_.size(), 0U);
  EXPECT_EQ(Pinned(), 0);
}

TEST_F(PinnedStreamsTest, CountsThoseThatStandTogetherOnce) {
  PutLarge(0, 4);
  CacheReplica& replica = Replica();
  for (int i = 0; i < 10; ++i) Stalled(replica);
  PutLarge(0, 4);
  FloodWindow();
  Sweep();
  EXPECT_EQ(pinned_.size(), 10U);
  EXPECT_GT(Pinned(), 4 * kBytes);
  EXPECT_LT(Pinned(), 5 * kBytes);
  EXPECT_EQ(Ends("pinned"), 0);
}

TEST_F(PinnedStreamsTest, CountsNoMoreThanThereWereObjects) {
  PutLarge(0, 1);
  CacheReplica& replica = Replica();
  WatchClient& client = Stalled(replica);
  for (int i = 0; i < 50; ++i) PutLarge(0, 1);
  Sweep();
  EXPECT_FALSE(client.writer.ended());
  EXPECT_LT(Pinned(), 2 * kBytes);
  EXPECT_GT(Pinned(), kBytes);
}

TEST_F(PinnedStreamsTest, CachesAddUp) {
  PutLarge(0, 4);
  WatchClient& json = Stalled(Replica());
  WatchClient& protobuf = Stalled(Replica(ConfigMaps(Representation::kProtobuf)));
  PutLarge(0, 4);
  FloodWindow();
  Sweep();
  EXPECT_NE(json.writer.ended(), protobuf.writer.ended()) << "one is enough";
  EXPECT_EQ(Ends("pinned"), 1);
  EXPECT_LT(Pinned(), 60000);
}

TEST_F(PinnedStreamsTest, CountsWhatADifferenceHasYetToTell) {
  PutLarge(0, 8);
  WatchClient& client = Stalled(Replica());
  for (int i = 0; i < 8; ++i) resource_.Delete("default", StrCat("large", i));
  dispatcher_.RunReady();
  FloodWindow();
  client.Take(1);  // Begins the difference; its root is held no longer.
  EXPECT_EQ(client.Read().size(), 1U);
  Sweep();
  EXPECT_TRUE(client.writer.ended());
  EXPECT_EQ(Ends("pinned"), 1);
  EXPECT_EQ(Pinned(), 0);
}

TEST_F(PinnedStreamsTest, ResetsAStreamListInItsInitialEvents) {
  PutLarge(0, 8);
  WatchClient& client = StreamList(Replica(), 1);
  PutLarge(0, 8);
  FloodWindow();
  Sweep();
  EXPECT_TRUE(client.writer.was_reset());
  EXPECT_EQ(Ends("pinned"), 1);
}

TEST_F(PinnedStreamsTest, LooksOnlyWhileThereIsSomethingToSee) {
  PutLarge(0, 2);
  CacheReplica& replica = Replica();
  WatchClient& client = Stalled(replica);
  PutLarge(0, 1);
  EXPECT_EQ(pinned_.size(), 0U) << "the window holds as much";
  const size_t timers = dispatcher_.enabled_timers();
  FloodWindow();
  EXPECT_EQ(pinned_.size(), 1U);
  EXPECT_EQ(dispatcher_.enabled_timers(), timers + 1);
  Sweep();
  EXPECT_EQ(dispatcher_.enabled_timers(), timers + 1);
  client.stream.reset();
  EXPECT_EQ(pinned_.size(), 0U);
  EXPECT_EQ(Pinned(), 0);
  EXPECT_EQ(dispatcher_.enabled_timers(), timers - 2) << "its own two are gone, too";
}

}  // namespace
}  // namespace weir
