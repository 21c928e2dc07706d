// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client_pool.h"

#include <string>
#include <vector>

#include "tests/http/exchange_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::Ge;
using testing::HasSubstr;

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

TEST_F(ClientPoolTest, ABodyGivenWhileWaitingIsSentOnceThereIsAConnection) {
  setup_ = [](ServedRequest& r) { r.on_end = [](ServedRequest& r) { r.Answer(200, r.body); }; };
  ReceivedAnswer& answer = Send(Request("POST", "/", true));
  answer.stream->SendBody(Bytes::Static("early "));
  answer.stream->SendBody(Bytes::Static("bird"));
  answer.stream->End();
  Settle();
  EXPECT_EQ(answer.body, "early bird");
}

TEST_F(ClientPoolTest, RetiringWhileConnectingDialsAnew) {
  ReceivedAnswer& answer = Send(Request("GET", "/"));
  pool().RetireConnections();
  Settle();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(dials_.size(), 2u);
  EXPECT_EQ(client_stats_.open_connections->value(), 1);
}

TEST_F(ClientPoolTest, DestroyingThePoolWhenAConnectFailsIsSafe) {
  dial_result_ = UnavailableError("refused");
  ReceivedAnswer& first = Send(Request("GET", "/1"));
  ReceivedAnswer& second = Send(Request("GET", "/2"));
  first.on_failed = [this](ReceivedAnswer&) { pool_.reset(); };
  Settle();
  EXPECT_TRUE(first.failed);
  EXPECT_FALSE(second.failed);
}

TEST_F(ClientPoolTest, CancellingOtherRequestsWhenAConnectFailsIsSafe) {
  dial_result_ = UnavailableError("refused");
  ReceivedAnswer& first = Send(Request("GET", "/1"));
  ReceivedAnswer& second = Send(Request("GET", "/2"));
  first.on_failed = [&second](ReceivedAnswer& a) {
    second.stream.reset();
    a.stream.reset();
  };
  Settle();
  EXPECT_TRUE(first.failed);
  EXPECT_FALSE(second.failed);
}

TEST_F(ClientPoolTest, AServerThatAllowsNoStreamsIsAFailureInTheEnd) {
  server_options_.max_concurrent_streams = 0;
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  ASSERT_TRUE(answer.failed);
  EXPECT_FALSE(answer.sent);
  EXPECT_LE(dials_.size(), 4u);
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

}  // namespace
}  // namespace weir
