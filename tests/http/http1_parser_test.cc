// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_parser.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using std::string_view_literals::operator""sv;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using Event = Http1Parser::Event;
using Kind = Http1Parser::Kind;

constexpr size_t kLimit = 4096;

// What a parser says of an input, in words: "head", "body:...", "end", "error".
std::vector<std::string> Read(Http1Parser& parser, std::string_view text, size_t piece) {
  std::vector<std::string> said;
  while (!text.empty()) {
    std::string held(text.substr(0, piece));
    text.remove_prefix(held.size());
    std::string_view input = held;
    for (bool more = true; more;) {
      switch (parser.Next(input)) {
        case Event::kNeedMore:
          more = false;
          break;
        case Event::kHead:
          said.emplace_back("head");
          break;
        case Event::kBody:
          if (said.empty() || said.back().substr(0, 5) != "body:") said.emplace_back("body:");
          said.back().append(parser.body());
          break;
        case Event::kEnd:
          said.emplace_back("end");
          parser.StartMessage();
          break;
        case Event::kError:
          said.emplace_back("error");
          return said;
      }
    }
  }
  return said;
}

std::vector<std::string> ReadRequests(std::string_view text, size_t piece = SIZE_MAX) {
  Http1Parser parser(Kind::kRequests, kLimit);
  return Read(parser, text, piece);
}

TEST(Http1ParserTest, ReadsARequest) {
  Http1Parser parser(Kind::kRequests, kLimit);
  EXPECT_THAT(Read(parser,
                   "GET /api/v1/pods?watch=1&x=%2F HTTP/1.1\r\nHost: weir:6443\r\n"
                   "X-Case:  kept \t\r\nEmpty:\r\n\r\n",
                   SIZE_MAX),
              ElementsAre("head", "end"));
  const RequestHead& head = parser.request().head;
  EXPECT_EQ(head.method, "GET");
  EXPECT_EQ(head.target, "/api/v1/pods?watch=1&x=%2F");
  EXPECT_EQ(head.authority, "weir:6443");
  EXPECT_THAT(head.headers.fields(), ElementsAre(Pair("X-Case", "kept"), Pair("Empty", "")));
  EXPECT_TRUE(head.end_of_stream);
  EXPECT_EQ(head.upgrade, "");
  EXPECT_TRUE(parser.request().keep_alive);
}

TEST(Http1ParserTest, ReadsTheSameWhereverTheInputIsCut) {
  const std::string_view text =
      "\r\nPOST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello"
      "PUT /b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=1\r\nabc\r\n00A\r\n0123456789\r\n0\r\nTrail: er\r\n\r\n"
      "GET /c HTTP/1.1\r\nHost: h\r\n\r\n";
  const auto whole = ReadRequests(text);
  EXPECT_THAT(whole, ElementsAre("head", "body:hello", "end", "head", "body:abc0123456789", "end",
                                 "head", "end"));
  for (size_t piece = 1; piece < 60; ++piece) EXPECT_EQ(ReadRequests(text, piece), whole) << piece;
}

TEST(Http1ParserTest, KeepsTrailersButNoFraming) {
  Http1Parser parser(Kind::kRequests, kLimit);
  std::string_view input =
      "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "0\r\nA: 1\r\nContent-Length: 7\r\n\r\n";
  EXPECT_EQ(parser.Next(input), Event::kHead);
  EXPECT_EQ(parser.Next(input), Event::kEnd);
  EXPECT_THAT(parser.trailers().fields(), ElementsAre(Pair("A", "1")));
}

TEST(Http1ParserTest, UnderstandsUpgrades) {
  Http1Parser parser(Kind::kRequests, kLimit);
  std::string_view input =
      "POST /exec HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\n"
      "Upgrade: SPDY/3.1\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(parser.Next(input), Event::kHead);
  EXPECT_EQ(parser.request().head.upgrade, "SPDY/3.1");
  EXPECT_FALSE(parser.request().head.end_of_stream);
}

TEST(Http1ParserTest, IgnoresOffersOfHttp2) {
  Http1Parser parser(Kind::kRequests, kLimit);
  std::string_view input =
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n";
  EXPECT_EQ(parser.Next(input), Event::kHead);
  EXPECT_EQ(parser.request().head.upgrade, "");
  EXPECT_TRUE(parser.request().head.end_of_stream);
}

TEST(Http1ParserTest, TakesAbsoluteTargetsApart) {
  Http1Parser parser(Kind::kRequests, kLimit);
  std::string_view input = "GET https://api:443/v1?x HTTP/1.1\r\nHost: other\r\n\r\n";
  EXPECT_EQ(parser.Next(input), Event::kHead);
  EXPECT_EQ(parser.request().head.authority, "api:443");
  EXPECT_EQ(parser.request().head.target, "/v1?x");
}

TEST(Http1ParserTest, Http10ClosesUnlessItIsToldOtherwise) {
  Http1Parser parser(Kind::kRequests, kLimit);
  std::string_view input = "GET / HTTP/1.0\r\n\r\n";
  EXPECT_EQ(parser.Next(input), Event::kHead);
  EXPECT_FALSE(parser.request().keep_alive);
  EXPECT_TRUE(parser.request().http10);
}

class RefusedRequestTest : public testing::TestWithParam<std::string_view> {};

TEST_P(RefusedRequestTest, IsRefusedWhereverItIsCut) {
  for (size_t piece : {size_t{1}, size_t{7}, SIZE_MAX}) {
    const auto said = ReadRequests(GetParam(), piece);
    ASSERT_FALSE(said.empty()) << piece;
    EXPECT_EQ(said.back(), "error") << piece;
  }
}

constexpr std::string_view kHeadOfChunked =
    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";

INSTANTIATE_TEST_SUITE_P(
    RequestLine, RefusedRequestTest,
    testing::Values("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", "GET /\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1 \r\nHost: h\r\n\r\n", " GET / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET / HTTP/2.0\r\nHost: h\r\n\r\n", "GET / http/1.1\r\nHost: h\r\n\r\n",
                    "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", "G@T / HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET / HTTP/1.1\nHost: h\n\n", "GET /\x01 HTTP/1.1\r\nHost: h\r\n\r\n",
                    "CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET * HTTP/1.1\r\nHost: h\r\n\r\n",
                    "GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n", "\r\n\r\n\x16\x03\x01\n",
                    "GET / HTTP/1.1\rX\nHost: h\r\n\r\n"));

INSTANTIATE_TEST_SUITE_P(Headers, RefusedRequestTest,
                         testing::Values("GET / HTTP/1.1\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\n folded\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: h\r\nA : 1\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: h\r\n: 1\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: h\r\nNoColon\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: h\r\nA: x\x01y\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: h\r\nA: x\0y\r\n\r\n"sv,
                                         "GET / HTTP/1.1\r\nHost: h\r\nA: 1\nB: 2\r\n\r\n",
                                         "GET / HTTP/1.1\r\nHost: h\r\nA: x\ry\r\n\r\n"));

INSTANTIATE_TEST_SUITE_P(
    Framing, RefusedRequestTest,
    testing::Values("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1, 1\r\n\r\nx",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\nx",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\nx",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length:\r\n\r\nx",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\nx",
                    "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                    "Transfer-Encoding: identity\r\n\r\n",
                    "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: xchunked\r\n\r\n",
                    "POST / HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"));

class RefusedChunkTest : public testing::TestWithParam<std::string_view> {};

TEST_P(RefusedChunkTest, IsRefusedWhereverItIsCut) {
  const std::string text = StrCat(kHeadOfChunked, GetParam());
  for (size_t piece : {size_t{1}, size_t{7}, SIZE_MAX}) {
    EXPECT_EQ(ReadRequests(text, piece).back(), "error") << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(Chunks, RefusedChunkTest,
                         testing::Values("\r\n", "x\r\n", "0x1\r\na\r\n", "-1\r\n", " 1\r\na\r\n",
                                         "1\na\r\n", "1\r\nab\r\n", "1\r\na\n0\r\n\r\n",
                                         "1 x\r\na\r\n", "fffffffffffffff\r\n", "1;\x01\r\na\r\n",
                                         "0\r\nBad Trailer\r\n\r\n", "0\r\n A: 1\r\n\r\n",
                                         "0\r\nA: 1\n\n"));

TEST(Http1ParserTest, BoundsTheHead) {
  for (size_t piece : {size_t{1}, size_t{100}, SIZE_MAX}) {
    Http1Parser parser(Kind::kRequests, kLimit);
    const std::string text =
        StrCat("GET / HTTP/1.1\r\nHost: h\r\nA: ", std::string(kLimit, 'x'), "\r\n\r\n");
    EXPECT_EQ(Read(parser, text, piece).back(), "error");
    EXPECT_TRUE(IsLimit(parser.error()));
  }
}

TEST(Http1ParserTest, CountsWhatManyTinyHeadersCost) {
  Http1Parser parser(Kind::kRequests, kLimit);
  std::string text = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 200; ++i) text += "a:\r\n";
  EXPECT_EQ(Read(parser, text + "\r\n", SIZE_MAX).back(), "error");
  EXPECT_TRUE(IsLimit(parser.error()));
}

TEST(Http1ParserTest, BoundsChunkExtensions) {
  std::string text(kHeadOfChunked);
  for (int i = 0; i < 20; ++i) text += StrCat("1;", std::string(2000, 'x'), "\r\na\r\n");
  EXPECT_EQ(ReadRequests(text).back(), "error");
}

std::vector<std::string> ReadResponse(Http1Parser& parser, std::string_view text, bool head) {
  parser.StartMessage(head);
  return Read(parser, text, SIZE_MAX);
}

TEST(Http1ResponseTest, ReadsUpToItsLength) {
  Http1Parser parser(Kind::kResponses, kLimit);
  EXPECT_THAT(ReadResponse(parser, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok", false),
              ElementsAre("head", "body:ok", "end"));
  EXPECT_EQ(parser.response().head.status, 201);
  EXPECT_TRUE(parser.response().keep_alive);
}

TEST(Http1ResponseTest, KnowsWhichAnswersHaveNoBody) {
  Http1Parser parser(Kind::kResponses, kLimit);
  EXPECT_THAT(ReadResponse(parser, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", true),
              ElementsAre("head", "end"));
  EXPECT_THAT(ReadResponse(parser, "HTTP/1.1 204 No Content\r\n\r\n", false),
              ElementsAre("head", "end"));
  EXPECT_THAT(ReadResponse(parser, "HTTP/1.1 304\r\nContent-Length: 9\r\n\r\n", false),
              ElementsAre("head", "end"));
}

TEST(Http1ResponseTest, PassesInformationalAnswersOn) {
  Http1Parser parser(Kind::kResponses, kLimit);
  EXPECT_THAT(
      ReadResponse(parser,
                   "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n"
                   "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
                   false),
      ElementsAre("head", "head", "head", "body:x", "end"));
}

TEST(Http1ResponseTest, EndsWithTheConnectionWhenItHasNoLength) {
  Http1Parser parser(Kind::kResponses, kLimit);
  EXPECT_THAT(ReadResponse(parser, "HTTP/1.1 200 OK\r\n\r\nsome", false),
              ElementsAre("head", "body:some"));
  EXPECT_FALSE(parser.response().keep_alive);
  EXPECT_EQ(parser.Finish(), Event::kEnd);
}

TEST(Http1ResponseTest, ACutAnswerIsAnError) {
  for (const std::string_view text :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsome",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", "HTTP/1.1 200"}) {
    Http1Parser parser(Kind::kResponses, kLimit);
    ReadResponse(parser, text, false);
    EXPECT_EQ(parser.Finish(), Event::kError) << text;
  }
}

TEST(Http1ResponseTest, AllIsBodyAfterSwitchingProtocols) {
  Http1Parser parser(Kind::kResponses, kLimit);
  EXPECT_THAT(ReadResponse(parser, "HTTP/1.1 101 Switching Protocols\r\n\r\n\x01\x02", false),
              ElementsAre("head", "body:\x01\x02"));
  EXPECT_EQ(parser.Finish(), Event::kEnd);
}

class RefusedResponseTest : public testing::TestWithParam<std::string_view> {};

TEST_P(RefusedResponseTest, IsRefused) {
  Http1Parser parser(Kind::kResponses, kLimit);
  EXPECT_EQ(ReadResponse(parser, GetParam(), false).back(), "error");
  EXPECT_THAT(std::string(MessageOf(parser.error())), testing::Not(testing::IsEmpty()));
}

INSTANTIATE_TEST_SUITE_P(
    StatusLine, RefusedResponseTest,
    testing::Values("HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 099 X\r\n\r\n",
                    "HTTP/3.0 200 OK\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n",
                    "HTTP/1.1  200 OK\r\n\r\n", "HTTP/1.1 200 OK\nA: b\n\n",
                    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"));

}  // namespace
}  // namespace weir
