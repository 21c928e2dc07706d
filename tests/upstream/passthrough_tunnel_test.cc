// SPDX-License-Identifier: Apache-2.0
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/upstream/passthrough.h"
#include "tests/upstream/proxy_fixture.h"

namespace weir {
namespace {

constexpr size_t kBound = 4 << 20;

class PassthroughTunnelTest : public ProxyFixture {
 protected:
  PassthroughTunnelTest() : ProxyFixture("http/1.1", "h2") {}

  SeenAnswer& Open() {
    RequestHead head = Upgrade("SPDY/3.1");
    head.headers.Add("X-Stream-Protocol-Version", "v4.channel.k8s.io");
    head.headers.Add("Authorization", "Bearer callers-own");
    SeenAnswer& answer = SendAndRun(std::move(head));
    EXPECT_EQ(requests_.size(), 1u);
    EXPECT_EQ(seen().head.upgrade, "SPDY/3.1");
    EXPECT_EQ(seen().head.method, "POST");
    EXPECT_EQ(seen().head.headers.Get("X-Stream-Protocol-Version"), "v4.channel.k8s.io");
    EXPECT_EQ(seen().head.headers.Get("Authorization"), "Bearer callers-own");
    ResponseHead response;
    response.status = 101;
    response.headers.Add("Upgrade", "SPDY/3.1");
    response.headers.Add("X-Stream-Protocol-Version", "v4.channel.k8s.io");
    seen().writer->SendHead(response);
    dispatcher_.RunReady();
    EXPECT_TRUE(answer.head.has_value());
    if (answer.head) {
      EXPECT_EQ(answer.head->status, 101);
      EXPECT_EQ(answer.head->headers.Get("Upgrade"), "SPDY/3.1");
      EXPECT_EQ(answer.head->headers.Get("X-Stream-Protocol-Version"), "v4.channel.k8s.io");
    }
    return answer;
  }
};

TEST_F(PassthroughTunnelTest, CarriesBytesBothWays) {
  SeenAnswer& answer = Open();
  answer.stream->SendBody(Bytes::Static("ping"));
  dispatcher_.RunReady();
  EXPECT_EQ(seen().body, "ping");
  seen().writer->SendBody(Bytes::Static("pong"));
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body, "pong");
  EXPECT_FALSE(seen().ended);
  EXPECT_FALSE(answer.over());
}

TEST_F(PassthroughTunnelTest, TheClientMayCloseItsHalfFirst) {
  SeenAnswer& answer = Open();
  answer.stream->SendBody(Bytes::Static("all there is"));
  answer.stream->End();
  dispatcher_.RunReady();
  EXPECT_EQ(seen().body, "all there is");
  EXPECT_TRUE(seen().ended);
  EXPECT_FALSE(answer.over());
  seen().writer->SendBody(Bytes::Static("the answer"));
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body, "the answer");
  seen().writer->End();
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
}

TEST_F(PassthroughTunnelTest, TheServerMayCloseItsHalfFirst) {
  SeenAnswer& answer = Open();
  seen().writer->SendBody(Bytes::Static("bye"));
  seen().writer->End();
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body, "bye");
  answer.stream->SendBody(Bytes::Static("more"));
  answer.stream->End();
  dispatcher_.RunReady();
  EXPECT_EQ(seen().body, "more");
  EXPECT_TRUE(seen().ended);
  EXPECT_TRUE(answer.ended);
}

TEST_F(PassthroughTunnelTest, EndsAtBothEndsWhenTheClientGoes) {
  SeenAnswer& answer = Open();
  answer.stream.reset();
  dispatcher_.RunReady();
  EXPECT_TRUE(seen().reset || seen().ended);
}

TEST_F(PassthroughTunnelTest, EndsAtBothEndsWhenTheConnectionToTheApiServerBreaks) {
  SeenAnswer& answer = Open();
  callers_server_.BreakConnections();
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.over());
}

TEST_F(PassthroughTunnelTest, ARefusedUpgradeIsAnOrdinaryAnswer) {
  SeenAnswer& answer = SendAndRun(Upgrade("websocket"));
  seen().Answer(403, "application/json", "{}");
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 403);
  EXPECT_EQ(answer.body, "{}");
}

TEST_F(PassthroughTunnelTest, AnUnreachableApiServerIsAnOrdinaryAnswer) {
  callers_server_.Refuse(UnavailableError("refused"));
  SeenAnswer& answer = SendAndRun(Upgrade("websocket"));
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 503);
}

TEST_F(PassthroughTunnelTest, SlowReadersHoldUpTheirDirectionOnly) {
  SeenAnswer& answer = Open();
  answer.consumes = false;
  size_t sent = 0;
  const auto push = [&] {
    while (seen().writer->writable() && sent < (20u << 20)) {
      seen().writer->SendBody(Bytes::Own(std::string(40'000, 'x')));
      sent += 40'000;
    }
  };
  seen().on_writable = push;
  push();
  dispatcher_.RunReady();
  EXPECT_LT(sent, kBound);
  answer.stream->SendBody(Bytes::Static("still heard"));
  dispatcher_.RunReady();
  EXPECT_EQ(seen().body, "still heard");
  answer.consumes = true;
  answer.Consume();
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body.size(), sent);
  EXPECT_GE(sent, 20u << 20);
}

}  // namespace
}  // namespace weir
