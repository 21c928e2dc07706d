// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client_exchange.h"

#include <utility>

#include "proxy/http/client_codec.h"

namespace weir {
namespace {

constexpr int kMaxResends = 2;
// An API server says GOAWAY after each 401 (its mitigation of HTTP/2 floods): of many requests with
// a bad token each connection answers some, and Go's clients send the others again so often.
constexpr int kMaxResendsAfterGoAway = 6;

}  // namespace

// What the user holds.
class ClientExchange::Handle final : public ClientStream {
 public:
  explicit Handle(ClientExchange& exchange) : exchange_(&exchange) {}
  ~Handle() override {
    if (exchange_ != nullptr) exchange_->Cancel();
  }

  void SendBody(Bytes bytes) override {
    if (exchange_ == nullptr || exchange_->out_.ended()) return;
    exchange_->out_.Append(std::move(bytes));
    if (exchange_->codec_ != nullptr) exchange_->codec_->BodyQueued(*exchange_);
  }
  void End(HeaderList trailers) override {
    if (exchange_ == nullptr || exchange_->out_.ended()) return;
    exchange_->out_.End(std::move(trailers));
    if (exchange_->codec_ != nullptr) exchange_->codec_->BodyQueued(*exchange_);
  }
  bool writable() const override { return exchange_ == nullptr || exchange_->out_.writable(); }
  void ConsumeBody(size_t count) override {
    if (exchange_ != nullptr && exchange_->codec_ != nullptr) {
      exchange_->codec_->Consumed(*exchange_, count);
    }
  }

  void Forget() { exchange_ = nullptr; }

 private:
  ClientExchange* exchange_;  // Null when the answer is over.
};

ClientExchange::ClientExchange(ClientExchangeOwner& owner, RequestHead head,
                               ResponseHandler& handler)
    : owner_(owner), head_(std::move(head)), handler_(&handler) {
  if (head_.end_of_stream) out_.End({});
}

ClientExchange::~ClientExchange() { Detach(); }

ClientStreamPtr ClientExchange::NewHandle() {
  auto handle = std::make_unique<Handle>(*this);
  handle_ = handle.get();
  return handle;
}

void ClientExchange::OnInformational(ResponseHead head) {
  answered_ = true;
  if (handler_ != nullptr) handler_->OnInformational(std::move(head));
}

void ClientExchange::OnHead(ResponseHead head) {
  answered_ = true;
  if (handler_ != nullptr) handler_->OnHead(std::move(head));
}

void ClientExchange::OnBody(std::string_view bytes) {
  if (handler_ != nullptr) handler_->OnResponseBody(bytes);
}

void ClientExchange::OnWritable() {
  if (handler_ != nullptr && !out_.ended()) handler_->OnRequestWritable();
}

void ClientExchange::OnEnd(HeaderList trailers) {
  ResponseHandler* const handler = handler_;
  if (handler == nullptr) return;
  Detach();
  owner_.Release(*this);
  handler->OnResponseEnd(std::move(trailers));
}

void ClientExchange::OnFailed(const absl::Status& reason, RequestReach reach) {
  if (handler_ == nullptr) return;
  codec_ = nullptr;
  if (MaySendAgain(reach)) {
    if (reach != RequestReach::kHeld) ++resends_;
    return owner_.SendAgain(*this);
  }
  Fail(reason, reach == RequestReach::kStale || reach == RequestReach::kSent);
}

void ClientExchange::Fail(const absl::Status& reason, bool sent) {
  ResponseHandler* const handler = handler_;
  if (handler == nullptr) return;
  Detach();
  owner_.Release(*this);
  handler->OnResponseFailed(reason, sent);
}

void ClientExchange::OnTunnelHalfEnd() {
  if (handler_ != nullptr) handler_->OnResponseEnd({});
}

void ClientExchange::OnTunnelOver() {
  if (handler_ == nullptr) return;
  Detach();
  owner_.Release(*this);
}

bool ClientExchange::MaySendAgain(RequestReach reach) const {
  const bool left = reach == RequestReach::kLeft;
  if (resends_ >= (left ? kMaxResendsAfterGoAway : kMaxResends)) return false;
  if (answered_ || out_.taken()) return false;
  if (left || reach == RequestReach::kHeld || reach == RequestReach::kNotSent) return true;
  // The server may have read it before it closed: only what may be done twice.
  const std::string& method = head_.method;
  return reach == RequestReach::kStale && head_.end_of_stream && !upgrade() &&
         (method == "GET" || method == "HEAD" || method == "OPTIONS");
}

// The user has destroyed the handle.
void ClientExchange::Cancel() {
  ClientCodec* const codec = codec_;
  handle_ = nullptr;
  Detach();
  if (codec != nullptr) codec->Cancel(*this);
  owner_.Release(*this);
}

void ClientExchange::Abandon() { Detach(); }

void ClientExchange::Detach() {
  handler_ = nullptr;
  codec_ = nullptr;
  if (handle_ != nullptr) std::exchange(handle_, nullptr)->Forget();
}

}  // namespace weir
