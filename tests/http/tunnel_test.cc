// SPDX-License-Identifier: Apache-2.0
// Protocol upgrades: raw bytes both ways, each half with an end of its own.
#include <string>

#include "tests/http/exchange_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class TunnelTest : public testing::TestWithParam<std::string>, public ExchangeFixture {
 protected:
  TunnelTest() : ExchangeFixture(GetParam()) {}

  ReceivedAnswer& SendUpgrade() {
    RequestHead head = Request("POST", "/exec", true);
    head.upgrade = "SPDY/3.1";
    return Send(std::move(head));
  }
  ReceivedAnswer& Open() {
    setup_ = [](ServedRequest& r) {
      r.on_start = [](ServedRequest& r) { r.writer->SendHead({101, {}}); };
    };
    ReceivedAnswer& answer = SendUpgrade();
    Settle();
    EXPECT_EQ(answer.status, 101);
    return answer;
  }
};

// Upgrades ask for HTTP/1.1 of their own accord, whatever the server prefers.
INSTANTIATE_TEST_SUITE_P(Versions, TunnelTest, testing::Values("h2", "http/1.1"),
                         [](const auto& info) { return info.param == "h2" ? "Http2" : "Http1"; });

TEST_P(TunnelTest, CarriesBytesBothWays) {
  ReceivedAnswer& answer = Open();
  EXPECT_THAT(dials_, ElementsAre(ElementsAre("http/1.1")));
  EXPECT_EQ(served(0).head.upgrade, "SPDY/3.1");
  EXPECT_EQ(answer.headers.Get("Upgrade"), "SPDY/3.1");
  EXPECT_TRUE(answer.headers.HasToken("Connection", "upgrade"));
  answer.stream->SendBody(Bytes::Static(std::string_view("\x80\x03\0\x01", 4)));
  served(0).writer->SendBody(Bytes::Static("from the server"));
  Settle();
  EXPECT_EQ(served(0).body, std::string("\x80\x03\0\x01", 4));
  EXPECT_EQ(answer.body, "from the server");
}

TEST_P(TunnelTest, TheServersHalfMayEndFirst) {
  ReceivedAnswer& answer = Open();
  served(0).writer->SendBody(Bytes::Static("last"));
  served(0).writer->End();
  Settle();
  EXPECT_EQ(answer.body, "last");
  EXPECT_TRUE(answer.ended);
  EXPECT_FALSE(served(0).destroyed);
  answer.stream->SendBody(Bytes::Own(std::string(500000, 'x')));
  answer.stream->End();
  Settle();
  EXPECT_EQ(served(0).body_bytes, 500000u);
  EXPECT_TRUE(served(0).ended);
  EXPECT_TRUE(served(0).destroyed);
  EXPECT_FALSE(served(0).reset);
  EXPECT_FALSE(answer.failed);
}

TEST_P(TunnelTest, TheClientsHalfMayEndFirst) {
  ReceivedAnswer& answer = Open();
  answer.stream->SendBody(Bytes::Static("stdin"));
  answer.stream->End();
  Settle();
  EXPECT_EQ(served(0).body, "stdin");
  EXPECT_TRUE(served(0).ended);
  EXPECT_FALSE(answer.ended);
  served(0).writer->SendBody(Bytes::Own(std::string(500000, 'y')));
  served(0).writer->End();
  Settle();
  EXPECT_EQ(answer.body_bytes, 500000u);
  EXPECT_TRUE(answer.ended);
  EXPECT_TRUE(served(0).destroyed);
  EXPECT_FALSE(served(0).reset);
  EXPECT_EQ(client_stats_.open_connections->value(), 0);
}

TEST_P(TunnelTest, WhatWasSentBeforeTheHandleWentArrives) {
  ReceivedAnswer& answer = Open();
  answer.on_end = [](ReceivedAnswer& a) {
    a.stream->SendBody(Bytes::Own(std::string(500000, 'z')));
    a.stream->End();
    a.stream.reset();
  };
  served(0).writer->End();
  Settle();
  EXPECT_EQ(served(0).body_bytes, 500000u);
  EXPECT_TRUE(served(0).ended);
  EXPECT_FALSE(served(0).reset);
}

TEST_P(TunnelTest, DroppingTheHandleBreaksTheTunnel) {
  ReceivedAnswer& answer = Open();
  answer.stream.reset();
  Settle();
  // A socket that was closed without a word looks like a half-close; writing finds out.
  served(0).writer->SendBody(Bytes::Static("x"));
  Settle();
  EXPECT_TRUE(served(0).destroyed);
}

TEST_P(TunnelTest, ResettingTheAnswerBreaksTheTunnel) {
  ReceivedAnswer& answer = Open();
  served(0).writer->Reset();
  Settle();
  EXPECT_TRUE(answer.over());
  EXPECT_TRUE(served(0).destroyed);
}

TEST_P(TunnelTest, BytesSentBeforeTheAnswerWaitForIt) {
  ReceivedAnswer& answer = SendUpgrade();
  answer.stream->SendBody(Bytes::Static("eager"));
  Settle();
  EXPECT_EQ(served(0).body, "");
  served(0).writer->SendHead({101, {}});
  Settle();
  EXPECT_EQ(served(0).body, "eager");
}

TEST_P(TunnelTest, ARefusedUpgradeIsAnAnswerLikeAnyOther) {
  setup_ = [](ServedRequest& r) { r.on_start = [](ServedRequest& r) { r.Answer(403, "no"); }; };
  ReceivedAnswer& answer = SendUpgrade();
  Settle();
  EXPECT_EQ(answer.status, 403);
  EXPECT_EQ(answer.body, "no");
  EXPECT_TRUE(answer.ended);
}

TEST_P(TunnelTest, HalvesAreBounded) {
  client_options_.stream_window = 100000;
  ReceivedAnswer& answer = Open();
  answer.consume = false;
  served(0).writer->SendBody(Bytes::Own(std::string(3000000, 'x')));
  Settle();
  EXPECT_LE(answer.body_bytes, 100000u + (64 << 10));
  size_t consumed = 0;
  while (consumed < 3000000 && answer.body_bytes > consumed) {
    answer.stream->ConsumeBody(answer.body_bytes - consumed);
    consumed = answer.body_bytes;
    Settle();
  }
  EXPECT_EQ(answer.body_bytes, 3000000u);
}

TEST_P(TunnelTest, CancellingWhileConnectingClosesTheConnection) {
  ReceivedAnswer& answer = SendUpgrade();
  answer.stream.reset();
  Settle();
  EXPECT_EQ(client_stats_.open_connections->value(), 0);
  EXPECT_EQ(sessions_.size(), 0u);
}

TEST_P(TunnelTest, AConnectFailureFailsTheUpgrade) {
  dial_result_ = UnavailableError("refused");
  ReceivedAnswer& answer = SendUpgrade();
  Settle();
  ASSERT_TRUE(answer.failed);
  EXPECT_FALSE(answer.sent);
  EXPECT_THAT(std::string(MessageOf(*answer.failed)), HasSubstr("refused"));
  EXPECT_EQ(dials_.size(), 1u);
}

TEST(TunnelServerTest, BytesBehindARefusedUpgradeAreTheNextRequest) {
  ExchangeFixture fixture("http/1.1");
  fixture.setup_ = [](ServedRequest& r) {
    r.on_start = [](ServedRequest& r) { r.Answer(r.head.upgrade.empty() ? 200 : 403, ""); };
  };
  auto client = fixture.ConnectRaw();
  client->WriteAll(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  fixture.Settle();
  const std::string answers = client->ReadAll();
  EXPECT_THAT(answers, HasSubstr("HTTP/1.1 403"));
  EXPECT_THAT(answers, HasSubstr("HTTP/1.1 200"));
}

}  // namespace
}  // namespace weir
