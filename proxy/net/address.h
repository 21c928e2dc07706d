// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include <sys/socket.h>

namespace weir {

// An IPv4 or IPv6 address and port.
class Address {
 public:
  // "127.0.0.1:6443", "[::1]:6443"; no names.
  static absl::StatusOr<Address> Parse(std::string_view host_port);
  static absl::StatusOr<Address> FromIp(std::string_view ip, uint16_t port);
  static Address FromSockaddr(const sockaddr* address, socklen_t size);

  const sockaddr* sockaddr_ptr() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t sockaddr_size() const { return size_; }
  uint16_t port() const;
  bool is_loopback() const;
  std::string ip() const;        // Without brackets.
  std::string ToString() const;  // "127.0.0.1:6443", "[::1]:6443".

 private:
  sockaddr_storage storage_ = {};
  socklen_t size_ = 0;
};

// "host:port" or "[v6]:port" cut in two; brackets off.
absl::StatusOr<std::pair<std::string, uint16_t>> SplitHostPort(std::string_view host_port);
bool IsIpLiteral(std::string_view host);

}  // namespace weir
