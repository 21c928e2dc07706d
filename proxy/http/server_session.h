// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "absl/time/time.h"

#include "proxy/base/stats.h"
#include "proxy/http/exchange.h"
#include "proxy/net/byte_stream.h"

namespace weir {

struct ServerSessionOptions {
  size_t max_header_bytes = 1 << 20;  // As the API server's own limit. Over it: 431.
  absl::Duration header_timeout = absl::Seconds(32);  // First byte of a request to end of head.
  absl::Duration idle_timeout = absl::Minutes(5);     // No stream open.
  // Streams are open and nothing is answered, for this long or, if something was before, up to
  // twice as long. For what is answered at once, not for watches.
  absl::Duration stall_timeout = absl::InfiniteDuration();
  uint32_t max_concurrent_streams = 250;       // HTTP/2, per connection.
  uint32_t initial_stream_window = 256 << 10;  // Request bytes in flight per stream.
  size_t max_control_backlog = 1 << 20;  // Unsent frames that are not data: the peer floods us.
};

struct ServerSessionStats {
  explicit ServerSessionStats(StatsRegistry& registry, const StatsLabels& labels = {});
  CounterHandle connections, requests, protocol_errors, header_limit, header_timeouts, idle_closed,
      stalled_closed, bytes_sent, bytes_received;
  GaugeHandle open_connections, open_streams;
};

// One connection from a client: owns its ByteStream, speaks HTTP/2 or HTTP/1.1 by ALPN (without
// ALPN: by the first bytes), makes a RequestHandler for each request. Belongs to one dispatcher.
class ServerSession : public Deferred {
 public:
  virtual ~ServerSession() = default;
  // Stops taking requests (GOAWAY, Connection: close), calls OnDrain of each handler, closes when
  // the last stream has ended.
  virtual void Drain() = 0;
  // When bytes were last received or sent, or it was accepted.
  virtual MonotonicTime last_moved() const = 0;
};

// `closed` runs once, as the session's last act; its owner destroys it with DeferDelete.
std::unique_ptr<ServerSession> NewServerSession(Dispatcher& dispatcher, ByteStreamPtr stream,
                                                const ServerSessionOptions& options,
                                                ServerSessionStats& stats, HandlerFactory factory,
                                                std::function<void(ServerSession*)> closed);

}  // namespace weir
