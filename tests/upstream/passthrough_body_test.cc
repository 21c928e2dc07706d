// SPDX-License-Identifier: Apache-2.0
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/upstream/passthrough.h"
#include "tests/upstream/proxy_fixture.h"

namespace weir {
namespace {

// More than every window and queue on the way together.
constexpr size_t kLarge = 12 << 20;
// Two stream windows of a client, two queues, two pipes and what is read ahead of them.
constexpr size_t kBound = 4 << 20;

std::string Pattern(size_t size) {
  std::string text(size, '\0');
  for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>((i * 2654435761u) >> 13);
  return text;
}

// Sends `text` as the other side takes it.
class Pusher {
 public:
  explicit Pusher(std::string text) : text_(std::move(text)) {}
  template <typename Sink>
  void Push(Sink& sink) {
    while (!ended_ && sink.writable()) {
      const std::string_view piece = std::string_view(text_).substr(sent_, 40'000);
      if (piece.empty()) {
        ended_ = true;
        return sink.End();
      }
      sink.SendBody(Bytes::Copy(piece));
      sent_ += piece.size();
    }
  }
  size_t sent() const { return sent_; }
  bool ended() const { return ended_; }

 private:
  const std::string text_;
  size_t sent_ = 0;
  bool ended_ = false;
};

// Sends back what comes, as it is taken.
class Echo final : public RequestHandler {
 public:
  explicit Echo(ResponseWriter& writer) : writer_(writer) {}
  void OnBody(std::string_view bytes) override {
    SendHead();
    writer_.SendBody(Bytes::Copy(bytes));
    held_ += bytes.size();
    if (writer_.writable()) OnWritable();
  }
  void OnEnd(HeaderList /*trailers*/) override {
    SendHead();
    writer_.End();
  }
  void OnWritable() override { writer_.ConsumeBody(std::exchange(held_, 0)); }
  void OnReset(absl::Status /*reason*/) override {}

 private:
  void SendHead() {
    if (!std::exchange(head_sent_, true)) writer_.SendHead(ResponseHead());
  }
  ResponseWriter& writer_;
  size_t held_ = 0;
  bool head_sent_ = false;
};

class PassthroughBodyTest : public ProxyFixture, public testing::WithParamInterface<Versions> {
 protected:
  PassthroughBodyTest() : ProxyFixture(GetParam().front, GetParam().back) {}

  void ExpectEcho(size_t size, bool announce_length) {
    const std::string text = Pattern(size);
    RequestHead head = Post("/echo");
    if (announce_length) {
      head.content_length = static_cast<int64_t>(size);
      head.headers.Add("content-length", StrCat(size));
    }
    SeenAnswer& answer = Send(std::move(head));
    Pusher pusher(text);
    answer.on_writable = [&] { pusher.Push(*answer.stream); };
    pusher.Push(*answer.stream);
    dispatcher_.RunReady();
    EXPECT_TRUE(answer.ended) << size << " " << answer.failure;
    EXPECT_TRUE(answer.body == text) << size << " became " << answer.body.size();
  }
};
INSTANTIATE_TEST_SUITE_P(Http, PassthroughBodyTest, testing::ValuesIn(kAllVersions), VersionsName);

TEST_P(PassthroughBodyTest, BodiesOfAnySizeComeBackAsTheyWere) {
  answer_ = [](RequestHead /*head*/, ResponseWriter& writer) {
    return std::make_unique<Echo>(writer);
  };
  for (const size_t size : {0, 1, 1000, 16'384, 65'536, 300'000, 5 << 20}) {
    ExpectEcho(size, false);
    ExpectEcho(size, true);
  }
}

TEST_P(PassthroughBodyTest, AReaderThatStopsHoldsUpItsAnswerOnly) {
  SeenAnswer& slow = Send(Get("/slow"));
  slow.consumes = false;
  dispatcher_.RunReady();
  const std::shared_ptr<SeenRequest> request = requests_.back();
  request->writer->SendHead(ResponseHead());
  const std::string text = Pattern(kLarge);
  Pusher pusher(text);
  request->on_writable = [&] { pusher.Push(*request->writer); };
  pusher.Push(*request->writer);
  dispatcher_.RunReady();
  EXPECT_LT(pusher.sent(), kBound);
  EXPECT_FALSE(slow.ended);

  SeenAnswer& other = SendAndRun(Get("/other"));
  seen().Answer(200, "text/plain", "at once");
  dispatcher_.RunReady();
  EXPECT_TRUE(other.ended);
  EXPECT_EQ(other.body, "at once");

  slow.consumes = true;
  slow.Consume();
  dispatcher_.RunReady();
  EXPECT_TRUE(slow.ended);
  EXPECT_TRUE(slow.body == text);
}

TEST_P(PassthroughBodyTest, AnApiServerThatStopsReadingHoldsUpItsRequestOnly) {
  SeenAnswer& slow = SendAndRun(Post("/slow"));
  const std::shared_ptr<SeenRequest> request = requests_.back();
  request->consumes = false;
  const std::string text = Pattern(kLarge);
  Pusher pusher(text);
  slow.on_writable = [&] { pusher.Push(*slow.stream); };
  pusher.Push(*slow.stream);
  dispatcher_.RunReady();
  EXPECT_LT(pusher.sent(), kBound);

  SeenAnswer& other = SendAndRun(Get("/other"));
  seen().Answer(200, "text/plain", "at once");
  dispatcher_.RunReady();
  EXPECT_TRUE(other.ended);

  request->consumes = true;
  request->writer->ConsumeBody(request->body.size());
  dispatcher_.RunReady();
  EXPECT_TRUE(request->ended);
  EXPECT_TRUE(request->body == text);
  request->Answer(200, "", "");
  dispatcher_.RunReady();
  EXPECT_TRUE(slow.ended);
}

TEST_P(PassthroughBodyTest, SmallPiecesAreNotHeldBack) {
  SeenAnswer& answer = SendAndRun(Get("/log?follow=true"));
  seen().writer->SendHead(ResponseHead());
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.head.has_value());
  for (int i = 1; i <= 5; ++i) {
    seen().writer->SendBody(Bytes::Static("line\n"));
    dispatcher_.RunReady();
    EXPECT_EQ(answer.body.size(), 5u * i);
  }
}

}  // namespace
}  // namespace weir
