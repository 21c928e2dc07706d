// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proxy/http/client_codec.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/http1_writer.h"

namespace weir {

// HTTP/1.1 at the client's end: one request at a time, never pipelined.
class Http1Client final : public ClientCodec {
 public:
  Http1Client(Connection& connection, const ClientPoolOptions& options);

  void Receive(std::string_view bytes) override;
  void ReceiveEnd() override;
  bool wants_bytes() const override { return unconsumed_ < options_.stream_window; }
  void Fill(std::string& out, size_t limit) override;
  void Relieve() override;
  void Lost(const absl::Status& reason) override;
  void Abandon() override { state_ = State::kAborted; }
  void CleanUp() override {}
  State state() const override { return state_; }
  size_t streams() const override { return exchange_ != nullptr || lingering_ ? 1 : 0; }

  uint64_t streams_begun() const override { return streams_begun_; }
  void Start(ClientExchange& exchange) override;
  size_t room() const override;
  size_t limit() const override { return 1; }
  void BodyQueued(ClientExchange& exchange) override;
  void Consumed(ClientExchange& exchange, size_t count) override;
  void Cancel(ClientExchange& exchange) override;
  void Retire() override;
  bool Ping() override { return false; }

 private:
  void OnHead();
  void OnEnd();
  void OnTunnelEnd();
  void OnTunnelSent();
  void Fail(const absl::Status& reason, RequestReach reach);
  RequestReach reach() const;

  // Set once.
  Connection& connection_;
  const ClientPoolOptions& options_;

  Http1Parser parser_;
  State state_ = State::kOpen;
  uint64_t streams_begun_ = 0;
  bool retired_ = false;

  // The exchange under way.
  ClientExchange* exchange_ = nullptr;
  std::string head_text_;
  Http1BodyWriter body_writer_;
  size_t unconsumed_ = 0;
  bool head_sent_ = false;
  bool answer_begun_ = false;
  bool keep_alive_ = false;
  bool tunnel_ = false;
  bool tunnel_half_ended_ = false;  // The server sends no more.
  // A tunnel's last bytes, when its user has ended it and gone.
  bool lingering_ = false;
  OutgoingBody last_out_;
};

}  // namespace weir
