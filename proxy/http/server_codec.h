// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/http/codec.h"
#include "proxy/http/connection.h"
#include "proxy/http/server_session.h"

namespace weir {

// What a server's codec is made with; all of it outlives the codec.
struct ServerContext {
  Connection& connection;
  const ServerSessionOptions& options;
  ServerSessionStats& stats;
  const HandlerFactory& factory;
};

// The server's end of a connection.
class ServerCodec : public virtual Codec {
 public:
  // See ServerSession::Drain. Handlers hear of it in the next round.
  virtual void Drain() = 0;
  // A request has begun and its head is not complete: the client must go on soon.
  virtual bool in_head() const = 0;
  // Bytes of answers that the connection has taken so far; of HTTP/2, of their bodies.
  virtual uint64_t answered_bytes() const = 0;
};

std::unique_ptr<ServerCodec> NewHttp1Server(const ServerContext& context);
std::unique_ptr<ServerCodec> NewHttp2Server(const ServerContext& context);

}  // namespace weir
