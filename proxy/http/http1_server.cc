// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_server.h"

#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/http/http1_server_stream.h"
#include "proxy/http/refusal.h"

namespace weir {
namespace {

// Of requests sent before their turn; then the socket is left alone.
constexpr size_t kMaxPending = 64 << 10;
// A body nobody reads is skipped up to here to keep the connection; beyond it is closed.
constexpr size_t kMaxDiscarded = 256 << 10;

}  // namespace

Http1Server::Http1Server(const ServerContext& context)
    : context_(context), parser_(Http1Parser::Kind::kRequests, context.options.max_header_bytes) {}

Http1Server::~Http1Server() {
  if (stream_ != nullptr && !abandoned_) context_.stats.open_streams->Add(-1);
}

void Http1Server::Abandon() {
  if (stream_ != nullptr && !abandoned_) context_.stats.open_streams->Add(-1);
  abandoned_ = true;
}

void Http1Server::CleanUp() { finished_.clear(); }

bool Http1Server::wants_bytes() const {
  if (state_ == State::kClosing || state_ == State::kAborted) return true;
  return pending_.size() < kMaxPending && (stream_ == nullptr || !stream_->window_full());
}

void Http1Server::Receive(std::string_view bytes) {
  if (state_ == State::kClosing || state_ == State::kAborted) return;
  if (!pending_.empty()) {
    pending_.append(bytes);
    return ProcessPending();
  }
  Process(bytes);
  pending_.append(bytes);
}

void Http1Server::ProcessPending() {
  if (pending_.empty() || !CanProcess()) return;
  const bool was_full = !wants_bytes();
  const std::string held = std::exchange(pending_, {});
  std::string_view input = held;
  Process(input);
  pending_ = input;
  if (was_full && wants_bytes()) context_.connection.ResumeReading();
}

bool Http1Server::CanProcess() const {
  if (abandoned_ || state_ == State::kClosing || state_ == State::kAborted) return false;
  if (stream_ == nullptr) return true;
  return !stream_->request_done && (!stream_->waits_for_tunnel || stream_->tunnel);
}

void Http1Server::Process(std::string_view& input) {
  while (CanProcess()) {
    switch (parser_.Next(input)) {
      case Http1Parser::Event::kNeedMore:
        return;
      case Http1Parser::Event::kHead:
        OnHead();
        break;
      case Http1Parser::Event::kBody:
        OnBody(parser_.body());
        break;
      case Http1Parser::Event::kEnd:
        OnEnd();
        break;
      case Http1Parser::Event::kError:
        input = {};
        return OnError();
    }
  }
}

void Http1Server::OnHead() {
  context_.stats.requests->Add();
  context_.stats.open_streams->Add(1);
  Http1RequestHead& request = parser_.request();
  stream_ = std::make_unique<Stream>(*this, request);
  discarded_ = 0;
  ++streams_begun_;
  RequestHandlerPtr handler = context_.factory(std::move(request.head), *stream_);
  WEIR_CHECK(handler != nullptr);
  stream_->handler = std::move(handler);
}

void Http1Server::OnBody(std::string_view bytes) {
  if (stream_ != nullptr) {
    if (!stream_->wants_body()) return;
    stream_->unconsumed += bytes.size();
    return stream_->handler->OnBody(bytes);
  }
  discarded_ += bytes.size();
  if (discarded_ > kMaxDiscarded) state_ = State::kClosing;
}

void Http1Server::OnEnd() {
  if (stream_ == nullptr) return parser_.StartMessage();
  stream_->request_done = true;
  if (stream_->wants_body()) stream_->handler->OnEnd(std::move(parser_.trailers()));
}

void Http1Server::OnError() {
  const absl::Status error = parser_.error();
  (IsLimit(error) ? context_.stats.header_limit : context_.stats.protocol_errors)->Add();
  if (stream_ != nullptr) {
    const bool answered = stream_->head_sent;
    ResetStream(error);
    if (answered) return Abort();
  }
  refusal_ = EncodeHttp1Refusal(error);
  state_ = State::kClosing;
}

void Http1Server::ReceiveEnd() {
  peer_ended_ = true;
  if (state_ == State::kClosing || state_ == State::kAborted) return;
  if (stream_ == nullptr) {
    state_ = State::kClosing;
    return;
  }
  if (stream_->tunnel) {
    ProcessPending();
    if (state_ == State::kAborted) return;
    OnEnd();
    if (state_ == State::kWriteEnded) EndTunnel();
    return;
  }
  // A client that has its whole answer coming may have closed its half early.
  if (stream_->out.ended() && stream_->request_done) return;
  ResetStream(UnavailableError(StrCat("the client ", context_.connection.peer(), " has gone")));
  Abort();
}

void Http1Server::Fill(std::string& out, size_t limit) {
  const size_t before = out.size();
  if (stream_ != nullptr && !stream_->reset) {
    out.append(stream_->head_text);
    stream_->head_text.clear();
    if (stream_->head_sent && out.size() < limit) {
      stream_->body_writer.Fill(stream_->out, out, limit - out.size());
    }
    if (stream_->body_writer.broken()) {
      LogWarning("an answer does not have the length it announced",
                 {{"client", context_.connection.peer()}});
      stream_->reset = true;
      Abort();
    } else if (stream_->body_writer.done()) {
      OnAnswered();
    }
  }
  out.append(refusal_);
  refusal_.clear();
  answered_bytes_ += out.size() - before;
}

void Http1Server::OnAnswered() {
  if (stream_->tunnel) {
    state_ = State::kWriteEnded;
    if (stream_->request_done) EndTunnel();
    return;
  }
  const bool reusable = stream_->keep_alive && !draining_ && !peer_ended_;
  const bool request_done = stream_->request_done || stream_->waits_for_tunnel;
  RetireStream();
  if (!reusable) {
    state_ = State::kClosing;
  } else if (request_done) {
    parser_.StartMessage();
  }
}

void Http1Server::EndTunnel() {
  RetireStream();
  state_ = State::kClosing;
}

void Http1Server::Relieve() {
  if (stream_ != nullptr && std::exchange(tell_drain_, false) && stream_->live()) {
    stream_->handler->OnDrain();
  }
  if (stream_ != nullptr && stream_->live() && stream_->out.TakeRelief() && !stream_->out.ended()) {
    stream_->handler->OnWritable();
  }
  ProcessPending();
}

void Http1Server::Lost(const absl::Status& reason) {
  if (stream_ != nullptr) ResetStream(reason);
  state_ = State::kAborted;
}

void Http1Server::Drain() {
  draining_ = true;
  tell_drain_ = true;
  if (stream_ == nullptr && state_ == State::kOpen) state_ = State::kClosing;
  context_.connection.FlushSoon();
}

// The stream is over and the handler has not asked for it.
void Http1Server::ResetStream(const absl::Status& reason) {
  const bool live = stream_->live();
  stream_->reset = true;
  stream_->out.Clear();
  Stream& stream = *stream_;
  RetireStream();
  if (live) stream.handler->OnReset(reason);
}

void Http1Server::RetireStream() {
  if (!abandoned_) context_.stats.open_streams->Add(-1);
  finished_.push_back(std::move(stream_));
}

void Http1Server::Abort() {
  state_ = State::kAborted;
  context_.connection.FlushSoon();
}

std::unique_ptr<ServerCodec> NewHttp1Server(const ServerContext& context) {
  return std::make_unique<Http1Server>(context);
}

}  // namespace weir
