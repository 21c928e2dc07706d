// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client_pool.h"

#include <string>
#include <vector>

#include "tests/http/exchange_fixture.h"
#include "tests/http/h2_frames.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class ClientPoolTest : public testing::Test, public ExchangeFixture {
 protected:
  ClientPoolTest() : ExchangeFixture("h2") {
    setup_ = [](ServedRequest& r) {
      r.on_end = [](ServedRequest& r) { r.Answer(200, r.head.target); };
    };
  }
  std::vector<ReceivedAnswer*> SendMany(int count) {
    std::vector<ReceivedAnswer*> answers;
    for (int i = 0; i < count; ++i) answers.push_back(&Send(Request("GET", StrCat("/", i))));
    return answers;
  }
};

TEST_F(ClientPoolTest, ManyRequestsAtOnceShareAFewConnections) {
  const auto answers = SendMany(250);
  EXPECT_EQ(dials_.size(), 3u);
  Settle();
  for (const ReceivedAnswer* answer : answers) EXPECT_TRUE(answer->ended);
  EXPECT_EQ(dials_.size(), 3u);
  EXPECT_THAT(dials_[0], ElementsAre("h2", "http/1.1"));
}

TEST_F(ClientPoolTest, OpensAnotherConnectionWhenTheServersLimitIsReached) {
  server_options_.max_concurrent_streams = 10;
  setup_ = [](ServedRequest&) {};
  Fetch(Request("GET", "/"));
  SendMany(25);
  Settle();
  EXPECT_EQ(served_.size(), 26u);
  EXPECT_THAT(dials_.size(), testing::AllOf(Ge(2u), testing::Le(3u)));
  for (auto& request : served_) request->Answer(200, "");
  Settle();
  for (auto& answer : answers_) EXPECT_TRUE(answer->ended);
}

TEST_F(ClientPoolTest, RequestsRefusedBecauseTheLimitWasNotKnownYetAreSentAgain) {
  server_options_.max_concurrent_streams = 10;
  const auto answers = SendMany(60);
  Settle();
  for (const ReceivedAnswer* answer : answers) EXPECT_TRUE(answer->ended);
}

TEST_F(ClientPoolTest, Http1OpensNoMoreConnectionsThanAllowed) {
  pipe_options_.alpn = "http/1.1";
  client_options_.max_http1_connections = 3;
  const auto answers = SendMany(30);
  Settle();
  EXPECT_EQ(dials_.size(), 3u);
  for (const ReceivedAnswer* answer : answers) EXPECT_TRUE(answer->ended);
}

TEST_F(ClientPoolTest, AConnectFailureFailsAllThatWait) {
  dial_result_ = UnavailableError("cannot reach 10.0.0.1:443: refused");
  const auto answers = SendMany(20);
  EXPECT_FALSE(answers[0]->failed);
  Settle();
  for (const ReceivedAnswer* answer : answers) {
    ASSERT_TRUE(answer->failed);
    EXPECT_TRUE(IsUnavailable(*answer->failed));
    EXPECT_THAT(std::string(MessageOf(*answer->failed)), HasSubstr("10.0.0.1:443: refused"));
    EXPECT_FALSE(answer->sent);
  }
  EXPECT_EQ(dials_.size(), 1u);
  EXPECT_EQ(client_stats_.connect_failures->value(), 1u);
  dial_result_ = absl::OkStatus();
  EXPECT_TRUE(Fetch(Request("GET", "/")).ended);
}

TEST_F(ClientPoolTest, AHandshakeFailureFailsAllThatWait) {
  pipe_options_.connect_result = UnavailableError("certificate does not verify");
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  ASSERT_TRUE(answer.failed);
  EXPECT_THAT(std::string(MessageOf(*answer.failed)), HasSubstr("does not verify"));
  EXPECT_FALSE(answer.sent);
  EXPECT_EQ(dials_.size(), 1u);
}

TEST_F(ClientPoolTest, GivesUpConnectingAfterATime) {
  hang_dials_ = true;
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  dispatcher_.Advance(absl::Seconds(9));
  EXPECT_FALSE(answer.failed);
  dispatcher_.Advance(absl::Seconds(2));
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(IsUnavailable(*answer.failed));
  EXPECT_FALSE(answer.sent);
}

TEST_F(ClientPoolTest, TurnsRequestsAwayWhenTooManyWait) {
  client_options_.max_pending = 5;
  hang_dials_ = true;
  const auto answers = SendMany(7);
  EXPECT_FALSE(answers[6]->failed);
  Settle();
  EXPECT_FALSE(answers[4]->failed);
  ASSERT_TRUE(answers[5]->failed);
  EXPECT_TRUE(IsLimit(*answers[6]->failed));
  EXPECT_FALSE(answers[6]->sent);
  EXPECT_EQ(client_stats_.pending->value(), 5);
}

TEST_F(ClientPoolTest, CancelsWhatWaits) {
  hang_dials_ = true;
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  answer.stream.reset();
  EXPECT_EQ(client_stats_.pending->value(), 0);
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_FALSE(answer.over());
}

TEST_F(ClientPoolTest, TheBodyOfAWaitingRequestIsBoundedByItsGiver) {
  hang_dials_ = true;
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Own(std::string(kStreamHighMark, 'x')));
  EXPECT_FALSE(answer.stream->writable());
}

TEST_F(ClientPoolTest, AHandlerMaySendAgainFromItsCallbacks) {
  int rounds = 0;
  std::function<void(ReceivedAnswer&)> again = [&](ReceivedAnswer&) {
    if (++rounds < 5) Send(Request("GET", "/")).on_end = again;
  };
  Send(Request("GET", "/")).on_end = again;
  Settle();
  EXPECT_EQ(rounds, 5);
}

TEST_F(ClientPoolTest, UsesANewConnectionAfterGoAwayWhileOldStreamsGoOn) {
  setup_ = [](ServedRequest&) {};
  ReceivedAnswer& old = Fetch(Request("GET", "/old"));
  sessions_[0]->Drain();
  Settle();
  EXPECT_EQ(client_stats_.goaways->value(), 1u);
  Fetch(Request("GET", "/new"));
  EXPECT_EQ(dials_.size(), 2u);
  served(0).Answer(200, "old");
  served(1).Answer(200, "new");
  Settle();
  EXPECT_EQ(old.body, "old");
  EXPECT_EQ(answers_[1]->body, "new");
}

// The test plays the server, frame by frame.
class RawServerTest : public testing::Test, public ExchangeFixture {
 protected:
  RawServerTest() : ExchangeFixture("h2") { raw_server_ = true; }

  std::vector<h2::Received> Reply(size_t connection, std::string_view bytes) {
    raw_ends_.at(connection)->WriteAll(bytes);
    Settle();
    return h2::Parse(raw_ends_.at(connection)->ReadAll());
  }
  static std::string Ok(uint32_t stream, std::string_view body) {
    return h2::Frame(h2::kHeaders, h2::kEndHeaders, stream, h2::Fields({{":status", "200"}})) +
           h2::Frame(h2::kData, h2::kEndStream, stream, body);
  }
  const std::string settings_ = h2::Frame(h2::kSettings, 0, 0, "");
};

TEST_F(RawServerTest, RequestsBeyondAGoAwayAreSentAgain) {
  ReceivedAnswer& first = Send(Request("GET", "/1"));
  ReceivedAnswer& second = Send(Request("GET", "/2"));
  Settle();
  const auto frames = Reply(0, settings_ + h2::GoAway(1, 0));
  EXPECT_THAT(h2::Of(h2::kHeaders, frames), SizeIs(2));
  ASSERT_THAT(raw_ends_, SizeIs(2));
  EXPECT_FALSE(second.over());
  Reply(1, settings_ + Ok(1, "again"));
  EXPECT_EQ(second.body, "again");
  Reply(0, Ok(1, "first"));
  EXPECT_EQ(first.body, "first");
  EXPECT_TRUE(raw_ends_[0]->peer_closed());
}

TEST_F(RawServerTest, RefusedRequestsAreSentAgainTwiceAtMost) {
  ReceivedAnswer& answer = Send(Request("POST", "/"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 7));
  Reply(0, h2::Reset(3, 7));
  EXPECT_FALSE(answer.failed);
  Reply(0, h2::Reset(5, 7));
  ASSERT_TRUE(answer.failed);
  EXPECT_FALSE(answer.sent);
}

TEST_F(RawServerTest, ABodyThatHasBegunIsNotSentAgain) {
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Static("begun"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 7));
  ASSERT_TRUE(answer.failed);
  EXPECT_FALSE(answer.sent);
}

TEST_F(RawServerTest, AResetStreamFailsItsRequestOnly) {
  ReceivedAnswer& first = Send(Request("GET", "/1"));
  ReceivedAnswer& second = Send(Request("GET", "/2"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 2) + Ok(3, "fine"));
  ASSERT_TRUE(first.failed);
  EXPECT_TRUE(first.sent);
  EXPECT_EQ(second.body, "fine");
}

TEST_F(RawServerTest, AnEndBeforeTheHeadIsAFailure) {
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 0));
  EXPECT_TRUE(answer.failed);
}

TEST_F(RawServerTest, AnAnswerOfAnotherLengthThanAnnouncedIsAFailure) {
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  Reply(0, settings_ +
               h2::Frame(h2::kHeaders, h2::kEndHeaders, 1,
                         h2::Fields({{":status", "200"}, {"content-length", "5"}})) +
               h2::Frame(h2::kData, h2::kEndStream, 1, "abc"));
  EXPECT_TRUE(answer.failed);
  EXPECT_FALSE(answer.ended);
}

TEST_F(RawServerTest, HugeAnswerHeadersAreAFailure) {
  client_options_.max_header_bytes = 1000;
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  std::string fields = h2::Fields({{":status", "200"}});
  for (int i = 0; i < 20; ++i) fields += h2::Fields({{"a", std::string(100, 'x')}});
  Reply(0, settings_ + h2::Frame(h2::kHeaders, h2::kEndHeaders, 1, fields));
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(IsLimit(*answer.failed));
}

TEST_F(RawServerTest, PingsIntoSilenceAndGivesUp) {
  ReceivedAnswer& answer = Send(Request("GET", "/watch"));
  Settle();
  Reply(0, settings_);
  dispatcher_.Advance(absl::Seconds(31));
  const auto pings = h2::Of(h2::kPing, h2::Parse(raw_ends_[0]->ReadAll()));
  ASSERT_THAT(pings, SizeIs(1));
  Reply(0, h2::Frame(h2::kPing, h2::kAck, 0, pings[0].payload));
  dispatcher_.Advance(absl::Seconds(29));
  EXPECT_FALSE(answer.failed);
  dispatcher_.Advance(absl::Seconds(17));
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(IsUnavailable(*answer.failed));
  EXPECT_TRUE(answer.sent);
  EXPECT_THAT(std::string(MessageOf(*answer.failed)), HasSubstr("PING"));
  EXPECT_EQ(client_stats_.ping_timeouts->value(), 1u);
  EXPECT_EQ(client_stats_.pings->value(), 2u);
}

TEST_F(RawServerTest, AnyFrameIsASignOfLife) {
  ReceivedAnswer& answer = Send(Request("GET", "/watch"));
  Settle();
  Reply(0, settings_);
  for (int i = 0; i < 10; ++i) {
    dispatcher_.Advance(absl::Seconds(40));
    Reply(0, h2::Frame(h2::kPing, 0, 0, "12345678"));
  }
  EXPECT_FALSE(answer.failed);
}

TEST_F(RawServerTest, SendsClientGoesSettings) {
  Send(Request("GET", "/"));
  Settle();
  const std::string bytes = raw_ends_[0]->ReadAll();
  EXPECT_EQ(bytes.substr(0, 24), h2::kPreface);
  const auto frames = h2::Parse(bytes);
  ASSERT_THAT(frames, SizeIs(3));  // SETTINGS, WINDOW_UPDATE, HEADERS.
  EXPECT_NE(frames[0].payload.find(h2::Number(2, 2) + h2::Number(0, 4)), std::string::npos);
  EXPECT_NE(frames[0].payload.find(h2::Number(4, 2) + h2::Number(1 << 20, 4)), std::string::npos);
  EXPECT_EQ(h2::ReadNumber(frames[1].payload), (64u << 20) - 65535);
}

class RawHttp1Test : public testing::Test, public ExchangeFixture {
 protected:
  RawHttp1Test() : ExchangeFixture("http/1.1") { raw_server_ = true; }
  std::string Reply(size_t connection, std::string_view bytes) {
    raw_ends_.at(connection)->WriteAll(bytes);
    Settle();
    return raw_ends_.at(connection)->ReadAll();
  }
  void Close(size_t connection) {
    raw_ends_.at(connection).reset();
    Settle();
  }
};

TEST_F(RawHttp1Test, WritesRequestsByteForByte) {
  RequestHead head = Request("POST", "/a?b=%20", true);
  head.headers = Headers({{"X-Case", "v"}, {"Connection", "x"}, {"Transfer-Encoding", "gzip"}});
  ReceivedAnswer& answer = Send(head);
  answer.stream->SendBody(Bytes::Static("abc"));
  answer.stream->End();
  Settle();
  EXPECT_EQ(raw_ends_[0]->ReadAll(),
            "POST /a?b=%20 HTTP/1.1\r\nHost: api:443\r\nX-Case: v\r\n"
            "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
}

TEST_F(RawHttp1Test, KeepsAKnownLength) {
  RequestHead head = Request("PUT", "/", true);
  head.content_length = 3;
  head.headers.Add("content-length", "3");
  ReceivedAnswer& answer = Send(head);
  answer.stream->SendBody(Bytes::Static("abc"));
  answer.stream->End();
  Settle();
  EXPECT_THAT(raw_ends_[0]->ReadAll(), HasSubstr("Content-Length: 3\r\n\r\nabc"));
}

TEST_F(RawHttp1Test, AStaleConnectionIsTriedAgainForReadsOnly) {
  for (const std::string method : {"GET", "DELETE"}) {
    ReceivedAnswer& first = Send(Request("GET", "/1"));
    Settle();
    Reply(raw_ends_.size() - 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(first.ended);
    ReceivedAnswer& second = Send(Request(method, "/2"));
    Settle();
    Close(raw_ends_.size() - 1);
    if (method == "GET") {
      EXPECT_FALSE(second.failed);
      Reply(raw_ends_.size() - 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      EXPECT_TRUE(second.ended);
    } else {
      ASSERT_TRUE(second.failed);
      EXPECT_TRUE(second.sent);
    }
  }
}

TEST_F(RawHttp1Test, AFreshConnectionThatClosesIsAFailure) {
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  Close(0);
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(answer.sent);
  EXPECT_TRUE(IsUnavailable(*answer.failed));
}

TEST_F(RawHttp1Test, ACutAnswerIsAFailure) {
  for (const std::string_view cut :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", "HTTP/1.1 2"}) {
    ReceivedAnswer& answer = Send(Request("GET", "/"));
    Settle();
    Reply(raw_ends_.size() - 1, cut);
    Close(raw_ends_.size() - 1);
    EXPECT_TRUE(answer.failed) << cut;
    EXPECT_FALSE(answer.ended) << cut;
  }
}

TEST_F(RawHttp1Test, AnAnswerWithoutALengthEndsWithTheConnection) {
  ReceivedAnswer& answer = Send(Request("GET", "/log"));
  Settle();
  Reply(0, "HTTP/1.1 200 OK\r\n\r\nsome ");
  EXPECT_EQ(answer.body, "some ");
  Reply(0, "log");
  EXPECT_FALSE(answer.ended);
  Close(0);
  EXPECT_EQ(answer.body, "some log");
  EXPECT_TRUE(answer.ended);
}

TEST_F(RawHttp1Test, BytesBehindAnAnswerAreNotTheNextOne) {
  ReceivedAnswer& first = Send(Request("GET", "/1"));
  ReceivedAnswer* second = nullptr;
  first.on_end = [&](ReceivedAnswer&) { second = &Send(Request("GET", "/2")); };
  Settle();
  Reply(0,
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
        "3\r\n\r\nbad");
  EXPECT_TRUE(first.ended);
  EXPECT_EQ(second->status, 0);
  ASSERT_THAT(raw_ends_, SizeIs(2));
  Reply(1, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
  EXPECT_EQ(second->body, "good");
}

TEST_F(RawHttp1Test, MalformedAnswersAreFailures) {
  for (const std::string_view bad :
       {"garbage\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"}) {
    ReceivedAnswer& answer = Send(Request("GET", "/"));
    Settle();
    Reply(raw_ends_.size() - 1, bad);
    EXPECT_TRUE(answer.failed) << bad;
    EXPECT_TRUE(raw_ends_.back()->peer_closed());
  }
}

TEST_F(RawHttp1Test, ARequestBodyOfAnotherLengthThanAnnouncedIsAFailure) {
  RequestHead head = Request("PUT", "/", true);
  head.content_length = 5;
  ReceivedAnswer& answer = Send(head);
  answer.stream->SendBody(Bytes::Static("abc"));
  answer.stream->End();
  Settle();
  EXPECT_TRUE(answer.failed);
  EXPECT_TRUE(raw_ends_[0]->peer_closed());
}

TEST_F(RawHttp1Test, AnEarlyAnswerEndsAnUnfinishedRequest) {
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Static("abc"));
  Settle();
  Reply(0, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(answer.ended);
  EXPECT_TRUE(raw_ends_[0]->peer_closed());
}

TEST_F(RawHttp1Test, ConnectionCloseIsHonoured) {
  Send(Request("GET", "/"));
  Settle();
  Reply(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(raw_ends_[0]->peer_closed());
}

}  // namespace
}  // namespace weir
