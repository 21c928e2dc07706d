// SPDX-License-Identifier: Apache-2.0
// Who waits for whom, and how much is held meanwhile.
#include <string>

#include "tests/http/exchange_fixture.h"

namespace weir {
namespace {

constexpr size_t kPiece = 10000;
constexpr size_t kWindow = 128 << 10;
constexpr size_t kPipe = 64 << 10;
// In one direction of a connection, beyond the stream's window: the two output buffers (one is
// being filled while the other waits), a read, and what the pipe holds.
constexpr size_t kSlack = 2 * (145 << 10) + kPipe + kPipe;

class FlowControlTest : public testing::TestWithParam<std::string>, public ExchangeFixture {
 protected:
  FlowControlTest() : ExchangeFixture(GetParam()) {
    client_options_.stream_window = kWindow;
    server_options_.initial_stream_window = kWindow;
    pipe_options_.capacity = kPipe;
  }
  bool http2() const { return GetParam() == "h2"; }

  // Queues as long as it may, without end.
  static void Pour(ServedRequest& request) {
    while (request.writer->writable()) {
      request.writer->SendBody(Bytes::Own(std::string(kPiece, 'x')));
    }
    EXPECT_LT(request.writer->queued_bytes(), kStreamHighMark + kPiece);
  }
  static void ServeWithoutEnd(ServedRequest& request) {
    request.on_start = [](ServedRequest& r) {
      r.writer->SendHead({200, {}});
      Pour(r);
    };
    request.on_writable = Pour;
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, FlowControlTest, testing::Values("h2", "http/1.1"),
                         [](const auto& info) { return info.param == "h2" ? "Http2" : "Http1"; });

TEST_P(FlowControlTest, AReaderThatStopsStopsItsServerAtABound) {
  setup_ = ServeWithoutEnd;
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  answer.consume = false;
  Settle();
  const size_t received = answer.body_bytes;
  EXPECT_GE(received, kWindow);
  EXPECT_LE(received, kWindow + kPipe);
  EXPECT_FALSE(served(0).writer->writable());
  EXPECT_GE(served(0).writer->queued_bytes(), kStreamLowMark);

  answer.stream->ConsumeBody(received);
  Settle();
  EXPECT_GE(answer.body_bytes, received + kWindow / 2);
  EXPECT_LE(answer.body_bytes, received + kWindow + kPipe);
}

TEST_P(FlowControlTest, AHandlerThatStopsStopsItsClientAtABound) {
  setup_ = [](ServedRequest& r) { r.consume = false; };
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  size_t given = 0;
  answer.on_writable = [&given](ReceivedAnswer& a) {
    while (a.stream->writable()) {
      a.stream->SendBody(Bytes::Own(std::string(kPiece, 'x')));
      given += kPiece;
    }
  };
  answer.on_writable(answer);
  Settle();
  EXPECT_GE(served(0).body_bytes, kWindow);
  EXPECT_LE(served(0).body_bytes, kWindow + kPipe);
  EXPECT_LE(given, kWindow + kStreamHighMark + kPiece + kSlack);
  const size_t before = served(0).body_bytes;
  served(0).writer->ConsumeBody(before);
  Settle();
  EXPECT_GE(served(0).body_bytes, before + kWindow / 2);
  EXPECT_GT(answer.writables, 0);
}

TEST_P(FlowControlTest, ASlowReaderSlowsOnlyItsOwnStream) {
  setup_ = ServeWithoutEnd;
  ReceivedAnswer& slow = Send(Request("GET", "/slow"));
  slow.consume = false;
  Settle();
  setup_ = [](ServedRequest& r) {
    r.on_end = [](ServedRequest& r) { r.Answer(200, std::string(5 << 20, 'y')); };
  };
  ReceivedAnswer& fast = Fetch(Request("GET", "/fast"));
  EXPECT_TRUE(fast.ended);
  EXPECT_EQ(fast.body_bytes, 5u << 20);
  EXPECT_EQ(dials_.size(), http2() ? 1u : 2u);
  EXPECT_LE(slow.body_bytes, kWindow + kPipe);
}

TEST_P(FlowControlTest, ASlowHandlerSlowsOnlyItsOwnStream) {
  setup_ = [](ServedRequest& r) { r.consume = false; };
  ReceivedAnswer& slow = Send(Request("POST", "/slow", true));
  slow.stream->SendBody(Bytes::Own(std::string(4 << 20, 'x')));
  Settle();
  setup_ = [](ServedRequest& r) { r.on_end = [](ServedRequest& r) { r.Answer(200, "done"); }; };
  ReceivedAnswer& fast = Send(Request("POST", "/fast", true));
  fast.stream->SendBody(Bytes::Own(std::string(4 << 20, 'y')));
  fast.stream->End();
  Settle();
  EXPECT_EQ(fast.body, "done");
  EXPECT_EQ(served(1).body_bytes, 4u << 20);
  EXPECT_LE(served(0).body_bytes, kWindow + kPipe);
}

TEST_P(FlowControlTest, ASocketThatIsFullHoldsOneBufferAndTheQueues) {
  pipe_options_.capacity = 1000;
  setup_ = ServeWithoutEnd;
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  answer.consume = false;
  while (answer.body_bytes < kWindow) ASSERT_TRUE(dispatcher_.RunOnce());
  EXPECT_LT(served(0).writer->queued_bytes(), kStreamHighMark + kPiece);
  answer.stream.reset();
  Settle();
  EXPECT_TRUE(served(0).destroyed);
}

TEST_P(FlowControlTest, OnWritableComesOnceForEachTimeTheQueueWasFull) {
  setup_ = [](ServedRequest& r) {
    r.on_start = [](ServedRequest& r) {
      r.writer->SendHead({200, {}});
      r.writer->SendBody(Bytes::Own(std::string(100, 'x')));
      EXPECT_TRUE(r.writer->writable());
    };
  };
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  EXPECT_EQ(served(0).writables, 0);
  served(0).writer->SendBody(Bytes::Own(std::string(kStreamHighMark, 'x')));
  EXPECT_FALSE(served(0).writer->writable());
  EXPECT_EQ(served(0).writables, 0);
  Settle();
  EXPECT_EQ(served(0).writables, 1);
  EXPECT_EQ(answer.body_bytes, kStreamHighMark + 100);
  EXPECT_TRUE(served(0).writer->writable());
  EXPECT_EQ(served(0).writer->queued_bytes(), 0u);
}

TEST_P(FlowControlTest, ManySmallPiecesOfATurnLeaveInOneWrite) {
  pipe_options_.capacity = 1 << 20;
  setup_ = [](ServedRequest& r) {
    r.on_start = [](ServedRequest& r) { r.writer->SendHead({200, {}}); };
  };
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  int pieces = 0;
  answer.on_body = [&pieces](ReceivedAnswer&, std::string_view) { ++pieces; };
  for (int i = 0; i < 1000; ++i) served(0).writer->SendBody(Bytes::Static("0123456789"));
  Settle();
  EXPECT_EQ(answer.body_bytes, 10000u);
  EXPECT_LE(pieces, 2);
}

}  // namespace
}  // namespace weir
