// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/statusor.h"

#include "proxy/base/thread_owner.h"
#include "proxy/event/dispatcher.h"
#include "proxy/net/byte_stream.h"
#include "proxy/net/socket.h"

namespace weir {

// What TcpStream and TlsStream share: a socket that connects, shakes hands within a time limit
// and then reports edges. Private to net/.
class SocketStream : public ByteStream {
 public:
  // `connecting`: the socket is still to connect. Without a handshake to wait for, `timeout`
  // may be InfiniteDuration().
  SocketStream(Dispatcher& dispatcher, Socket socket, bool connecting, absl::Duration timeout);

  void SetCallbacks(Callbacks callbacks) override { callbacks_ = std::move(callbacks); }
  void ReadAgainSoon() override { event_->Activate(FileEvent::kReadable); }
  std::string peer() const override { return peer_; }

 protected:
  // Goes on with the handshake: true when it is done, false when it waits for the peer.
  virtual absl::StatusOr<bool> Handshake() = 0;
  // The descriptor is ready, the connection up. What the caller is told of it may be added to.
  virtual void OnEdge(uint32_t& events) = 0;

  // Whether reading or writing may go ahead; if not, `result` says why.
  bool MayRead(Result& result) const { return May(read_status_, result); }
  bool MayWrite(Result& result) const { return May(write_status_, result); }
  // The connection is no good for reading any more; bytes that came before are given out first.
  void FailRead(absl::Status status, Result& result);
  void FailWrite(absl::Status status, Result& result);
  // "connection to 10.0.0.1:443 broke: connection reset by peer".
  absl::Status Broken(std::string_view reason) const;

  bool up() const { return state_ == State::kUp; }
  int fd() const { return socket_.fd(); }

  // The caller waits for on_writable.
  bool write_blocked_ = false;

 private:
  enum class State { kConnecting, kHandshaking, kUp, kFailed };

  bool May(const absl::Status& status, Result& result) const;
  void OnReady(uint32_t events);
  void GetUp();
  void OnTimeout();
  void Fail(absl::Status status);

  // Set once.
  const Socket socket_;
  const absl::Duration timeout_;
  const std::string peer_;
  Callbacks callbacks_;
  FileEventPtr event_;  // Before the socket is closed, this goes.

  TimerPtr timer_;  // Until the handshake is done.
  State state_;
  absl::Status read_status_;
  absl::Status write_status_;
  ThreadOwner thread_;
};

}  // namespace weir
