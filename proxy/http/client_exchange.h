// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "proxy/event/dispatcher.h"
#include "proxy/http/exchange.h"
#include "proxy/http/outgoing_body.h"

namespace weir {

class ClientCodec;
class ClientExchange;

// How far a failed request has come.
enum class RequestReach {
  kHeld,     // It has not left; another connection may have room for it.
  kNotSent,  // The server has surely not acted on it.
  kLeft,     // The same, because it is closing the connection: GOAWAY.
  kStale,    // Sent on a connection that the server had surely begun to close.
  kSent,     // Who knows.
};

// Who owns the exchanges: the pool.
class ClientExchangeOwner {
 public:
  virtual ~ClientExchangeOwner() = default;
  // It is over or cancelled. To be destroyed later: it may be on the stack.
  virtual void Release(ClientExchange& exchange) = 0;
  virtual void SendAgain(ClientExchange& exchange) = 0;
};

// A request of the pool, from Send() until its answer has ended: waiting, then on a connection,
// perhaps on another one after that. The user holds a handle that points here, and either may go
// first, at any time.
class ClientExchange final : public Deferred {
 public:
  ClientExchange(ClientExchangeOwner& owner, RequestHead head, ResponseHandler& handler);
  ~ClientExchange() override;

  // The user's end.
  ClientStreamPtr NewHandle();

  // For connections. Each may run the user's code, which may cancel this exchange or destroy the
  // pool; the exchange itself stays until the next turn. OnEnd and OnFailed end it.
  void OnInformational(ResponseHead head);
  void OnHead(ResponseHead head);
  void OnBody(std::string_view bytes);
  void OnWritable();
  void OnEnd(HeaderList trailers);
  void OnFailed(const absl::Status& reason, RequestReach reach);
  // A tunnel ends in two steps: the server's half, after which the user may go on sending, and
  // the rest, of which the user needs no word.
  void OnTunnelHalfEnd();
  void OnTunnelOver();
  // Likewise over, and not to be sent again.
  void Fail(const absl::Status& reason, bool sent);

  // The pool goes away: the user hears nothing more.
  void Abandon();
  void Assign(ClientCodec* codec, int32_t stream_id) {
    codec_ = codec;
    stream_id_ = stream_id;
  }
  int32_t stream_id() const { return stream_id_; }
  bool waiting() const { return waiting_; }
  void set_waiting(bool waiting) { waiting_ = waiting; }
  // The user still wants the answer.
  bool live() const { return handler_ != nullptr; }
  const RequestHead& head() const { return head_; }
  OutgoingBody& out() { return out_; }
  bool upgrade() const { return !head_.upgrade.empty(); }

 private:
  class Handle;

  bool MaySendAgain(RequestReach reach) const;
  void Cancel();
  void Detach();

  // Set once.
  ClientExchangeOwner& owner_;
  const RequestHead head_;

  ResponseHandler* handler_;      // Null once cancelled or over.
  Handle* handle_ = nullptr;      // Null once the user has let go.
  ClientCodec* codec_ = nullptr;  // The connection it is on.
  int32_t stream_id_ = 0;         // There, with HTTP/2.
  OutgoingBody out_;
  int resends_ = 0;
  bool waiting_ = false;   // In the pool's queue.
  bool answered_ = false;  // Something of the answer has been passed on.
};

}  // namespace weir
