// SPDX-License-Identifier: Apache-2.0
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "proxy/net/socket_stream.h"
#include "proxy/net/streams.h"

namespace weir {
namespace {

// Plain TCP: nothing but the system calls.
class TcpStream final : public SocketStream {
 public:
  using SocketStream::SocketStream;

  Result Read(char* buffer, size_t size) override;
  Result Write(std::string_view bytes) override;
  void ShutdownWrite() override { shutdown(fd(), SHUT_WR); }
  std::string_view alpn() const override { return ""; }

 private:
  absl::StatusOr<bool> Handshake() override { return true; }
  void OnEdge(uint32_t& /*events*/) override {}
};

ByteStream::Result TcpStream::Read(char* buffer, size_t size) {
  Result result;
  if (!MayRead(result)) return result;
  // Not until a short read: the end that came with the bytes has no edge of its own.
  while (result.bytes < size) {
    const ssize_t count = recv(fd(), buffer + result.bytes, size - result.bytes, 0);
    if (count > 0) {
      result.bytes += static_cast<size_t>(count);
      continue;
    }
    if (count == 0) {
      result.end = result.bytes == 0;
      return result;
    }
    if (errno == EINTR) continue;
    result.would_block = errno == EAGAIN || errno == EWOULDBLOCK;
    if (!result.would_block) FailRead(Broken(std::strerror(errno)), result);
    return result;
  }
  return result;
}

ByteStream::Result TcpStream::Write(std::string_view bytes) {
  Result result;
  if (!MayWrite(result)) {
    write_blocked_ = true;
    return result;
  }
  while (result.bytes < bytes.size()) {
    const ssize_t count =
        send(fd(), bytes.data() + result.bytes, bytes.size() - result.bytes, MSG_NOSIGNAL);
    if (count >= 0) {
      result.bytes += static_cast<size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    result.would_block = errno == EAGAIN || errno == EWOULDBLOCK;
    write_blocked_ = result.would_block;
    if (!result.would_block) FailWrite(Broken(std::strerror(errno)), result);
    return result;
  }
  return result;
}

}  // namespace

ByteStreamPtr NewTcpServerStream(Dispatcher& dispatcher, Socket socket) {
  return std::make_unique<TcpStream>(dispatcher, std::move(socket), /*connecting=*/false,
                                     absl::InfiniteDuration());
}

ByteStreamPtr NewTcpClientStream(Dispatcher& dispatcher, Socket connecting,
                                 absl::Duration timeout) {
  return std::make_unique<TcpStream>(dispatcher, std::move(connecting), /*connecting=*/true,
                                     timeout);
}

}  // namespace weir
