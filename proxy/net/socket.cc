// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/socket.h"

#include <cerrno>
#include <cstring>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// A peer that vanished without a word is noticed after 30 + 3 * 10 s.
constexpr int kKeepaliveIdleSeconds = 30;
constexpr int kKeepaliveIntervalSeconds = 10;
constexpr int kKeepaliveProbes = 3;

void SetOption(int fd, int level, int name, int value) {
  // Options are wishes: a socket without one still works.
  (void)setsockopt(fd, level, name, &value, sizeof(value));
}

absl::StatusOr<Socket> NewSocket(const Address& address) {
  const int family = address.sockaddr_ptr()->sa_family;
  Socket made(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.valid()) return made;
  return UnavailableError(
      StrCat("cannot make a socket for ", address.ToString(), ": ", std::strerror(errno)));
}

absl::Status CannotReach(const Address& address, int error) {
  std::string_view hint;
  switch (error) {
    case ECONNREFUSED:
      hint = "; is anything listening there?";
      break;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
      hint = "; do routes and NetworkPolicy allow it?";
      break;
    default:
      break;
  }
  return UnavailableError(
      StrCat("cannot reach ", address.ToString(), ": ", Lower(std::strerror(error)), hint));
}

}  // namespace

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this == &other) return *this;
  Close();
  fd_ = std::exchange(other.fd_, -1);
  connecting_to_ = std::move(other.connecting_to_);
  return *this;
}

absl::StatusOr<Socket> Socket::Listen(const Address& address, bool reuse_port) {
  WEIR_ASSIGN_OR_RETURN(Socket made, NewSocket(address));
  SetOption(made.fd_, SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) SetOption(made.fd_, SOL_SOCKET, SO_REUSEPORT, 1);
  if (bind(made.fd_, address.sockaddr_ptr(), address.sockaddr_size()) != 0 ||
      listen(made.fd_, SOMAXCONN) != 0) {
    return UnavailableError(
        StrCat("cannot listen on ", address.ToString(), ": ", Lower(std::strerror(errno))));
  }
  return made;
}

absl::StatusOr<Socket> Socket::Connect(const Address& address) {
  WEIR_ASSIGN_OR_RETURN(Socket made, NewSocket(address));
  made.Prepare();
  if (connect(made.fd_, address.sockaddr_ptr(), address.sockaddr_size()) != 0 &&
      errno != EINPROGRESS) {
    return CannotReach(address, errno);
  }
  made.connecting_to_ = std::make_unique<const Address>(address);
  return made;
}

absl::Status Socket::ConnectError() const {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error == 0) return absl::OkStatus();
  return CannotReach(connecting_to_ == nullptr ? Address() : *connecting_to_, error);
}

absl::StatusOr<Address> Socket::LocalAddress() const {
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(fd_, address, &size) == 0) return Address::FromSockaddr(address, size);
  return UnavailableError(StrCat("a socket has no address: ", std::strerror(errno)));
}

absl::StatusOr<Address> Socket::PeerAddress() const {
  if (connecting_to_ != nullptr) return *connecting_to_;
  sockaddr_storage storage = {};
  socklen_t size = sizeof(storage);
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  if (getpeername(fd_, address, &size) == 0) return Address::FromSockaddr(address, size);
  return UnavailableError(StrCat("a socket has no peer: ", std::strerror(errno)));
}

void Socket::Prepare() {
  SetOption(fd_, IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(fd_, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(fd_, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  SetOption(fd_, IPPROTO_TCP, TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  SetOption(fd_, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

void Socket::Close() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

}  // namespace weir
