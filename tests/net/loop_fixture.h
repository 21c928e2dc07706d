// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "proxy/event/dispatcher.h"
#include "proxy/net/byte_stream.h"
#include "proxy/net/listener.h"
#include "proxy/net/socket.h"

namespace weir {

// One end of a connection under test: sends what it is given, keeps what it gets.
class Endpoint {
 public:
  explicit Endpoint(ByteStreamPtr stream) : stream_(std::move(stream)) {
    stream_->SetCallbacks({.on_connected = [this](absl::Status s) { connected_ = std::move(s); },
                           .on_readable = [this] { Pull(); },
                           .on_writable = [this] { Push(); }});
  }

  void Send(std::string_view bytes) {
    unsent_.append(bytes);
    Push();
  }
  void SendAndShutdown(std::string_view bytes) {
    shutdown_after_ = true;
    Send(bytes);
  }
  void set_reading(bool reading) {
    reading_ = reading;
    if (reading) stream_->ReadAgainSoon();
  }

  ByteStream& stream() { return *stream_; }
  const std::optional<absl::Status>& connected() const { return connected_; }
  bool up() const { return connected_.has_value() && connected_->ok(); }
  const std::string& received() const { return received_; }
  size_t unsent() const { return unsent_.size() - sent_; }
  bool ended() const { return ended_; }
  const absl::Status& failure() const { return failure_; }
  int pulls() const { return pulls_; }

 private:
  void Pull() {
    ++pulls_;
    char buffer[32 * 1024];
    while (reading_ && !ended_ && failure_.ok()) {
      const ByteStream::Result result = stream_->Read(buffer, sizeof(buffer));
      received_.append(buffer, result.bytes);
      ended_ = result.end;
      failure_ = result.status;
      if (result.would_block) return;
    }
  }
  void Push() {
    while (sent_ < unsent_.size() && failure_.ok()) {
      const ByteStream::Result result = stream_->Write(std::string_view(unsent_).substr(sent_));
      sent_ += result.bytes;
      failure_ = result.status;
      if (result.would_block) return;
    }
    if (failure_.ok() && std::exchange(shutdown_after_, false)) stream_->ShutdownWrite();
  }

  const ByteStreamPtr stream_;
  std::optional<absl::Status> connected_;
  std::string unsent_;
  size_t sent_ = 0;
  std::string received_;
  absl::Status failure_;
  bool shutdown_after_ = false;
  bool reading_ = true;
  bool ended_ = false;
  int pulls_ = 0;
};

// Real sockets on loopback, both ends on one loop.
class LoopTest : public testing::Test {
 protected:
  using MakeServer = std::function<ByteStreamPtr(Socket)>;
  using MakeClient = std::function<ByteStreamPtr(Socket)>;

  // Runs the loop until `done`; fails the test when that takes too long.
  void RunUntil(const std::function<bool()>& done) {
    bool late = false;
    const TimerPtr limit = dispatcher_->CreateTimer([&] {
      late = true;
      dispatcher_->Exit();
    });
    limit->Enable(absl::Seconds(20));
    std::function<void()> look = [&] {
      if (done()) return dispatcher_->Exit();
      dispatcher_->Post([&look] { look(); });
    };
    look();
    dispatcher_->Run();
    EXPECT_FALSE(late) << "what was waited for has not happened";
  }
  void RunTurns(int turns) {
    RunUntil([&turns] { return turns-- <= 0; });
  }

  static Address Loopback() { return Address::FromIp("127.0.0.1", 0).value(); }

  Address Listen(MakeServer make) {
    listener_ = std::make_unique<Listener>(
        *dispatcher_, Socket::Listen(Loopback(), /*reuse_port=*/false).value(),
        [this, make = std::move(make)](Socket socket) {
          if (ByteStreamPtr stream = make(std::move(socket)); stream != nullptr) {
            server_ = std::make_unique<Endpoint>(std::move(stream));
          }
        },
        [](const absl::Status& status) { ADD_FAILURE() << status; });
    return listener_->local_address();
  }

  // A server and a client that have both reported how connecting went.
  void Connect(MakeServer make_server, const MakeClient& make_client) {
    const Address address = Listen(std::move(make_server));
    client_ = std::make_unique<Endpoint>(make_client(Socket::Connect(address).value()));
    RunUntil([this] {
      return client_->connected().has_value() && server_ != nullptr &&
             server_->connected().has_value();
    });
  }

  DispatcherPtr dispatcher_ = NewDispatcher("test");
  std::unique_ptr<Listener> listener_;
  std::unique_ptr<Endpoint> server_;
  std::unique_ptr<Endpoint> client_;
};

}  // namespace weir
