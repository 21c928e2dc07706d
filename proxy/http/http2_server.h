// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "proxy/http/http2_session.h"
#include "proxy/http/server_codec.h"

namespace weir {

// HTTP/2 at the server's end.
class Http2Server final : public Http2Session, public ServerCodec {
 public:
  explicit Http2Server(const ServerContext& context);
  ~Http2Server() override;

  void Receive(std::string_view bytes) override;
  void Relieve() override;
  void Abandon() override;
  void Drain() override;
  bool in_head() const override { return in_header_block(); }
  uint64_t answered_bytes() const override { return body_bytes(); }

 private:
  class Exchange;

  std::unique_ptr<Stream> NewStream(int32_t id) override;
  void OnField(Stream& stream, std::string_view name, std::string_view value) override;
  void OnHeaders(Stream& stream) override;
  void OnData(Stream& stream, std::string_view bytes) override;
  void OnRemoteEnd(Stream& stream) override;
  void OnLocalEnd(Stream& stream) override;
  void OnStreamClosed(Stream& stream, uint32_t error) override;
  void OnRelief(Stream& stream) override;
  void OnLost(Stream& stream, const absl::Status& reason) override;
  void OnControlFrame(const nghttp2_frame& frame) override;

  void StartRequest(Exchange& exchange);
  void Refuse(Exchange& exchange, const absl::Status& error);
  void Forget(size_t streams);

  // Set once.
  const ServerContext context_;

  TimerPtr drain_timer_;
  uint64_t errors_counted_ = 0;
  bool draining_ = false;
  bool tell_drain_ = false;  // Some handler has not heard of it.
};

}  // namespace weir
