// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "proxy/base/bytes.h"
#include "proxy/event/dispatcher.h"
#include "proxy/http/message.h"

// The two sides of an exchange, whatever the version of HTTP. Both directions flow the same way:
// bytes are queued by reference and `writable()` says whether to queue more; received bytes count
// against a window until they are consumed, so a slow reader slows the sender at the other end
// and nobody else.
//
// All of it belongs to the dispatcher of the connection. Rules that both sides keep:
//  * Calls on a writer, stream or pool only queue; all socket I/O and every callback come from a
//    turn of the dispatcher, never from inside such a call (not even for a sibling stream).
//  * OnEnd always comes, also when the head said end_of_stream (but before a 101: not for the empty
//    body of an upgrade). After it no OnBody; OnWritable, OnReset and OnDrain go on until the
//    stream is over. After OnReset, OnResponseEnd or OnResponseFailed: nothing.
//  * A stream is over when both bodies have ended and the queue is flushed (in a tunnel: both
//    half-closes), or by a reset. What is sent after an End() is dropped.
//  * A ClientStream may be destroyed inside any callback, its own among them.
//  * A queue above its high mark still takes what it is given; the giver is expected to stop.
//  * HTTP/1.1: a client that closes while its answer is under way is an OnReset.

namespace weir {

inline constexpr size_t kStreamHighMark = 256 << 10;  // Queued and not yet taken by the socket.
inline constexpr size_t kStreamLowMark = 128 << 10;   // OnWritable comes when it falls below.

// Sends the answer. Implemented by each version's server stream; owned by it; alive until its
// handler is destroyed.
class ResponseWriter {
 public:
  virtual ~ResponseWriter() = default;

  // 1xx; any number, before SendHead. 101 is not one: send it with SendHead, both bodies are raw
  // bytes from then on (HTTP/1.1 only).
  virtual void SendInformational(const ResponseHead& head) = 0;
  virtual void SendHead(const ResponseHead& head) = 0;
  virtual void SendBody(Bytes bytes) = 0;
  // Ends the answer cleanly. Trailers are dropped where the client cannot take them.
  virtual void End(HeaderList trailers = {}) = 0;
  // Ends it abnormally: RST_STREAM, or the connection is closed in the middle of the body.
  virtual void Reset() = 0;
  // Whether more should be queued; see OnWritable.
  virtual bool writable() const = 0;
  // Bytes queued, not yet taken by the socket.
  virtual size_t queued_bytes() const = 0;
  // The handler is done with `count` bytes of request body: the client may send as many more.
  virtual void ConsumeBody(size_t count) = 0;
  virtual Dispatcher& dispatcher() = 0;
  // For rows in /streams: "127.0.0.1:40312".
  virtual std::string peer() const = 0;
};

// Answers one request. Made by a HandlerFactory, owned by the stream, destroyed when the stream
// is over (never from within its own callback). Destroying it cancels everything it does.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;

  // Body bytes, valid during the call. `ConsumeBody` them, now or later.
  virtual void OnBody(std::string_view bytes) = 0;
  // The request is complete; also when its head said that no body follows. A request to upgrade
  // has no end of its own: this comes when the client half-closes the tunnel.
  virtual void OnEnd(HeaderList trailers) = 0;
  // The queue has room again.
  virtual void OnWritable() = 0;
  // The client is gone or has reset the stream; the writer takes nothing more. Not called when
  // the handler itself has reset it.
  virtual void OnReset(absl::Status reason) = 0;
  // Weir is stopping: end long answers cleanly, soon.
  virtual void OnDrain() {}
};
using RequestHandlerPtr = std::unique_ptr<RequestHandler>;
// Called once a request's head is complete. The handler must not answer before the factory has
// returned (it may Post), unless it does so in Start().
using HandlerFactory = std::function<RequestHandlerPtr(RequestHead head, ResponseWriter& writer)>;

// Receives the answer to a request that this process sent.
class ResponseHandler {
 public:
  virtual ~ResponseHandler() = default;
  virtual void OnInformational(ResponseHead head) = 0;
  // After a 101 both bodies are raw bytes.
  virtual void OnHead(ResponseHead head) = 0;
  // Valid during the call; ClientStream::ConsumeBody them.
  virtual void OnResponseBody(std::string_view bytes) = 0;
  // In a tunnel: the server has half-closed; sending may go on.
  virtual void OnResponseEnd(HeaderList trailers) = 0;
  // No complete answer came: why. IsUnavailable(): connection trouble. `sent` is false when the
  // request surely never reached the server, so it may be sent again whatever its method.
  virtual void OnResponseFailed(absl::Status reason, bool sent) = 0;
  // The request body's queue has room again.
  virtual void OnRequestWritable() = 0;
};

// A request under way. Destroying it cancels (RST_STREAM, or closes an HTTP/1 connection); legal
// in any callback of its handler. A tunnel whose both ends have ended still delivers what is
// queued.
class ClientStream : public Cancellable {
 public:
  virtual void SendBody(Bytes bytes) = 0;
  virtual void End(HeaderList trailers = {}) = 0;
  virtual bool writable() const = 0;
  virtual void ConsumeBody(size_t count) = 0;
};
using ClientStreamPtr = std::unique_ptr<ClientStream>;

}  // namespace weir
