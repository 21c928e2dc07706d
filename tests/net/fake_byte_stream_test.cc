// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_byte_stream.h"

#include "gtest/gtest.h"

#include "proxy/base/status.h"
#include "tests/net/loop_fixture.h"
#include "tests/support/manual_dispatcher.h"

namespace weir {
namespace {

class FakeByteStreamTest : public testing::Test {
 protected:
  void Connect(const FakeByteStreamOptions& options = {}) {
    FakeByteStream::Pair pair = FakeByteStream::Connect(dispatcher_, options);
    near_fake_ = pair.first.get();
    near_ = std::make_unique<Endpoint>(std::move(pair.first));
    far_ = std::make_unique<Endpoint>(std::move(pair.second));
    EXPECT_FALSE(near_->connected().has_value());
    dispatcher_.RunReady();
  }

  ManualDispatcher dispatcher_;
  FakeByteStream* near_fake_ = nullptr;
  std::unique_ptr<Endpoint> near_;
  std::unique_ptr<Endpoint> far_;
};

TEST_F(FakeByteStreamTest, CarriesBytesBothWays) {
  Connect({.alpn = "http/1.1"});
  EXPECT_TRUE(near_->up());
  EXPECT_EQ(near_->stream().alpn(), "http/1.1");
  near_->Send("ping");
  far_->Send("pong");
  EXPECT_EQ(far_->received(), "");
  dispatcher_.RunReady();
  EXPECT_EQ(far_->received(), "ping");
  EXPECT_EQ(near_->received(), "pong");
}

TEST_F(FakeByteStreamTest, HoldsBackAWriterWhoseReaderStops) {
  Connect({.capacity = 100});
  far_->set_reading(false);
  near_->Send(std::string(250, 'x'));
  dispatcher_.RunReady();
  EXPECT_EQ(near_->unsent(), 150u);
  EXPECT_EQ(near_fake_->in_flight(), 100u);
  far_->set_reading(true);
  dispatcher_.RunReady();
  EXPECT_EQ(far_->received().size(), 250u);
}

TEST_F(FakeByteStreamTest, MovesInSmallPieces) {
  Connect({.max_chunk = 3});
  near_->Send("0123456789");
  dispatcher_.RunReady();
  EXPECT_EQ(far_->received(), "0123456789");
}

TEST_F(FakeByteStreamTest, ClosesEachHalfOnItsOwn) {
  Connect();
  near_->SendAndShutdown("question");
  dispatcher_.RunReady();
  EXPECT_TRUE(far_->ended());
  far_->SendAndShutdown("answer");
  dispatcher_.RunReady();
  EXPECT_TRUE(near_->ended());
  EXPECT_EQ(near_->received(), "answer");
}

TEST_F(FakeByteStreamTest, ClosingLetsThePeerReadTheRest) {
  Connect();
  near_->Send("last");
  near_.reset();
  dispatcher_.RunReady();
  EXPECT_EQ(far_->received(), "last");
  EXPECT_TRUE(far_->ended());
  far_->Send("x");
  EXPECT_TRUE(IsUnavailable(far_->failure()));
}

TEST_F(FakeByteStreamTest, BreakingLosesWhatIsOnItsWay) {
  Connect();
  near_->Send("lost");
  near_fake_->Break(UnavailableError("reset"));
  dispatcher_.RunReady();
  EXPECT_EQ(far_->received(), "");
  EXPECT_EQ(MessageOf(far_->failure()), "reset");
  EXPECT_EQ(MessageOf(near_->failure()), "reset");
}

TEST_F(FakeByteStreamTest, FailsToConnectWhenToldTo) {
  Connect({.connect_result = UnavailableError("refused")});
  EXPECT_TRUE(IsUnavailable(*near_->connected()));
  near_->Send("x");
  EXPECT_TRUE(IsUnavailable(near_->failure()));
}

TEST_F(FakeByteStreamTest, BlocksAndGoesOnWithItsCapacity) {
  Connect();
  near_fake_->set_capacity(0);
  near_->Send("wait");
  dispatcher_.RunReady();
  EXPECT_EQ(near_->unsent(), 4u);
  near_fake_->set_capacity(10);
  dispatcher_.RunReady();
  EXPECT_EQ(far_->received(), "wait");
}

TEST_F(FakeByteStreamTest, ServesATestWithoutCallbacks) {
  FakeByteStream::Pair pair = FakeByteStream::Connect(dispatcher_);
  Endpoint endpoint(std::move(pair.first));
  dispatcher_.RunReady();
  pair.second->WriteAll("hello");
  dispatcher_.RunReady();
  EXPECT_EQ(endpoint.received(), "hello");
  endpoint.SendAndShutdown("bye");
  EXPECT_EQ(pair.second->ReadAll(), "bye");
  EXPECT_TRUE(pair.second->at_end());
  EXPECT_FALSE(pair.second->peer_closed());
}

}  // namespace
}  // namespace weir
