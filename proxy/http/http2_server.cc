// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_server.h"

#include <cstring>
#include <string>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/http/http1_writer.h"
#include "proxy/http/http2_server_exchange.h"
#include "proxy/http/refusal.h"

namespace weir {
namespace {

// In flight on one connection, all streams together. Given back at once, so it bounds a burst,
// not what waits for slow handlers.
constexpr uint32_t kConnectionWindow = 16 << 20;
// The PING behind the first GOAWAY; its answer means that no older request is on its way.
constexpr uint8_t kDrainPing[8] = {'d', 'r', 'a', 'i', 'n', 'i', 'n', 'g'};
constexpr absl::Duration kDrainPingTimeout = absl::Seconds(1);

Http2SessionOptions OptionsOf(const ServerSessionOptions& options) {
  return {.server = true,
          .max_header_bytes = options.max_header_bytes,
          .stream_window = options.initial_stream_window,
          .connection_window = std::max(kConnectionWindow, options.initial_stream_window),
          .max_concurrent_streams = options.max_concurrent_streams,
          .max_control_backlog = options.max_control_backlog};
}

}  // namespace

Http2Server::Http2Server(const ServerContext& context)
    : Http2Session(context.connection, OptionsOf(context.options)),
      context_(context),
      drain_timer_(
          context.connection.dispatcher().CreateTimer([this] { GoAwayNow(NGHTTP2_NO_ERROR); })) {
  connection().FlushSoon();
}

Http2Server::~Http2Server() {
  Forget(streams());
  DestroyStreams();
}

void Http2Server::Forget(size_t streams) {
  if (!abandoned()) context_.stats.open_streams->Add(-static_cast<int64_t>(streams));
}

void Http2Server::Abandon() {
  Forget(streams());
  Http2Session::Abandon();
  drain_timer_->Disable();
}

void Http2Server::Receive(std::string_view bytes) {
  Http2Session::Receive(bytes);
  if (abandoned()) return;
  context_.stats.protocol_errors->Add(protocol_errors() - errors_counted_);
  errors_counted_ = protocol_errors();
}

std::unique_ptr<Http2Session::Stream> Http2Server::NewStream(int32_t id) {
  if (!abandoned()) context_.stats.open_streams->Add(1);
  auto exchange = std::make_unique<Exchange>(*this);
  exchange->id = id;
  return exchange;
}

void Http2Server::OnField(Stream& stream, std::string_view name, std::string_view value) {
  auto& exchange = static_cast<Exchange&>(stream);
  RequestHead& request = exchange.request;
  if (name == ":method") {
    request.method = value;
  } else if (name == ":path") {
    request.target = value;
  } else if (name == ":authority" || (name == "host" && !exchange.started)) {
    if (request.authority.empty()) request.authority = value;
  } else if (name == "cookie" && !exchange.started) {
    // Split for HPACK's sake; one header everywhere else.
    StrAppend(exchange.cookies, exchange.cookies.empty() ? "" : "; ", value);
  } else if (name.front() != ':') {
    stream.headers.Add(name, value);
  }
}

void Http2Server::OnHeaders(Stream& stream) {
  auto& exchange = static_cast<Exchange&>(stream);
  if (abandoned()) return;
  if (!std::exchange(exchange.started, true)) return StartRequest(exchange);
  if (!stream.headers_too_large) return;
  context_.stats.header_limit->Add();
  if (exchange.live()) {
    ResetStream(stream, NGHTTP2_ENHANCE_YOUR_CALM);
    exchange.handler->OnReset(LimitError("the request's trailers are too large"));
  }
}

void Http2Server::StartRequest(Exchange& exchange) {
  context_.stats.requests->Add();
  const std::string cookies = std::exchange(exchange.cookies, {});
  if (exchange.headers_too_large) {
    context_.stats.header_limit->Add();
    return Refuse(exchange, LimitError("the headers are too large"));
  }
  RequestHead head = std::move(exchange.request);
  exchange.request.method = head.method;
  const bool path = !head.target.empty() && (head.target.front() == '/' || head.target == "*");
  if (!path || head.method == "CONNECT") {
    return Refuse(exchange,
                  InvalidArgumentError("the target is not a path (CONNECT is not supported)"));
  }
  head.headers = std::exchange(exchange.headers, {});
  if (!cookies.empty()) head.headers.Add("cookie", cookies);
  head.version_major = 2;
  head.end_of_stream = exchange.remote_ended;
  head.content_length = head.end_of_stream ? 0 : DeclaredLength(head.headers).value_or(-1);
  RequestHandlerPtr handler = context_.factory(std::move(head), exchange);
  WEIR_CHECK(handler != nullptr);
  exchange.handler = std::move(handler);
  if (!draining_) return;
  tell_drain_ = true;
  connection().FlushSoon();
}

void Http2Server::Refuse(Exchange& exchange, const absl::Status& error) {
  const ApiStatus refusal = RefusalOf(error);
  ResponseHead head;
  head.status = refusal.code;
  head.headers.Add("content-type", "application/json");
  exchange.SendHead(head);
  exchange.SendBody(Bytes::Own(refusal.Encode(Representation::kJson)));
  exchange.End({});
}

void Http2Server::OnData(Stream& stream, std::string_view bytes) {
  auto& exchange = static_cast<Exchange&>(stream);
  if (exchange.wants_body()) {
    exchange.handler->OnBody(bytes);
  } else {
    Consume(stream, bytes.size());
  }
}

void Http2Server::OnRemoteEnd(Stream& stream) {
  auto& exchange = static_cast<Exchange&>(stream);
  if (exchange.wants_body()) exchange.handler->OnEnd(std::exchange(stream.headers, {}));
}

// The answer is complete: the rest of the request is of no use to anybody.
void Http2Server::OnLocalEnd(Stream& stream) {
  if (!stream.remote_ended) ResetStream(stream, NGHTTP2_NO_ERROR);
}

void Http2Server::OnStreamClosed(Stream& stream, uint32_t error) {
  Forget(1);
  auto& exchange = static_cast<Exchange&>(stream);
  if (!exchange.live() || stream.local_ended) return;
  stream.reset = true;
  exchange.handler->OnReset(
      CancelledError(StrCat("the client ", connection().peer(),
                            " has reset the stream: ", nghttp2_http2_strerror(error))));
}

void Http2Server::OnRelief(Stream& stream) {
  auto& exchange = static_cast<Exchange&>(stream);
  if (exchange.wants_body()) exchange.handler->OnWritable();
}

void Http2Server::OnLost(Stream& stream, const absl::Status& reason) {
  Forget(1);
  auto& exchange = static_cast<Exchange&>(stream);
  if (!exchange.live()) return;
  stream.reset = true;
  exchange.handler->OnReset(reason);
}

void Http2Server::OnControlFrame(const nghttp2_frame& frame) {
  const bool ack = frame.hd.type == NGHTTP2_PING && (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  if (ack && std::memcmp(frame.ping.opaque_data, kDrainPing, sizeof(kDrainPing)) == 0) {
    drain_timer_->Disable();
    GoAwayNow(NGHTTP2_NO_ERROR);
  }
}

// In two steps, so that a request already on its way is answered and not refused: it is told, too.
void Http2Server::Drain() {
  if (std::exchange(draining_, true)) return;
  nghttp2_submit_shutdown_notice(session());
  nghttp2_submit_ping(session(), NGHTTP2_FLAG_NONE, kDrainPing);
  drain_timer_->Enable(kDrainPingTimeout);
  tell_drain_ = true;
  connection().FlushSoon();
}

void Http2Server::Relieve() {
  if (std::exchange(tell_drain_, false)) {
    for (const int32_t id : StreamIds()) {
      auto* const exchange = static_cast<Exchange*>(Find(id));
      if (exchange == nullptr || !exchange->live()) continue;
      if (!std::exchange(exchange->drain_told, true)) exchange->handler->OnDrain();
    }
  }
  Http2Session::Relieve();
}

std::unique_ptr<ServerCodec> NewHttp2Server(const ServerContext& context) {
  return std::make_unique<Http2Server>(context);
}

}  // namespace weir
