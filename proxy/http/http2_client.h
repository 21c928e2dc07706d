// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "proxy/http/client_codec.h"
#include "proxy/http/http2_session.h"

namespace weir {

// HTTP/2 at the client's end.
class Http2Client final : public Http2Session, public ClientCodec {
 public:
  Http2Client(Connection& connection, const ClientPoolOptions& options, ClientPoolStats& stats,
              size_t likely_limit);
  ~Http2Client() override;

  void Start(ClientExchange& exchange) override;
  size_t room() const override;
  size_t limit() const override { return limit_; }
  void BodyQueued(ClientExchange& exchange) override;
  void Consumed(ClientExchange& exchange, size_t count) override;
  void Cancel(ClientExchange& exchange) override;
  void Retire() override;
  bool Ping() override;

 private:
  // The connection's side of an exchange. Outlives it when it was cancelled.
  struct Request final : Stream {
    ClientExchange* exchange = nullptr;
    ResponseHead head;
    bool head_done = false;  // The final head has come; another block holds trailers.
  };

  std::unique_ptr<Stream> NewStream(int32_t id) override;
  void OnField(Stream& stream, std::string_view name, std::string_view value) override;
  void OnHeaders(Stream& stream) override;
  void OnData(Stream& stream, std::string_view bytes) override;
  void OnRemoteEnd(Stream& stream) override;
  void OnStreamClosed(Stream& stream, uint32_t error) override;
  void OnRelief(Stream& stream) override;
  void OnLost(Stream& stream, const absl::Status& reason) override;
  void OnControlFrame(const nghttp2_frame& frame) override;
  void OnNotSent(Stream& stream) override;

  Request* Of(const ClientExchange& exchange);
  static ClientExchange* Detach(Request& request);
  void CloseIfDone();
  void OnSettings();

  // Set once.
  ClientPoolStats& stats_;

  size_t limit_;  // Of streams.
  bool retired_ = false;
};

}  // namespace weir
