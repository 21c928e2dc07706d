// SPDX-License-Identifier: Apache-2.0
#include <csignal>

#include "gmock/gmock.h"
#include <sys/resource.h>
#include <sys/socket.h>

#include "proxy/base/status.h"
#include "proxy/net/streams.h"
#include "tests/net/loop_fixture.h"

namespace weir {
namespace {

using testing::HasSubstr;

class TcpStreamTest : public LoopTest {
 protected:
  void ConnectTcp() {
    Connect([this](Socket socket) { return NewTcpServerStream(*dispatcher_, std::move(socket)); },
            [this](Socket socket) {
              return NewTcpClientStream(*dispatcher_, std::move(socket), absl::Seconds(5));
            });
    ASSERT_TRUE(client_->up());
    ASSERT_TRUE(server_->up());
  }
};

TEST_F(TcpStreamTest, CarriesBytesBothWays) {
  ConnectTcp();
  client_->Send("ping");
  server_->Send("pong");
  RunUntil([this] { return server_->received() == "ping" && client_->received() == "pong"; });
  EXPECT_EQ(client_->stream().peer(), listener_->local_address().ToString());
  EXPECT_EQ(client_->stream().alpn(), "");
}

TEST_F(TcpStreamTest, WritesBeforeConnectedAreSentAfter) {
  const Address address =
      Listen([this](Socket socket) { return NewTcpServerStream(*dispatcher_, std::move(socket)); });
  client_ = std::make_unique<Endpoint>(
      NewTcpClientStream(*dispatcher_, Socket::Connect(address).value(), absl::InfiniteDuration()));
  client_->Send("early");
  RunUntil([this] { return server_ != nullptr && server_->received() == "early"; });
}

TEST_F(TcpStreamTest, ClosesEachHalfOnItsOwn) {
  ConnectTcp();
  client_->SendAndShutdown("question");
  RunUntil([this] { return server_->ended(); });
  EXPECT_EQ(server_->received(), "question");
  server_->SendAndShutdown("answer");
  RunUntil([this] { return client_->ended(); });
  EXPECT_EQ(client_->received(), "answer");
}

TEST_F(TcpStreamTest, HoldsBackAWriterWhoseReaderStops) {
  ConnectTcp();
  const std::string big(64 << 20, 'x');
  server_->set_reading(false);
  client_->Send(big);
  RunTurns(200);
  EXPECT_GT(client_->unsent(), 0u);
  server_->set_reading(true);
  RunUntil([&] { return server_->received().size() == big.size(); });
  EXPECT_EQ(client_->unsent(), 0u);
}

TEST_F(TcpStreamTest, SaysWhoRefused) {
  const Address address = Listen([](Socket) { return nullptr; });
  listener_->Stop();
  auto socket = Socket::Connect(address);
  ASSERT_TRUE(socket.ok());
  client_ = std::make_unique<Endpoint>(
      NewTcpClientStream(*dispatcher_, *std::move(socket), absl::Seconds(5)));
  RunUntil([this] { return client_->connected().has_value(); });
  EXPECT_TRUE(IsUnavailable(*client_->connected()));
  EXPECT_EQ(
      MessageOf(*client_->connected()),
      "cannot reach " + address.ToString() + ": connection refused; is anything listening there?");
  char byte;
  EXPECT_FALSE(client_->stream().Read(&byte, 1).status.ok());
  EXPECT_FALSE(client_->stream().Write("x").status.ok());
}

TEST_F(TcpStreamTest, GivesUpConnectingAfterTheTimeout) {
  // A listener whose queue is full does not answer any more.
  const Socket full = Socket::Listen(Loopback(), false).value();
  listen(full.fd(), 0);
  std::vector<Socket> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(Socket::Connect(*full.LocalAddress()).value());
  client_ = std::make_unique<Endpoint>(NewTcpClientStream(
      *dispatcher_, Socket::Connect(*full.LocalAddress()).value(), absl::Milliseconds(30)));
  RunUntil([this] { return client_->connected().has_value(); });
  EXPECT_TRUE(IsTimeout(*client_->connected()));
  EXPECT_THAT(MessageOf(*client_->connected()), HasSubstr("no answer within 30ms"));
}

TEST_F(TcpStreamTest, ResetIsAnErrorAndStaysOne) {
  ConnectTcp();
  client_->set_reading(false);
  // Closing with unread bytes resets.
  server_->set_reading(false);
  client_->Send("unread");
  RunTurns(20);
  server_.reset();
  RunTurns(20);
  client_->set_reading(true);
  RunUntil([this] { return !client_->failure().ok(); });
  EXPECT_TRUE(IsUnavailable(client_->failure()));
  EXPECT_THAT(MessageOf(client_->failure()), HasSubstr("broke: connection reset by peer"));
  char byte;
  EXPECT_FALSE(client_->stream().Read(&byte, 1).status.ok());
}

TEST_F(TcpStreamTest, WritingToAGonePeerFailsWithoutASignal) {
  ConnectTcp();
  server_.reset();
  RunUntil([this] { return client_->ended(); });
  client_->Send("x");
  RunTurns(20);
  client_->Send("y");
  RunUntil([this] { return !client_->failure().ok(); });
  EXPECT_FALSE(client_->failure().ok());
}

TEST_F(TcpStreamTest, TellsOfRoomOnlyWhoWaitsForIt) {
  ConnectTcp();
  int writable = 0;
  const Address address = listener_->local_address();
  ByteStreamPtr stream =
      NewTcpClientStream(*dispatcher_, Socket::Connect(address).value(), absl::Seconds(5));
  bool connected = false;
  stream->SetCallbacks({.on_connected = [&](const absl::Status&) { connected = true; },
                        .on_readable = nullptr,
                        .on_writable = [&] { ++writable; }});
  server_.reset();
  RunUntil([&] { return connected && server_ != nullptr && server_->up(); });
  RunTurns(10);
  const int before = writable;
  server_->Send("read me");
  RunTurns(10);
  EXPECT_EQ(writable, before);
}

TEST_F(TcpStreamTest, ListenerRefusesATakenAddress) {
  const Address address = Listen([](Socket) { return nullptr; });
  const auto second = Socket::Listen(address, false);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(MessageOf(second.status()),
            "cannot listen on " + address.ToString() + ": address already in use");
}

TEST_F(TcpStreamTest, ListenerPausesWhenThereAreNoDescriptorsLeft) {
  int accepted = 0;
  int failed = 0;
  std::vector<Socket> kept;
  Listener listener(
      *dispatcher_, Socket::Listen(Loopback(), false).value(),
      [&](Socket socket) {
        ++accepted;
        kept.push_back(std::move(socket));
      },
      [&](const absl::Status& status) {
        ++failed;
        EXPECT_TRUE(IsLimit(status));
      });
  const Socket first = Socket::Connect(listener.local_address()).value();
  RunUntil([&] { return accepted == 1; });
  const Socket second = Socket::Connect(listener.local_address()).value();
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  // What is open stays; the next descriptor is one too many.
  rlimit none = before;
  none.rlim_cur = static_cast<rlim_t>(second.fd());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  RunUntil([&] { return failed > 0; });
  EXPECT_EQ(accepted, 1);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  RunUntil([&] { return accepted == 2; });
  EXPECT_EQ(failed, 1);
}

TEST_F(TcpStreamTest, ListenerTakesAStormOfConnections) {
  size_t accepted = 0;
  Listener listener(
      *dispatcher_, Socket::Listen(Loopback(), false).value(), [&](Socket) { ++accepted; },
      [](const absl::Status& status) { ADD_FAILURE() << status; });
  std::vector<Socket> clients;
  while (clients.size() < 300) {
    clients.push_back(Socket::Connect(listener.local_address()).value());
  }
  RunUntil([&] { return accepted == clients.size(); });
}

TEST_F(TcpStreamTest, ListenerMayStopWhileAccepting) {
  int accepted = 0;
  std::unique_ptr<Listener> listener;
  listener = std::make_unique<Listener>(
      *dispatcher_, Socket::Listen(Loopback(), false).value(),
      [&](Socket) {
        ++accepted;
        dispatcher_->Post([&] { listener->Stop(); });
      },
      [](const absl::Status&) {});
  const Socket client = Socket::Connect(listener->local_address()).value();
  RunUntil([&] { return accepted == 1; });
  RunTurns(5);
  EXPECT_EQ(accepted, 1);
}

}  // namespace
}  // namespace weir
