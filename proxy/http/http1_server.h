// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/http/http1_parser.h"
#include "proxy/http/http1_writer.h"
#include "proxy/http/server_codec.h"

namespace weir {

// HTTP/1.1 and 1.0 at the server's end: one request at a time; what a pipelining client sends
// meanwhile waits in a small buffer, then in its socket.
class Http1Server final : public ServerCodec {
 public:
  explicit Http1Server(const ServerContext& context);
  ~Http1Server() override;

  void Receive(std::string_view bytes) override;
  void ReceiveEnd() override;
  bool wants_bytes() const override;
  void Fill(std::string& out, size_t limit) override;
  void Relieve() override;
  void Lost(const absl::Status& reason) override;
  void Abandon() override;
  void CleanUp() override;
  State state() const override { return state_; }
  size_t streams() const override { return stream_ == nullptr ? 0 : 1; }
  uint64_t streams_begun() const override { return streams_begun_; }
  uint64_t answered_bytes() const override { return answered_bytes_; }
  void Drain() override;
  bool in_head() const override { return stream_ == nullptr && parser_.in_head(); }

 private:
  class Stream;

  void ProcessPending();
  void Process(std::string_view& input);
  bool CanProcess() const;
  void OnHead();
  void OnBody(std::string_view bytes);
  void OnEnd();
  void OnError();
  void OnAnswered();
  void EndTunnel();
  void ResetStream(const absl::Status& reason);
  void RetireStream();
  void Abort();

  // Set once.
  const ServerContext context_;

  Http1Parser parser_;
  std::unique_ptr<Stream> stream_;                 // The request being answered.
  std::vector<std::unique_ptr<Stream>> finished_;  // Destroyed at the end of the round.
  std::string pending_;                            // Came before its turn.
  std::string refusal_;                            // The answer to what was not a request.
  uint64_t streams_begun_ = 0;
  uint64_t answered_bytes_ = 0;
  size_t discarded_ = 0;  // Of a request's body after its answer.
  State state_ = State::kOpen;
  bool draining_ = false;
  bool tell_drain_ = false;
  bool peer_ended_ = false;
  bool abandoned_ = false;
};

}  // namespace weir
