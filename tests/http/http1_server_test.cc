// SPDX-License-Identifier: Apache-2.0
// The server's end of HTTP/1, byte by byte.
#include "proxy/http/http1_server.h"

#include <string>

#include "tests/http/exchange_fixture.h"

namespace weir {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

class Http1ServerTest : public testing::Test, public ExchangeFixture {
 protected:
  Http1ServerTest() : ExchangeFixture("http/1.1") {
    setup_ = [](ServedRequest& r) {
      r.on_end = [](ServedRequest& r) { r.Answer(200, StrCat("<", r.head.target, r.body, ">")); };
    };
  }
  // What comes back for `bytes` on a connection of its own.
  std::string Exchange(std::string_view bytes) {
    client_ = ConnectRaw();
    return More(bytes);
  }
  std::string More(std::string_view bytes) {
    client_->WriteAll(bytes);
    Settle();
    return client_->ReadAll();
  }
  bool closed() {
    Settle();
    return client_->at_end();
  }

  std::unique_ptr<FakeByteStream> client_;
};

TEST_F(Http1ServerTest, ChunksAnswersOfUnknownLength) {
  EXPECT_EQ(Exchange("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n</a>\r\n0\r\n\r\n");
  EXPECT_FALSE(closed());
}

TEST_F(Http1ServerTest, KeepsTheCaseOfHeadersAndAKnownLength) {
  setup_ = [](ServedRequest& r) {
    r.on_end = [](ServedRequest& r) {
      r.Answer(404, "nope",
               Headers({{"X-Kubernetes-Pf-Flowschema-Uid", "1"},
                        {"Content-Length", "4"},
                        {"Connection", "keep-alive"},
                        {"Transfer-Encoding", "chunked"}}));
    };
  };
  EXPECT_EQ(Exchange("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"),
            "HTTP/1.1 404 Not Found\r\nX-Kubernetes-Pf-Flowschema-Uid: 1\r\nContent-Length: 4\r\n"
            "\r\nnope");
}

TEST_F(Http1ServerTest, AnswersPipelinedRequestsInOrder) {
  const std::string answers = Exchange(
      "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n"
      "abcGET /3 HTTP/1.1\r\nHost: h\r\n\r\n");
  const size_t second = answers.find("</2abc>");
  EXPECT_LT(answers.find("</1>"), second);
  EXPECT_LT(second, answers.find("</3>"));
}

TEST_F(Http1ServerTest, PipelinedRequestsWaitForTheAnswerBeforeThem) {
  setup_ = [](ServedRequest&) {};
  server_options_.max_header_bytes = 100000;
  Exchange("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_EQ(served_.size(), 1u);
  // More than is held: the rest stays in the socket.
  client_->set_capacity(1 << 20);
  client_->WriteAll(std::string(400 << 10, 'x'));
  Settle();
  EXPECT_GT(client_->in_flight(), 200u << 10);
  served(0).Answer(200, "one");
  Settle();
  ASSERT_EQ(served_.size(), 2u);
  served(1).Answer(200, "two");
  Settle();
  EXPECT_THAT(client_->ReadAll(), AllOf(HasSubstr("two"), HasSubstr("HTTP/1.1 431")));
}

TEST_F(Http1ServerTest, Http10GetsItsAnswerUpToTheEndOfTheConnection) {
  EXPECT_EQ(Exchange("GET /a HTTP/1.0\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n</a>");
  EXPECT_TRUE(closed());
}

TEST_F(Http1ServerTest, ClosesWhenAskedTo) {
  EXPECT_THAT(Exchange("GET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"),
              HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closed());
}

TEST_F(Http1ServerTest, SaysCloseWhileDraining) {
  setup_ = [](ServedRequest&) {};
  Exchange("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  sessions_[0]->Drain();
  Settle();
  EXPECT_EQ(served(0).drains, 1);
  served(0).Answer(200, "x");
  Settle();
  EXPECT_THAT(client_->ReadAll(), HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closed());
}

TEST_F(Http1ServerTest, RefusesWhatIsNotARequestWithAStatusAndCloses) {
  const std::string answer = Exchange("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, HasSubstr("\"kind\":\"Status\""));
  EXPECT_THAT(answer, HasSubstr("Content-Length"));
  EXPECT_TRUE(closed());
  EXPECT_THAT(served_, IsEmpty());
  EXPECT_EQ(server_stats_.protocol_errors->value(), 1u);
}

TEST_F(Http1ServerTest, WaitsForTheClientToReadTheRefusal) {
  Exchange("garbage\r\n\r\n");
  EXPECT_EQ(sessions_.size(), 1u);
  client_->WriteAll("more garbage");
  Settle();
  EXPECT_EQ(sessions_.size(), 1u);
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_THAT(sessions_, IsEmpty());
}

TEST_F(Http1ServerTest, RefusesHeaderBombs) {
  server_options_.max_header_bytes = 10000;
  const std::string answer =
      Exchange(StrCat("GET / HTTP/1.1\r\nHost: h\r\nA: ", std::string(20000, 'x')));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 431 "));
  EXPECT_TRUE(closed());
  EXPECT_EQ(server_stats_.header_limit->value(), 1u);
}

TEST_F(Http1ServerTest, ClosesWhenAHeadDoesNotComeInTime) {
  Exchange("GET / HT");
  dispatcher_.Advance(absl::Seconds(20));
  More("TP/1.1\r\nA");
  EXPECT_EQ(sessions_.size(), 1u);
  dispatcher_.Advance(absl::Seconds(13));
  EXPECT_THAT(sessions_, IsEmpty());
  EXPECT_EQ(server_stats_.header_timeouts->value(), 1u);
}

TEST_F(Http1ServerTest, ClosesWhenAPrefaceDoesNotComeInTime) {
  pipe_options_.alpn = "";
  Exchange("PRI * HTTP");
  dispatcher_.Advance(absl::Seconds(33));
  EXPECT_THAT(sessions_, IsEmpty());
  EXPECT_EQ(server_stats_.header_timeouts->value(), 1u);
}

TEST_F(Http1ServerTest, DoesNotContinueByItself) {
  setup_ = [](ServedRequest&) {};
  EXPECT_EQ(Exchange("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                     "Content-Length: 3\r\n\r\n"),
            "");
  served(0).writer->SendInformational({100, {}});
  Settle();
  EXPECT_EQ(client_->ReadAll(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_THAT((
                  served(0).on_end = [](ServedRequest& r) { r.Answer(200, r.body); }, More("abc")),
              AllOf(HasSubstr("abc"), Not(HasSubstr("Connection: close"))));
}

TEST_F(Http1ServerTest, ClosesWhenABodyMayOrMayNotFollow) {
  setup_ = [](ServedRequest& r) { r.on_start = [](ServedRequest& r) { r.Answer(401, "no"); }; };
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                       "Content-Length: 3\r\n\r\n"),
              HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(closed());
}

TEST_F(Http1ServerTest, SkipsABodyThatNobodyReads) {
  setup_ = [](ServedRequest& r) { r.on_start = [](ServedRequest& r) { r.Answer(403, "no"); }; };
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000\r\n\r\n"),
              HasSubstr("403"));
  EXPECT_EQ(More(std::string(30000, 'x')), "");
  EXPECT_THAT(More("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), HasSubstr("403"));
}

TEST_F(Http1ServerTest, DoesNotSkipABodyForEver) {
  setup_ = [](ServedRequest& r) { r.on_start = [](ServedRequest& r) { r.Answer(403, "no"); }; };
  Exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3000000000\r\n\r\n");
  client_->set_capacity(1 << 20);
  More(std::string(300 << 10, 'x'));
  EXPECT_TRUE(closed());
}

TEST_F(Http1ServerTest, AMalformedBodyResetsTheHandler) {
  EXPECT_THAT(Exchange("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_TRUE(served(0).reset);
  EXPECT_FALSE(served(0).ended);
  EXPECT_TRUE(closed());
}

TEST_F(Http1ServerTest, AClientThatGoesAwayResetsItsHandler) {
  setup_ = [](ServedRequest&) {};
  Exchange("GET /watch HTTP/1.1\r\nHost: h\r\n\r\n");
  client_->ShutdownWrite();
  Settle();
  ASSERT_TRUE(served(0).reset);
  EXPECT_TRUE(IsUnavailable(*served(0).reset));
  EXPECT_THAT(sessions_, IsEmpty());
}

TEST_F(Http1ServerTest, AClientThatLeavesInTheMiddleOfABodyResetsItsHandler) {
  Exchange("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nabc");
  client_.reset();
  Settle();
  EXPECT_EQ(served(0).body, "abc");
  EXPECT_FALSE(served(0).ended);
  EXPECT_TRUE(served(0).reset);
}

TEST_F(Http1ServerTest, AnAnswerUnderWayReachesAClientThatHasClosedItsHalf) {
  client_ = ConnectRaw();
  client_->WriteAll("GET /a HTTP/1.1\r\nHost: h\r\n\r\n");
  client_->ShutdownWrite();
  Settle();
  EXPECT_THAT(client_->ReadAll(), HasSubstr("</a>"));
  EXPECT_THAT(sessions_, IsEmpty());
}

TEST_F(Http1ServerTest, ClosesInTheMiddleOfAnAnswerThatIsReset) {
  setup_ = [](ServedRequest& r) {
    r.on_start = [](ServedRequest& r) {
      r.writer->SendHead({200, {}});
      r.writer->SendBody(Bytes::Static("abc"));
    };
  };
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), EndsWith("3\r\nabc\r\n"));
  served(0).writer->Reset();
  Settle();
  EXPECT_EQ(client_->ReadAll(), "");
  EXPECT_TRUE(closed());
}

TEST_F(Http1ServerTest, SendsTrailersAfterChunks) {
  setup_ = [](ServedRequest& r) {
    r.on_start = [](ServedRequest& r) {
      r.writer->SendHead({200, {}});
      r.writer->End(Headers({{"Sum", "1"}, {"Content-Length", "9"}}));
    };
  };
  EXPECT_THAT(Exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
              EndsWith("\r\n\r\n0\r\nSum: 1\r\n\r\n"));
}

TEST_F(Http1ServerTest, SniffsHttp2WithoutAlpn) {
  pipe_options_.alpn = "";
  // SETTINGS is a server's first frame.
  EXPECT_EQ(Exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").substr(3, 1), "\x04");
  EXPECT_THAT(Exchange("P"), "");
  EXPECT_THAT(More("OST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"), HasSubstr("</x>"));
}

}  // namespace
}  // namespace weir
