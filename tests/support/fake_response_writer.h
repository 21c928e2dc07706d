// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "proxy/http/exchange.h"

namespace weir {

// Takes what a handler sends and keeps it. `room` bytes are taken before it is no longer writable.
class FakeResponseWriter final : public ResponseWriter {
 public:
  explicit FakeResponseWriter(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  void SendInformational(const ResponseHead&) override {}
  void SendHead(const ResponseHead& head) override { head_ = head; }
  void SendBody(Bytes bytes) override {
    if (ended_) return;
    if (on_body) on_body();
    body_.append(bytes.view());
    queued_ += bytes.size();
  }
  void End(HeaderList) override { ended_ = true; }
  void Reset() override { reset_ = ended_ = true; }
  bool writable() const override { return queued_ < room_; }
  size_t queued_bytes() const override { return queued_; }
  void ConsumeBody(size_t count) override { consumed_ += count; }
  Dispatcher& dispatcher() override { return dispatcher_; }
  std::string peer() const override { return "127.0.0.1:40000"; }

  std::function<void()> on_body;  // Before a part of the body is sent.

  // The connection has taken what was queued, and takes `room` more.
  void TakeAll(size_t room) {
    queued_ = 0;
    room_ = room;
  }

  int status() const { return head_ ? head_->status : 0; }
  std::string_view Header(std::string_view name) const {
    return head_ ? head_->headers.Get(name) : "";
  }
  const std::string& body() const { return body_; }
  bool ended() const { return ended_; }
  bool was_reset() const { return reset_; }
  size_t consumed() const { return consumed_; }

 private:
  Dispatcher& dispatcher_;
  std::optional<ResponseHead> head_;
  std::string body_;
  size_t queued_ = 0, room_ = SIZE_MAX, consumed_ = 0;
  bool ended_ = false, reset_ = false;
};

}  // namespace weir
