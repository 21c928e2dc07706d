// SPDX-License-Identifier: Apache-2.0
// The client's end of HTTP/1: the test plays the server, byte by byte.
#include "proxy/http/http1_client.h"

#include <string>

#include "tests/http/exchange_fixture.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class Http1ClientTest : public testing::Test, public ExchangeFixture {
 protected:
  Http1ClientTest() : ExchangeFixture("http/1.1") { raw_server_ = true; }
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

TEST_F(Http1ClientTest, WritesRequestsByteForByte) {
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

TEST_F(Http1ClientTest, KeepsAKnownLength) {
  RequestHead head = Request("PUT", "/", true);
  head.content_length = 3;
  head.headers.Add("content-length", "3");
  ReceivedAnswer& answer = Send(head);
  answer.stream->SendBody(Bytes::Static("abc"));
  answer.stream->End();
  Settle();
  EXPECT_THAT(raw_ends_[0]->ReadAll(), HasSubstr("Content-Length: 3\r\n\r\nabc"));
}

TEST_F(Http1ClientTest, AStaleConnectionIsTriedAgainForReadsOnly) {
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

TEST_F(Http1ClientTest, AFreshConnectionThatClosesIsAFailure) {
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  Close(0);
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(answer.sent);
  EXPECT_TRUE(IsUnavailable(*answer.failed));
}

TEST_F(Http1ClientTest, ACutAnswerIsAFailure) {
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

TEST_F(Http1ClientTest, AnAnswerWithoutALengthEndsWithTheConnection) {
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

TEST_F(Http1ClientTest, BytesBehindAnAnswerAreNotTheNextOne) {
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

TEST_F(Http1ClientTest, MalformedAnswersAreFailures) {
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

TEST_F(Http1ClientTest, ARequestBodyOfAnotherLengthThanAnnouncedIsAFailure) {
  RequestHead head = Request("PUT", "/", true);
  head.content_length = 5;
  ReceivedAnswer& answer = Send(head);
  answer.stream->SendBody(Bytes::Static("abc"));
  answer.stream->End();
  Settle();
  EXPECT_TRUE(answer.failed);
  EXPECT_TRUE(raw_ends_[0]->peer_closed());
}

TEST_F(Http1ClientTest, AnEarlyAnswerEndsAnUnfinishedRequest) {
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Static("abc"));
  Settle();
  Reply(0, "HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  EXPECT_EQ(answer.status, 413);
  EXPECT_TRUE(answer.ended);
  EXPECT_TRUE(raw_ends_[0]->peer_closed());
}

TEST_F(Http1ClientTest, AnAnswerIsReadThoughTheRequestCannotBeWrittenAnyMore) {
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Own(std::string(1 << 20, 'x')));
  Settle();
  raw_ends_[0]->WriteAll("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno");
  raw_ends_[0].reset();
  answer.stream->SendBody(Bytes::Static("more"));
  Settle();
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(answer.body, "no");
  EXPECT_TRUE(answer.ended);
}

TEST_F(Http1ClientTest, ConnectionCloseIsHonoured) {
  Send(Request("GET", "/"));
  Settle();
  Reply(0, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  EXPECT_TRUE(raw_ends_[0]->peer_closed());
}

}  // namespace
}  // namespace weir
