// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "proxy/base/stats.h"
#include "proxy/http/exchange.h"
#include "proxy/net/byte_stream.h"

namespace weir {

struct ClientPoolOptions {
  absl::Duration connect_timeout = absl::Seconds(10);  // Name, TCP and TLS together.
  absl::Duration ping_after = absl::Seconds(30);       // Silence before an HTTP/2 PING.
  absl::Duration ping_timeout = absl::Seconds(15);     // Then the connection is dead.
  absl::Duration idle_timeout = absl::Seconds(90);     // Connections without streams are closed.
  size_t max_header_bytes = 1 << 20;
  uint32_t stream_window = 1 << 20;       // Response bytes in flight per stream.
  uint32_t connection_window = 64 << 20;  // Response bytes in flight per connection.
  size_t max_http1_connections =
      100;                    // More requests wait; HTTP/2 opens a new connection when full.
  size_t max_pending = 1000;  // Requests waiting for a connection; more fail.
};

struct ClientPoolStats {
  explicit ClientPoolStats(StatsRegistry& registry, const StatsLabels& labels = {});
  CounterHandle connects, connect_failures, requests, pings, ping_timeouts, goaways, bytes_sent,
      bytes_received;
  GaugeHandle open_connections, open_streams, pending;
};

// Makes a connection: its stream calls on_connected when up. May be called again and again.
// `alpn` narrows what is offered: upgrades need {"http/1.1"}. `done` gets a stream that is still
// connecting, or the reason there is none. Production resolves names and dials TLS (upstream/).
using Connector = std::function<RequestHandle(
    const std::vector<std::string>& alpn, std::function<void(absl::StatusOr<ByteStreamPtr>)> done)>;

// Connections to one server with one set of TLS credentials, on one dispatcher. HTTP/2 streams
// share a connection until it is full or going away; HTTP/1.1 keeps connections alive. A request
// that surely never reached the server (GOAWAY, refused stream, stale keep-alive connection with a
// bodiless request) is sent again by itself, at most twice, or six times after GOAWAYs.
class ClientPool {
 public:
  ClientPool(Dispatcher& dispatcher, Connector connector, const ClientPoolOptions& options,
             ClientPoolStats& stats);
  ~ClientPool();

  // Sends a request. head.upgrade: on an HTTP/1.1 connection of its own.
  // REQUIRES: `handler` outlives the returned stream.
  [[nodiscard]] ClientStreamPtr Send(RequestHead head, ResponseHandler& handler);

  // New requests use new connections; streams under way go on (credentials have changed).
  void RetireConnections();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weir
