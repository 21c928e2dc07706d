// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/socket_stream.h"

#include "absl/time/time.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

std::string PeerOf(const Socket& socket) {
  const absl::StatusOr<Address> address = socket.PeerAddress();
  return address.ok() ? address->ToString() : "a peer that has left";
}

}  // namespace

SocketStream::SocketStream(Dispatcher& dispatcher, Socket socket, bool connecting,
                           absl::Duration timeout)
    : socket_(std::move(socket)),
      timeout_(timeout),
      peer_(PeerOf(socket_)),
      state_(connecting ? State::kConnecting : State::kHandshaking) {
  // A descriptor that is ready already reports so in the next turn.
  event_ = dispatcher.CreateFileEvent(socket_.fd(), [this](uint32_t events) { OnReady(events); });
  if (timeout_ == absl::InfiniteDuration()) return;
  timer_ = dispatcher.CreateTimer([this] { OnTimeout(); });
  timer_->Enable(timeout_);
}

bool SocketStream::May(const absl::Status& status, Result& result) const {
  thread_.Check();
  result.status = status;
  if (!status.ok()) return false;
  result.would_block = !up();
  return up();
}

void SocketStream::FailRead(absl::Status status, Result& result) {
  read_status_ = std::move(status);
  if (result.bytes == 0) result.status = read_status_;
}

void SocketStream::FailWrite(absl::Status status, Result& result) {
  write_status_ = std::move(status);
  result.status = write_status_;
}

absl::Status SocketStream::Broken(std::string_view reason) const {
  return UnavailableError(StrCat("connection with ", peer_, " broke: ", Lower(reason)));
}

void SocketStream::OnReady(uint32_t events) {
  thread_.Check();
  switch (state_) {
    case State::kConnecting:
      if ((events & FileEvent::kWritable) == 0) return;
      if (absl::Status status = socket_.ConnectError(); !status.ok()) return Fail(status);
      state_ = State::kHandshaking;
      return GetUp();
    case State::kHandshaking:
      return GetUp();
    case State::kUp:
      OnEdge(events);
      if ((events & FileEvent::kReadable) != 0 && callbacks_.on_readable) callbacks_.on_readable();
      // Each edge says "writable" as long as it is true; only who waits for it wants to know.
      if ((events & FileEvent::kWritable) == 0 || !write_blocked_) return;
      write_blocked_ = false;
      if (callbacks_.on_writable) callbacks_.on_writable();
      return;
    case State::kFailed:
      return;
  }
}

void SocketStream::GetUp() {
  absl::StatusOr<bool> done = Handshake();
  if (!done.ok()) return Fail(std::move(done).status());
  if (!*done) return;
  state_ = State::kUp;
  timer_.reset();
  // The edge that ended the handshake may have been the one of the first bytes, too.
  write_blocked_ = true;
  event_->Activate(FileEvent::kReadable | FileEvent::kWritable);
  if (callbacks_.on_connected) callbacks_.on_connected(absl::OkStatus());
}

void SocketStream::OnTimeout() {
  const std::string limit = absl::FormatDuration(timeout_);
  Fail(TimeoutError(
      state_ == State::kConnecting
          ? StrCat("cannot reach ", peer_, ": no answer within ", limit,
                   "; do routes and NetworkPolicy allow it?")
          : StrCat("no TLS handshake with ", peer_, " within ", limit, "; does it speak TLS?")));
}

void SocketStream::Fail(absl::Status status) {
  state_ = State::kFailed;
  if (timer_ != nullptr) timer_->Disable();
  read_status_ = write_status_ = status;
  if (callbacks_.on_connected) callbacks_.on_connected(std::move(status));
}

}  // namespace weir
