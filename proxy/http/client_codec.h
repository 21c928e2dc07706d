// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "proxy/http/client_exchange.h"
#include "proxy/http/client_pool.h"
#include "proxy/http/codec.h"
#include "proxy/http/connection.h"

namespace weir {

// The client's end of a connection.
class ClientCodec : public virtual Codec {
 public:
  // REQUIRES: room() > 0.
  virtual void Start(ClientExchange& exchange) = 0;
  // Requests that may be started now, and that may be under way at once.
  virtual size_t room() const = 0;
  virtual size_t limit() const = 0;
  // What the exchange's user did.
  virtual void BodyQueued(ClientExchange& exchange) = 0;
  virtual void Consumed(ClientExchange& exchange, size_t count) = 0;
  virtual void Cancel(ClientExchange& exchange) = 0;
  // Takes no more requests; closes when those under way are done.
  virtual void Retire() = 0;
  // Asks the peer for a sign of life; false where that cannot be done.
  virtual bool Ping() = 0;
};

std::unique_ptr<ClientCodec> NewHttp1Client(Connection& connection,
                                            const ClientPoolOptions& options);
// `likely_limit`: streams, until the server has said how many.
std::unique_ptr<ClientCodec> NewHttp2Client(Connection& connection,
                                            const ClientPoolOptions& options,
                                            ClientPoolStats& stats, size_t likely_limit);

}  // namespace weir
