// SPDX-License-Identifier: Apache-2.0
// How connections end, whatever the version of HTTP.
#include <string>

#include "tests/http/exchange_fixture.h"

namespace weir {
namespace {

using testing::IsEmpty;

class ConnectionLifeTest : public testing::TestWithParam<std::string>, public ExchangeFixture {
 protected:
  ConnectionLifeTest() : ExchangeFixture(GetParam()) {}

  // Sends what it receives.
  static void Echo(ServedRequest& request) {
    request.on_start = [](ServedRequest& r) { r.writer->SendHead({200, {}}); };
    request.on_body = [](ServedRequest& r, std::string_view bytes) {
      r.writer->SendBody(Bytes::Copy(bytes));
    };
    request.on_end = [](ServedRequest& r) { r.writer->End(r.trailers); };
  }
};

INSTANTIATE_TEST_SUITE_P(Versions, ConnectionLifeTest, testing::Values("h2", "http/1.1", ""),
                         [](const auto& info) {
                           return info.param == "h2"   ? "Http2"
                                  : info.param.empty() ? "NoAlpn"
                                                       : "Http1";
                         });

TEST_P(ConnectionLifeTest, HandlersAreToldOfADrainAndTheConnectionClosesAfterTheLast) {
  ReceivedAnswer& answer = Fetch(Request("GET", "/watch"));
  served(0).writer->SendHead({200, {}});
  Settle();
  sessions_[0]->Drain();
  Settle();
  EXPECT_EQ(served(0).drains, 1);
  EXPECT_EQ(sessions_.size(), 1u);
  served(0).writer->SendBody(Bytes::Static("bye"));
  served(0).writer->End();
  Settle();
  EXPECT_EQ(answer.body, "bye");
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(sessions_.size(), 0u);
  setup_ = Echo;
  EXPECT_TRUE(Fetch(Request("GET", "/")).ended);
  EXPECT_EQ(dials_.size(), 2u);
}

TEST_P(ConnectionLifeTest, AnIdleSessionClosesWhenItDrains) {
  setup_ = Echo;
  Fetch(Request("GET", "/"));
  sessions_[0]->Drain();
  Settle();
  EXPECT_THAT(sessions_, IsEmpty());
  EXPECT_EQ(client_stats_.open_connections->value(), 0);
}

TEST_P(ConnectionLifeTest, TheServerClosesIdleConnections) {
  setup_ = Echo;
  client_options_.idle_timeout = absl::Hours(10);
  Fetch(Request("GET", "/"));
  dispatcher_.Advance(absl::Minutes(4));
  EXPECT_EQ(sessions_.size(), 1u);
  Fetch(Request("GET", "/"));
  dispatcher_.Advance(absl::Minutes(4));
  EXPECT_EQ(sessions_.size(), 1u);
  dispatcher_.Advance(absl::Minutes(2));
  EXPECT_EQ(sessions_.size(), 0u);
  EXPECT_EQ(server_stats_.idle_closed->value(), 1u);
  EXPECT_TRUE(Fetch(Request("GET", "/")).ended);
}

TEST_P(ConnectionLifeTest, TheClientClosesIdleConnections) {
  setup_ = Echo;
  Fetch(Request("GET", "/"));
  dispatcher_.Advance(absl::Seconds(89));
  EXPECT_EQ(client_stats_.open_connections->value(), 1);
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_EQ(client_stats_.open_connections->value(), 0);
  EXPECT_THAT(sessions_, IsEmpty());
}

TEST_P(ConnectionLifeTest, AQuietStreamIsNotIdle) {
  ReceivedAnswer& answer = Fetch(Request("GET", "/watch"));
  dispatcher_.Advance(absl::Hours(1));
  EXPECT_FALSE(answer.over());
  served(0).Answer(200, "late");
  Settle();
  EXPECT_EQ(answer.body, "late");
}

TEST_P(ConnectionLifeTest, WhoTakesNothingIsClosedWhereThatIsSaid) {
  server_options_.stall_timeout = absl::Seconds(40);
  ReceivedAnswer& slow = Fetch(Request("GET", "/slow"));
  for (int i = 0; i < 3; ++i) {
    dispatcher_.Advance(absl::Seconds(30));
    if (i == 0) served(0).writer->SendHead({200, {}});
    served(0).writer->SendBody(Bytes::Static("some"));
    Settle();
  }
  EXPECT_FALSE(slow.over()) << "something came every 30 s";
  served(0).writer->End();
  Settle();
  dispatcher_.Advance(absl::Seconds(80));
  EXPECT_EQ(sessions_.size(), 1u) << "it is idle, which is another matter";
  ReceivedAnswer& answer = Fetch(Request("GET", "/"));
  served(1).writer->SendHead({200, {}});
  Settle();
  dispatcher_.Advance(absl::Seconds(39));
  EXPECT_EQ(sessions_.size(), 1u);
  EXPECT_EQ(server_stats_.stalled_closed->value(), 0u);
  dispatcher_.Advance(absl::Seconds(42));
  EXPECT_THAT(sessions_, IsEmpty());
  EXPECT_EQ(server_stats_.stalled_closed->value(), 1u);
  EXPECT_TRUE(answer.over());
}

TEST_P(ConnectionLifeTest, TellsWhenAConnectionLastMoved) {
  setup_ = Echo;
  Fetch(Request("GET", "/"));
  const MonotonicTime moved = dispatcher_.Now();
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(sessions_[0]->last_moved(), moved);
  Fetch(Request("GET", "/"));
  EXPECT_EQ(sessions_[0]->last_moved(), dispatcher_.Now());
}

TEST_P(ConnectionLifeTest, RetiredConnectionsFinishWhatTheyHave) {
  ReceivedAnswer& answer = Fetch(Request("GET", "/1"));
  pool().RetireConnections();
  setup_ = Echo;
  EXPECT_TRUE(Fetch(Request("GET", "/2")).ended);
  EXPECT_EQ(dials_.size(), 2u);
  served(0).Answer(200, "old");
  Settle();
  EXPECT_EQ(answer.body, "old");
  EXPECT_EQ(client_stats_.open_connections->value(), 1);
}

}  // namespace
}  // namespace weir
