// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_client.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {

Http1Client::Http1Client(Connection& connection, const ClientPoolOptions& options)
    : connection_(connection),
      options_(options),
      parser_(Http1Parser::Kind::kResponses, options.max_header_bytes) {}

size_t Http1Client::room() const {
  return state_ == State::kOpen && !retired_ && exchange_ == nullptr && !lingering_ ? 1 : 0;
}

void Http1Client::Start(ClientExchange& exchange) {
  using Framing = Http1BodyWriter::Framing;
  WEIR_CHECK(exchange_ == nullptr);
  const RequestHead& head = exchange.head();
  exchange_ = &exchange;
  ++streams_begun_;
  exchange.Assign(this, 0);
  parser_.StartMessage(head.method == "HEAD");
  unconsumed_ = 0;
  head_sent_ = answer_begun_ = keep_alive_ = false;

  Framing framing = Framing::kChunked;
  const int64_t length = DeclaredLength(head.headers).value_or(head.content_length);
  if (head.end_of_stream || exchange.upgrade()) {
    framing = Framing::kNone;
  } else if (length >= 0) {
    framing = Framing::kLength;
  }
  head_text_ = EncodeRequestHead(head, framing);
  body_writer_ = Http1BodyWriter(framing, length);
  connection_.FlushSoon();
}

void Http1Client::BodyQueued(ClientExchange& exchange) {
  if (&exchange == exchange_) connection_.FlushSoon();
}

void Http1Client::Consumed(ClientExchange& exchange, size_t count) {
  if (&exchange != exchange_) return;
  const bool was_full = !wants_bytes();
  unconsumed_ -= std::min(count, unconsumed_);
  if (was_full && wants_bytes()) connection_.ResumeReading();
}

void Http1Client::Cancel(ClientExchange& exchange) {
  if (&exchange != exchange_) return;
  exchange_ = nullptr;
  if (tunnel_half_ended_ && body_writer_.done()) {
    state_ = State::kClosing;
  } else if (tunnel_half_ended_ && exchange.out().ended()) {
    // Both ends have said all they will; what is still here must reach the server.
    lingering_ = true;
    last_out_ = std::move(exchange.out());
  } else {
    state_ = State::kAborted;
  }
  connection_.FlushSoon();
}

void Http1Client::Retire() {
  retired_ = true;
  if (streams() == 0 && state_ == State::kOpen) state_ = State::kClosing;
  connection_.FlushSoon();
}

void Http1Client::Receive(std::string_view bytes) {
  while (exchange_ != nullptr && state_ != State::kAborted) {
    switch (parser_.Next(bytes)) {
      case Http1Parser::Event::kNeedMore:
        answer_begun_ = true;
        return;
      case Http1Parser::Event::kHead:
        OnHead();
        break;
      case Http1Parser::Event::kBody:
        unconsumed_ += parser_.body().size();
        exchange_->OnBody(parser_.body());
        break;
      case Http1Parser::Event::kEnd:
        // More than was asked for: not to be mistaken for the answer to the next request.
        if (!bytes.empty()) retired_ = true;
        OnEnd();
        break;
      case Http1Parser::Event::kError:
        return Fail(InternalError(StrCat("malformed answer from ", connection_.peer(), ": ",
                                         MessageOf(parser_.error()))),
                    RequestReach::kSent);
    }
  }
  // Bytes that answer nothing: whose they are cannot be told.
  if (!bytes.empty() && !lingering_) state_ = State::kAborted;
}

void Http1Client::OnHead() {
  answer_begun_ = true;
  Http1ResponseHead& response = parser_.response();
  const int status = response.head.status;
  if (status == 101) {
    if (!exchange_->upgrade()) {
      return Fail(InternalError(StrCat(connection_.peer(), " switched protocols unasked")),
                  RequestReach::kSent);
    }
    tunnel_ = true;
    parser_.StartTunnel();
    body_writer_ = Http1BodyWriter(Http1BodyWriter::Framing::kUntilClose, 0);
    connection_.FlushSoon();
  } else if (status < 200) {
    return exchange_->OnInformational(std::move(response.head));
  }
  keep_alive_ = response.keep_alive;
  exchange_->OnHead(std::move(response.head));
}

void Http1Client::OnEnd() {
  if (tunnel_) return OnTunnelEnd();
  // A request that is not written in full cannot be taken back.
  const bool reusable = keep_alive_ && !retired_ && body_writer_.done() && head_text_.empty();
  if (!reusable) state_ = State::kClosing;
  std::exchange(exchange_, nullptr)->OnEnd(std::move(parser_.trailers()));
}

void Http1Client::OnTunnelEnd() {
  tunnel_half_ended_ = true;
  ClientExchange* const exchange = exchange_;
  exchange->OnTunnelHalfEnd();
  if (body_writer_.done() && exchange_ != nullptr) {
    state_ = State::kClosing;
    std::exchange(exchange_, nullptr)->OnTunnelOver();
  }
}

void Http1Client::ReceiveEnd() {
  if (exchange_ == nullptr) {
    if (!lingering_) state_ = State::kAborted;
    return;
  }
  if (parser_.Finish() == Http1Parser::Event::kEnd) return OnEnd();
  const RequestReach reach = this->reach();
  Fail(UnavailableError(StrCat(connection_.peer(), " closed the connection before ",
                               answer_begun_ ? "the end of its answer" : "it answered")),
       reach);
}

RequestReach Http1Client::reach() const {
  if (!head_sent_) return RequestReach::kNotSent;
  return streams_begun_ > 1 && !answer_begun_ ? RequestReach::kStale : RequestReach::kSent;
}

void Http1Client::Fail(const absl::Status& reason, RequestReach reach) {
  state_ = State::kAborted;
  ClientExchange* const exchange = std::exchange(exchange_, nullptr);
  if (exchange == nullptr) return;
  // The user knows that the server has ended, and that is the last it is told.
  tunnel_half_ended_ ? exchange->OnTunnelOver() : exchange->OnFailed(reason, reach);
}

void Http1Client::Lost(const absl::Status& reason) { Fail(reason, reach()); }

void Http1Client::Fill(std::string& out, size_t limit) {
  if ((exchange_ == nullptr && !lingering_) || state_ == State::kAborted) return;
  if (!head_text_.empty()) {
    out.append(std::exchange(head_text_, {}));
    head_sent_ = true;
  }
  // What follows an upgrade's head belongs to the other protocol, once there is one.
  const bool waits = exchange_ != nullptr && exchange_->upgrade() && !tunnel_;
  if (waits || body_writer_.done() || out.size() >= limit) return;
  body_writer_.Fill(lingering_ ? last_out_ : exchange_->out(), out, limit - out.size());
  if (body_writer_.broken()) {
    Fail(InvalidArgumentError("the request's body does not have the length it announced"),
         RequestReach::kSent);
  } else if (tunnel_ && body_writer_.done()) {
    OnTunnelSent();
  }
}

void Http1Client::OnTunnelSent() {
  state_ = tunnel_half_ended_ ? State::kClosing : State::kWriteEnded;
  if (!tunnel_half_ended_) return;
  lingering_ = false;
  if (exchange_ != nullptr) std::exchange(exchange_, nullptr)->OnTunnelOver();
}

void Http1Client::Relieve() {
  if (exchange_ != nullptr && exchange_->out().TakeRelief()) exchange_->OnWritable();
}

std::unique_ptr<ClientCodec> NewHttp1Client(Connection& connection,
                                            const ClientPoolOptions& options) {
  return std::make_unique<Http1Client>(connection, options);
}

}  // namespace weir
