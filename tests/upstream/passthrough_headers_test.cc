// SPDX-License-Identifier: Apache-2.0
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/upstream/passthrough.h"
#include "tests/upstream/fake_server.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// An HTTP/1.1 API server and a client's end of an exchange, both without code in between that
// would hide what the proxy says.
class PassthroughHeadersTest : public testing::Test, protected ResponseWriter {
 protected:
  PassthroughHeadersTest()
      : upstream_(dispatcher_, UpstreamTarget(), UpstreamOptions(), TokenSource::Fixed(""),
                  {NewPipes(), NewPipes()}, stats_) {}
  ~PassthroughHeadersTest() override { handler_.reset(); }

  Connector NewPipes() {
    return [this](const std::vector<std::string>& /*alpn*/,
                  std::function<void(absl::StatusOr<ByteStreamPtr>)> done) -> RequestHandle {
      dispatcher_.Post([this, done = std::move(done)] {
        FakeByteStream::Pair pair = FakeByteStream::Connect(dispatcher_, {.alpn = "http/1.1"});
        server_ = std::move(pair.second);
        done(std::move(pair.first));
      });
      return std::make_unique<Cancellable>();
    };
  }
  // What the API server reads.
  std::string Forward(RequestHead head) {
    PassthroughRequest request;
    request.head = std::move(head);
    request.verb = "get";
    handler_ = NewPassthrough(upstream_, std::move(request), *this);
    if (request_ends_) handler_->OnEnd({});
    dispatcher_.RunReady();
    return server_->ReadAll();
  }
  void AnswerWith(std::string_view text) {
    server_->WriteAll(text);
    dispatcher_.RunReady();
  }
  static RequestHead Get() {
    RequestHead head;
    head.method = "GET";
    head.target = "/";
    head.end_of_stream = true;
    return head;
  }

  void SendInformational(const ResponseHead& head) override { informational_.push_back(head); }
  void SendHead(const ResponseHead& head) override { head_ = head; }
  void SendBody(Bytes bytes) override { body_.append(bytes.view()); }
  void End(HeaderList /*trailers*/) override { ended_ = true; }
  void Reset() override { reset_ = true; }
  bool writable() const override { return true; }
  size_t queued_bytes() const override { return 0; }
  void ConsumeBody(size_t /*count*/) override {}
  Dispatcher& dispatcher() override { return dispatcher_; }
  std::string peer() const override { return "127.0.0.1:1"; }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  UpstreamStats stats_{registry_};
  std::unique_ptr<FakeByteStream> server_;
  Upstream upstream_;
  RequestHandlerPtr handler_;
  bool request_ends_ = true;

  std::vector<ResponseHead> informational_;
  std::optional<ResponseHead> head_;
  std::string body_;
  bool ended_ = false;
  bool reset_ = false;
};

TEST_F(PassthroughHeadersTest, HeadersOfOneHopDoNotReachTheApiServer) {
  RequestHead head = Get();
  for (const auto& [name, value] :
       std::vector<HeaderList::Field>{{"Connection", "keep-alive, X-Hop"},
                                      {"X-Hop", "1"},
                                      {"Keep-Alive", "timeout=5"},
                                      {"Proxy-Connection", "keep-alive"},
                                      {"Proxy-Authorization", "Basic abc"},
                                      {"TE", "trailers"},
                                      {"Trailer", "X-Sum"},
                                      {"Upgrade", "h2c"},
                                      {"Accept-Encoding", "gzip"},
                                      {"X-End-To-End", "1"}}) {
    head.headers.Add(name, value);
  }
  EXPECT_THAT(Forward(std::move(head)),
              AllOf(HasSubstr("Accept-Encoding: gzip\r\n"), HasSubstr("X-End-To-End: 1\r\n"),
                    Not(HasSubstr("X-Hop")), Not(HasSubstr("Keep-Alive")), Not(HasSubstr("Proxy-")),
                    Not(HasSubstr("TE:")), Not(HasSubstr("Trailer")), Not(HasSubstr("Upgrade")),
                    Not(HasSubstr("h2c"))));
}

TEST_F(PassthroughHeadersTest, NothingIsAddedToARequest) {
  EXPECT_EQ(Forward(Get()), "GET / HTTP/1.1\r\nHost: :443\r\n\r\n");
}

TEST_F(PassthroughHeadersTest, HeadersOfOneHopDoNotReachTheClient) {
  (void)Forward(Get());
  AnswerWith(
      "HTTP/1.1 103 Early Hints\r\nConnection: X-Hop\r\nX-Hop: 1\r\nLink: <a>\r\n\r\n"
      "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
      "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\nWarning: 299 - \"old\"\r\n\r\n"
      "2\r\nok\r\n0\r\n\r\n");
  ASSERT_EQ(informational_.size(), 1u);
  ASSERT_EQ(informational_[0].headers.fields().size(), 1u);
  EXPECT_EQ(informational_[0].headers.Get("Link"), "<a>");
  ASSERT_TRUE(head_.has_value());
  ASSERT_EQ(head_->headers.fields().size(), 1u);
  EXPECT_EQ(head_->headers.Get("Warning"), "299 - \"old\"");
  EXPECT_EQ(body_, "ok");
  EXPECT_TRUE(ended_);
}

TEST_F(PassthroughHeadersTest, AnUpgradeNamesItsProtocolBothWays) {
  RequestHead head = Get();
  head.headers.Add("Connection", "Upgrade");
  head.headers.Add("Upgrade", "websocket");
  head.headers.Add("Sec-WebSocket-Protocol", "v5.channel.k8s.io");
  head.upgrade = "websocket";
  head.end_of_stream = false;
  request_ends_ = false;
  EXPECT_THAT(Forward(std::move(head)),
              AllOf(HasSubstr("Connection: Upgrade\r\n"), HasSubstr("Upgrade: websocket\r\n"),
                    HasSubstr("Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n")));
  AnswerWith(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Accept: abc\r\n\r\nraw");
  ASSERT_TRUE(head_.has_value());
  EXPECT_EQ(head_->status, 101);
  EXPECT_EQ(head_->headers.Get("Upgrade"), "websocket");
  EXPECT_EQ(head_->headers.Get("Sec-WebSocket-Accept"), "abc");
  EXPECT_FALSE(head_->headers.Has("Connection"));
  EXPECT_EQ(body_, "raw");
}

TEST_F(PassthroughHeadersTest, AnUpgradeNobodyAskedForIsAFailure) {
  (void)Forward(Get());
  AnswerWith("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  ASSERT_TRUE(head_.has_value());
  EXPECT_EQ(head_->status, 500);
  EXPECT_TRUE(ended_);
}

TEST_F(PassthroughHeadersTest, AnAnswerThatIsNotHttpIsAFailure) {
  (void)Forward(Get());
  AnswerWith("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  ASSERT_TRUE(head_.has_value());
  EXPECT_GE(head_->status, 500);
  EXPECT_TRUE(ended_);
  EXPECT_THAT(body_, HasSubstr("weir: "));
}

TEST_F(PassthroughHeadersTest, ABodyShorterThanAnnouncedIsReset) {
  (void)Forward(Get());
  AnswerWith("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
  server_.reset();
  dispatcher_.RunReady();
  EXPECT_EQ(head_->headers.Get("Content-Length"), "10");
  EXPECT_EQ(body_, "short");
  EXPECT_FALSE(ended_);
  EXPECT_TRUE(reset_);
}

}  // namespace
}  // namespace weir
