// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_client.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// However many streams a server allows.
constexpr size_t kMaxStreams = 10000;

Http2SessionOptions OptionsOf(const ClientPoolOptions& options) {
  return {.server = false,
          .max_header_bytes = options.max_header_bytes,
          .stream_window = options.stream_window,
          .connection_window = options.connection_window};
}

}  // namespace

Http2Client::Http2Client(Connection& connection, const ClientPoolOptions& options,
                         ClientPoolStats& stats, size_t likely_limit)
    : Http2Session(connection, OptionsOf(options)), stats_(stats), limit_(likely_limit) {
  connection.FlushSoon();
}

Http2Client::~Http2Client() { DestroyStreams(); }

size_t Http2Client::room() const {
  auto* const session = const_cast<Http2Client*>(this)->session();
  if (retired_ || state() != State::kOpen || !nghttp2_session_check_request_allowed(session)) {
    return 0;
  }
  return limit_ - std::min(limit_, streams());
}

void Http2Client::Start(ClientExchange& exchange) {
  const RequestHead& head = exchange.head();
  std::vector<Field> fields;
  fields.reserve(head.headers.fields().size() + 4);
  fields.push_back(MakeField(":method", head.method));
  fields.push_back(MakeField(":scheme", "https"));
  fields.push_back(MakeField(":authority", head.authority));
  fields.push_back(MakeField(":path", head.target));
  AppendFields(head.headers, fields);

  auto request = std::make_unique<Request>();
  request->exchange = &exchange;
  request->out = &exchange.out();
  const nghttp2_data_provider body = BodyProvider(*request);
  request->id = nghttp2_submit_request(session(), nullptr, fields.data(), fields.size(),
                                       head.end_of_stream ? nullptr : &body, nullptr);
  if (request->id < 0) {
    // Stream numbers are used up, or nghttp2 is closing: not for any reason in the request.
    retired_ = true;
    CloseIfDone();
    return exchange.OnFailed(UnavailableError(nghttp2_strerror(request->id)),
                             RequestReach::kNotSent);
  }
  exchange.Assign(this, request->id);
  Adopt(std::move(request));
  connection().FlushSoon();
}

Http2Client::Request* Http2Client::Of(const ClientExchange& exchange) {
  auto* request = static_cast<Request*>(Find(exchange.stream_id()));
  return request != nullptr && request->exchange == &exchange ? request : nullptr;
}

// The exchange leaves the stream, which goes on alone until nghttp2 has closed it.
ClientExchange* Http2Client::Detach(Request& request) {
  request.out = nullptr;
  return std::exchange(request.exchange, nullptr);
}

void Http2Client::BodyQueued(ClientExchange& exchange) {
  if (Request* request = Of(exchange)) ResumeBody(*request);
}

void Http2Client::Consumed(ClientExchange& exchange, size_t count) {
  if (Request* request = Of(exchange)) Consume(*request, count);
}

void Http2Client::Cancel(ClientExchange& exchange) {
  Request* request = Of(exchange);
  if (request == nullptr) return;
  Detach(*request);
  ResetStream(*request, NGHTTP2_CANCEL);
}

void Http2Client::Retire() {
  retired_ = true;
  CloseIfDone();
}

void Http2Client::CloseIfDone() {
  if (retired_ && streams() == 0 && state() == State::kOpen) GoAwayNow(NGHTTP2_NO_ERROR);
}

bool Http2Client::Ping() {
  nghttp2_submit_ping(session(), NGHTTP2_FLAG_NONE, nullptr);
  connection().FlushSoon();
  return true;
}

// Only requests open streams; pushes are refused by nghttp2.
std::unique_ptr<Http2Session::Stream> Http2Client::NewStream(int32_t id) {
  auto request = std::make_unique<Request>();
  request->id = id;
  return request;
}

void Http2Client::OnField(Stream& stream, std::string_view name, std::string_view value) {
  auto& request = static_cast<Request&>(stream);
  if (name == ":status") {
    request.head.status = static_cast<int>(ParseInt64(value).value_or(0));
  } else if (name.front() != ':') {
    stream.headers.Add(name, value);
  }
}

void Http2Client::OnHeaders(Stream& stream) {
  auto& request = static_cast<Request&>(stream);
  if (request.exchange == nullptr) return;
  if (stream.headers_too_large) {
    ResetStream(stream, NGHTTP2_CANCEL);
    return Detach(request)->OnFailed(
        LimitError(StrCat("the answer's headers exceed ", options().max_header_bytes, " bytes")),
        RequestReach::kSent);
  }
  if (request.head_done) return;  // Trailers, for OnRemoteEnd.
  request.head.headers = std::exchange(stream.headers, {});
  ResponseHead head = std::exchange(request.head, {});
  if (head.status < 200) return request.exchange->OnInformational(std::move(head));
  request.head_done = true;
  request.exchange->OnHead(std::move(head));
}

void Http2Client::OnData(Stream& stream, std::string_view bytes) {
  auto& request = static_cast<Request&>(stream);
  if (request.exchange == nullptr) return Consume(stream, bytes.size());
  request.exchange->OnBody(bytes);
}

void Http2Client::OnRemoteEnd(Stream& stream) {
  auto& request = static_cast<Request&>(stream);
  if (request.exchange == nullptr) return;
  ClientExchange* const exchange = Detach(request);
  // The server has answered in full: it does not wait for the rest of the request.
  if (!stream.local_ended) ResetStream(stream, NGHTTP2_CANCEL);
  exchange->OnEnd(std::exchange(stream.headers, {}));
}

void Http2Client::OnStreamClosed(Stream& stream, uint32_t error) {
  auto& request = static_cast<Request&>(stream);
  CloseIfDone();
  if (request.exchange == nullptr) return;
  // Those that a GOAWAY leaves out nghttp2 closes as refused, after it has told of the frame.
  const bool refused = error == NGHTTP2_REFUSED_STREAM;
  const RequestReach reach = !refused   ? RequestReach::kSent
                             : retired_ ? RequestReach::kLeft
                                        : RequestReach::kNotSent;
  Detach(request)->OnFailed(UnavailableError(StrCat(connection().peer(), " reset the stream: ",
                                                    nghttp2_http2_strerror(error))),
                            reach);
}

void Http2Client::OnNotSent(Stream& stream) {
  auto& request = static_cast<Request&>(stream);
  if (request.exchange == nullptr) return;
  Detach(request)->OnFailed(
      UnavailableError(StrCat("the connection to ", connection().peer(), " is closing")),
      RequestReach::kLeft);
}

void Http2Client::OnRelief(Stream& stream) {
  auto& request = static_cast<Request&>(stream);
  if (request.exchange != nullptr) request.exchange->OnWritable();
}

void Http2Client::OnLost(Stream& stream, const absl::Status& reason) {
  auto& request = static_cast<Request&>(stream);
  if (request.exchange == nullptr) return;
  // nghttp2 opens a stream when it writes its HEADERS.
  const bool sent = nghttp2_session_find_stream(session(), stream.id) != nullptr;
  Detach(request)->OnFailed(reason, sent ? RequestReach::kSent : RequestReach::kNotSent);
}

void Http2Client::OnControlFrame(const nghttp2_frame& frame) {
  const bool ack = (frame.hd.flags & NGHTTP2_FLAG_ACK) != 0;
  if (frame.hd.type == NGHTTP2_SETTINGS && !ack) return OnSettings();
  if (frame.hd.type != NGHTTP2_GOAWAY) return;
  if (!retired_ && !abandoned()) stats_.goaways->Add();
  retired_ = true;
  CloseIfDone();
}

// The server may allow fewer streams than were started in good faith: those that nghttp2 has not
// written yet would wait in it for a free place, though another connection may have one.
void Http2Client::OnSettings() {
  limit_ = std::min<size_t>(kMaxStreams, nghttp2_session_get_remote_settings(
                                             session(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
  std::vector<int32_t> unsent;
  for (const int32_t id : StreamIds()) {
    if (nghttp2_session_find_stream(session(), id) == nullptr) unsent.push_back(id);
  }
  std::sort(unsent.begin(), unsent.end());
  while (!unsent.empty() && streams() > limit_) {
    auto* request = static_cast<Request*>(Find(unsent.back()));
    unsent.pop_back();
    if (request == nullptr) continue;
    ClientExchange* const exchange = Detach(*request);
    ResetStream(*request, NGHTTP2_CANCEL);
    Forget(*request);
    if (exchange == nullptr) continue;
    exchange->OnFailed(UnavailableError(StrCat(connection().peer(), " allows no more streams")),
                       limit_ > 0 ? RequestReach::kHeld : RequestReach::kNotSent);
  }
}

std::unique_ptr<ClientCodec> NewHttp2Client(Connection& connection,
                                            const ClientPoolOptions& options,
                                            ClientPoolStats& stats, size_t likely_limit) {
  return std::make_unique<Http2Client>(connection, options, stats, likely_limit);
}

}  // namespace weir
