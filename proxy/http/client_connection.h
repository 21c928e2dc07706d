// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/http/client_codec.h"
#include "proxy/http/client_pool.h"
#include "proxy/http/connection.h"

namespace weir {

// A connection of a ClientPool from the first look-up of its name on: dials, speaks what ALPN
// says, sends PINGs into silence, closes when idle.
class ClientConnection final : public Deferred {
 public:
  struct Hooks {
    std::function<void(ClientConnection&)> connected;
    std::function<void()> settled;  // Room may have changed.
    // Once, as the last act; never after Abandon().
    std::function<void(ClientConnection&, absl::Status)> closed;
  };

  ClientConnection(Dispatcher& dispatcher, const Connector& connector,
                   const ClientPoolOptions& options, ClientPoolStats& stats, Hooks hooks);
  ~ClientConnection() override;

  // REQUIRES: called once. `reserved`: the only request it is for, or null.
  void Dial(const std::vector<std::string>& alpn, size_t likely_limit, ClientExchange* reserved);
  // REQUIRES: room() > 0.
  void Start(ClientExchange& exchange) { codec_->Start(exchange); }
  void Retire();
  void Abandon();

  size_t room() const { return connected() && reserved_ == nullptr ? codec_->room() : 0; }
  // Requests that may be under way at once, as far as is known.
  size_t limit() const { return connected() ? codec_->limit() : likely_limit_; }
  bool connected() const { return codec_ != nullptr; }
  bool http2() const { return http2_; }
  ClientExchange* reserved() const { return reserved_; }
  bool busy() const { return busy_ || (connection_ != nullptr && connection_->busy()); }

 private:
  void OnDialed(absl::StatusOr<ByteStreamPtr> stream);
  void OnConnectTimeout();
  void OnConnected(const absl::Status& status);
  void OnSettled();
  void OnClosed(const absl::Status& reason);
  void OnTimer();
  void ArmTimer();
  bool CheckAlive(MonotonicTime now);

  // Set once.
  Dispatcher& dispatcher_;
  const Connector& connector_;
  const ClientPoolOptions& options_;
  ClientPoolStats& stats_;
  const Hooks hooks_;
  size_t likely_limit_ = 0;
  ClientExchange* reserved_ = nullptr;

  const TimerPtr timer_;  // Connecting: the limit. Then: PINGs and idleness.
  RequestHandle dial_;
  bool busy_ = false;
  bool over_ = false;
  bool http2_ = false;
  bool retired_ = false;
  bool idle_ = false;
  bool ping_sent_ = false;
  MonotonicTime pinged_at_;
  uint64_t reads_before_ping_ = 0;
  uint64_t streams_begun_ = 0;
  MonotonicTime idle_since_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<ClientCodec> codec_;  // Uses connection_.
};

}  // namespace weir
