// SPDX-License-Identifier: Apache-2.0
// The client's end of HTTP/2: the test plays the server, frame by frame.
#include "proxy/http/http2_client.h"

#include <string>
#include <vector>

#include "tests/http/exchange_fixture.h"
#include "tests/http/h2_frames.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class Http2ClientTest : public testing::Test, public ExchangeFixture {
 protected:
  Http2ClientTest() : ExchangeFixture("h2") { raw_server_ = true; }

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

TEST_F(Http2ClientTest, RequestsBeyondAGoAwayAreSentAgain) {
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

// An API server closes each connection after a 401.
TEST_F(Http2ClientTest, RequestsBeyondGoAwaysAreSentAgainSixTimesAtMost) {
  std::vector<ReceivedAnswer*> answers;
  for (int i = 0; i < 8; ++i) answers.push_back(&Send(Request("GET", StrCat("/", i))));
  Settle();
  for (size_t i = 0; i < 7; ++i) {
    ASSERT_THAT(raw_ends_, SizeIs(i + 1));
    Reply(i, settings_ + Ok(1, "one of them") + h2::GoAway(1, 0));
  }
  int answered = 0;
  for (const ReceivedAnswer* answer : answers) {
    ASSERT_TRUE(answer->over());
    EXPECT_FALSE(answer->failed && answer->sent);
    answered += answer->failed ? 0 : 1;
  }
  EXPECT_EQ(answered, 7);
  EXPECT_THAT(raw_ends_, SizeIs(7)) << "the eighth has failed";
}

TEST_F(Http2ClientTest, RefusedRequestsAreSentAgainTwiceAtMost) {
  ReceivedAnswer& answer = Send(Request("POST", "/"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 7));
  Reply(0, h2::Reset(3, 7));
  EXPECT_FALSE(answer.failed);
  Reply(0, h2::Reset(5, 7));
  ASSERT_TRUE(answer.failed);
  EXPECT_FALSE(answer.sent);
}

TEST_F(Http2ClientTest, ABodyThatHasBegunIsNotSentAgain) {
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Static("begun"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 7));
  ASSERT_TRUE(answer.failed);
  EXPECT_FALSE(answer.sent);
}

TEST_F(Http2ClientTest, AResetStreamFailsItsRequestOnly) {
  ReceivedAnswer& first = Send(Request("GET", "/1"));
  ReceivedAnswer& second = Send(Request("GET", "/2"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 2) + Ok(3, "fine"));
  ASSERT_TRUE(first.failed);
  EXPECT_TRUE(first.sent);
  EXPECT_EQ(second.body, "fine");
}

TEST_F(Http2ClientTest, AnEndBeforeTheHeadIsAFailure) {
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  Reply(0, settings_ + h2::Reset(1, 0));
  EXPECT_TRUE(answer.failed);
}

TEST_F(Http2ClientTest, AnAnswerOfAnotherLengthThanAnnouncedIsAFailure) {
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  Reply(0, settings_ +
               h2::Frame(h2::kHeaders, h2::kEndHeaders, 1,
                         h2::Fields({{":status", "200"}, {"content-length", "5"}})) +
               h2::Frame(h2::kData, h2::kEndStream, 1, "abc"));
  EXPECT_TRUE(answer.failed);
  EXPECT_FALSE(answer.ended);
}

TEST_F(Http2ClientTest, HugeAnswerHeadersAreAFailure) {
  client_options_.max_header_bytes = 1000;
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  Settle();
  std::string fields = h2::Fields({{":status", "200"}});
  for (int i = 0; i < 20; ++i) fields += h2::Fields({{"a", std::string(100, 'x')}});
  Reply(0, settings_ + h2::Frame(h2::kHeaders, h2::kEndHeaders, 1, fields));
  ASSERT_TRUE(answer.failed);
  EXPECT_TRUE(IsLimit(*answer.failed));
}

TEST_F(Http2ClientTest, PingsIntoSilenceAndGivesUp) {
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

TEST_F(Http2ClientTest, AnyFrameIsASignOfLife) {
  ReceivedAnswer& answer = Send(Request("GET", "/watch"));
  Settle();
  Reply(0, settings_);
  for (int i = 0; i < 10; ++i) {
    dispatcher_.Advance(absl::Seconds(40));
    Reply(0, h2::Frame(h2::kPing, 0, 0, "12345678"));
  }
  EXPECT_FALSE(answer.failed);
}

TEST_F(Http2ClientTest, SendsClientGoesSettings) {
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

}  // namespace
}  // namespace weir
