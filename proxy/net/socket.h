// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <utility>

#include "absl/status/statusor.h"

#include "proxy/net/address.h"

namespace weir {

// Owns a file descriptor. Non-blocking, close-on-exec, TCP_NODELAY, keepalive 30 s.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connecting_to_(std::move(other.connecting_to_)) {}
  Socket& operator=(Socket&& other) noexcept;
  ~Socket() { Close(); }

  static absl::StatusOr<Socket> Listen(const Address& address, bool reuse_port);
  // Starts connecting; writable when done, see ConnectError().
  static absl::StatusOr<Socket> Connect(const Address& address);

  int fd() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  absl::Status ConnectError() const;
  absl::StatusOr<Address> LocalAddress() const;
  // Also of a socket that is still connecting, or has failed to.
  absl::StatusOr<Address> PeerAddress() const;
  // REQUIRES: connected. Sets the options of the class comment on an accepted descriptor.
  void Prepare();
  void Close();

 private:
  int fd_ = -1;
  std::unique_ptr<const Address> connecting_to_;  // The system forgets it when that fails.
};

}  // namespace weir
