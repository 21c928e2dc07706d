// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

// A connection: bytes in, bytes out, non-blocking. It buffers nothing itself (TLS keeps at most
// one record), so what a slow peer costs is decided by the session that owns it.
//
// Production: TcpStream, TlsStream. Tests: FakeByteStream (a pipe in memory).
// Not thread-safe: belongs to the dispatcher it was made with. May be destroyed at any time but
// from within its own callback; destroying closes the descriptor at once.
class ByteStream {
 public:
  struct Result {
    size_t bytes = 0;  // Read or written; may be positive together with a later would-block.
    bool would_block = false;
    bool end = false;     // Read: the peer has sent all it will (clean end).
    absl::Status status;  // Not OK: the connection is dead and the reason is this.
  };
  struct Callbacks {
    // Once, when connected and TLS is up, or has failed: the reason names peer, name and CA file.
    std::function<void(absl::Status)> on_connected = nullptr;
    // Reading or writing that would have blocked may go on now (edge-triggered).
    std::function<void()> on_readable = nullptr;
    std::function<void()> on_writable = nullptr;
  };

  virtual ~ByteStream() = default;

  // REQUIRES: called once, before any event can come.
  virtual void SetCallbacks(Callbacks callbacks) = 0;
  // Reads at most `size` bytes.
  virtual Result Read(char* buffer, size_t size) = 0;
  // Writes as much of `bytes` as the socket takes. After would_block the same bytes must be
  // offered again first (they may have moved). Offer 16 KB or more at a time where there are
  // that many: one record, one system call.
  virtual Result Write(std::string_view bytes) = 0;
  // Asks for on_readable in the next turn, for a reader that stops early to be fair to others.
  virtual void ReadAgainSoon() = 0;
  // No more will be written: TLS close_notify and TCP FIN. Reading goes on.
  virtual void ShutdownWrite() = 0;
  // "h2", "http/1.1" or "" once connected.
  virtual std::string_view alpn() const = 0;
  virtual std::string peer() const = 0;  // For logs: address.
};
using ByteStreamPtr = std::unique_ptr<ByteStream>;

}  // namespace weir
