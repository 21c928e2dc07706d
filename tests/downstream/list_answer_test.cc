// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/list_answer.h"

#include "tests/downstream/watch_stream_fixture.h"

namespace weir {
namespace {

// The budget is 60,000 bytes; objects have 10,000 and a few hundred.
class ListAnswerTest : public WatchStreamFixture {
 protected:
  static constexpr int kBytes = 10000;
  static constexpr absl::Duration kListTimeout = absl::Seconds(60);

  struct Client {
    explicit Client(Dispatcher& dispatcher) : writer(dispatcher) {}
    FakeResponseWriter writer;
    std::unique_ptr<ListAnswer> answer;
  };

  void PutLarge(int count) {
    for (int i = 0; i < count; ++i) {
      resource_.Put({.name = StrCat("large", i), .data = std::string(kBytes, 'x')});
    }
    dispatcher_.RunReady();
  }
  // Its connection takes `room` bytes and then nothing.
  Client& List(CacheReplica& replica, size_t room) {
    lists_.push_back(std::make_unique<Client>(dispatcher_));
    Client& client = *lists_.back();
    client.writer.TakeAll(room);
    client.answer = std::make_unique<ListAnswer>(
        replica, ListEnvelope{.api_version = "v1", .list_kind = "ConfigMapList"}, EventView(),
        ListAnswerOptions{.timeout = kListTimeout}, client.writer, stats_, pinned_);
    client.answer->Start(ResponseHead());
    return client;
  }
  double CutOffs(const std::string& reason) const {
    return registry_.Sum("weir_downstream_list_cut_offs_total", {{"reason", reason}});
  }

  ListAnswerStats stats_{registry_};
  std::vector<std::unique_ptr<Client>> lists_;
};

TEST_F(ListAnswerTest, IsCutOffIfItsClientDoesNotReadInTime) {
  PutLarge(4);
  CacheReplica& replica = Replica();
  const size_t readers = replica.readers();
  Client& client = List(replica, 1);
  dispatcher_.Advance(kListTimeout - absl::Milliseconds(1));
  EXPECT_FALSE(client.writer.ended());
  dispatcher_.Advance(absl::Milliseconds(1));
  EXPECT_TRUE(client.writer.was_reset());
  EXPECT_EQ(CutOffs("timeout"), 1);
  EXPECT_EQ(replica.readers(), readers) << "it holds nothing any more";
}

// What is queued holds its objects.
TEST_F(ListAnswerTest, IsCutOffIfItsEndIsQueuedAndNotTaken) {
  PutLarge(1);
  Client& client = List(Replica(), SIZE_MAX);
  EXPECT_TRUE(client.writer.ended());
  EXPECT_FALSE(client.writer.was_reset());
  dispatcher_.Advance(kListTimeout);
  EXPECT_TRUE(client.writer.was_reset());
  EXPECT_EQ(CutOffs("timeout"), 1);
}

TEST_F(ListAnswerTest, IsNotCutOffOnceItsClientHasAllOfIt) {
  PutLarge(1);
  Client& client = List(Replica(), SIZE_MAX);
  client.answer.reset();  // As the stream does when it is over.
  dispatcher_.Advance(kListTimeout);
  EXPECT_FALSE(client.writer.was_reset());
  EXPECT_EQ(CutOffs("timeout"), 0);
}

TEST_F(ListAnswerTest, IsNotCutOffAfterItsClientHasLeft) {
  PutLarge(4);
  Client& client = List(Replica(), 1);
  client.answer->OnReset(CancelledError("gone"));
  dispatcher_.Advance(kListTimeout);
  EXPECT_EQ(CutOffs("timeout"), 0);
}

TEST_F(ListAnswerTest, CountsWhatIsRetiredSinceItsVersion) {
  PutLarge(4);
  Client& client = List(Replica(), 1);
  PutLarge(4);
  FloodWindow();
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_GT(Pinned(), 4 * kBytes);
  EXPECT_LT(Pinned(), 5 * kBytes);
  EXPECT_FALSE(client.writer.ended()) << "that is within the budget";

  client.writer.TakeAll(SIZE_MAX);
  client.answer->OnWritable();
  EXPECT_TRUE(client.writer.ended());
  EXPECT_FALSE(client.writer.was_reset());
  EXPECT_EQ(pinned_.size(), 0U);
  EXPECT_EQ(Pinned(), 0);
}

TEST_F(ListAnswerTest, TheOneThatPinsMostGoesFirst) {
  PutLarge(8);
  CacheReplica& replica = Replica();
  Client& early = List(replica, 1);
  PutLarge(4);
  WatchClient& watch = Watch(replica);
  watch.Stall();
  Client& late = List(replica, 1);
  PutLarge(4);
  FloodWindow();
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_TRUE(early.writer.was_reset());
  EXPECT_FALSE(late.writer.ended());
  EXPECT_FALSE(watch.writer.ended());
  EXPECT_EQ(CutOffs("pinned"), 1);
  EXPECT_EQ(Ends("pinned"), 0);
  EXPECT_LT(Pinned(), 5 * kBytes) << "those that stand together count once";
}

// A sweep forgets what pins nothing, and a list that is not read says nothing by itself.
TEST_F(ListAnswerTest, CountsAgainWhatTheWindowPassesByLater) {
  PutLarge(2);
  Client& client = List(Replica(), 1);
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(pinned_.size(), 0U);
  PutLarge(2);
  FloodWindow();
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_EQ(pinned_.size(), 1U);
  EXPECT_GT(Pinned(), 2 * kBytes);
  client.answer.reset();
  EXPECT_EQ(pinned_.size(), 0U);
}

}  // namespace
}  // namespace weir
