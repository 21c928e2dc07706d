// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client_connection.h"

#include <algorithm>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {

ClientConnection::ClientConnection(Dispatcher& dispatcher, const Connector& connector,
                                   const ClientPoolOptions& options, ClientPoolStats& stats,
                                   Hooks hooks)
    : dispatcher_(dispatcher),
      connector_(connector),
      options_(options),
      stats_(stats),
      hooks_(std::move(hooks)),
      timer_(dispatcher.CreateTimer([this] { connected() ? OnTimer() : OnConnectTimeout(); })) {}

ClientConnection::~ClientConnection() = default;

void ClientConnection::Dial(const std::vector<std::string>& alpn, size_t likely_limit,
                            ClientExchange* reserved) {
  likely_limit_ = likely_limit;
  reserved_ = reserved;
  timer_->Enable(options_.connect_timeout);
  dial_ = connector_(alpn, [this](absl::StatusOr<ByteStreamPtr> s) { OnDialed(std::move(s)); });
}

void ClientConnection::OnDialed(absl::StatusOr<ByteStreamPtr> stream) {
  if (over_) return;
  busy_ = true;
  if (stream.ok()) {
    connection_ = std::make_unique<Connection>(
        dispatcher_, *std::move(stream),
        Connection::Options{.bytes_sent = stats_.bytes_sent.get(),
                            .bytes_received = stats_.bytes_received.get()},
        Connection::Hooks{.connected = [this](absl::Status s) { OnConnected(s); },
                          .sniff = nullptr,
                          .settled = [this] { OnSettled(); },
                          .closed = [this](absl::Status s) { OnClosed(s); }});
  } else {
    OnClosed(stream.status());
  }
  busy_ = false;
}

void ClientConnection::OnConnectTimeout() {
  const absl::Status reason = UnavailableError(
      StrCat("no connection within ", absl::FormatDuration(options_.connect_timeout),
             "; is the API server reachable from here?"));
  if (connection_ != nullptr) return connection_->Close(reason);
  busy_ = true;
  OnClosed(reason);
  busy_ = false;
}

void ClientConnection::OnConnected(const absl::Status& status) {
  if (!status.ok()) return;  // OnClosed follows.
  stats_.connects->Add();
  stats_.open_connections->Add(1);
  http2_ = connection_->alpn() == "h2";
  codec_ = http2_ ? NewHttp2Client(*connection_, options_, stats_, likely_limit_)
                  : NewHttp1Client(*connection_, options_);
  connection_->SetCodec(*codec_);
  idle_ = true;
  idle_since_ = dispatcher_.Now();
  ArmTimer();
  hooks_.connected(*this);
}

void ClientConnection::OnSettled() {
  if (!connected()) return;
  const bool idle = codec_->streams() == 0;
  // A request may begin and end within one round.
  if (idle && (!idle_ || codec_->streams_begun() != streams_begun_)) {
    idle_since_ = dispatcher_.Now();
    idle_ = true;
    ArmTimer();
  }
  idle_ = idle;
  streams_begun_ = codec_->streams_begun();
  hooks_.settled();
}

void ClientConnection::OnClosed(const absl::Status& reason) {
  if (std::exchange(over_, true)) return;
  timer_->Disable();
  if (connected()) stats_.open_connections->Add(-1);
  hooks_.closed(*this, reason);
}

void ClientConnection::Retire() {
  retired_ = true;
  if (connected()) codec_->Retire();
}

void ClientConnection::Abandon() {
  if (std::exchange(over_, true)) return;
  timer_->Disable();
  if (connected()) stats_.open_connections->Add(-1);
  if (connection_ != nullptr) connection_->Abandon();
}

void ClientConnection::OnTimer() {
  const MonotonicTime now = dispatcher_.Now();
  if (!CheckAlive(now)) return;
  if (idle_ && now - idle_since_ >= options_.idle_timeout) {
    // Asked once already: the server does not take its GOAWAY.
    if (retired_) return connection_->Close(UnavailableError("the connection was idle"));
    Retire();
    idle_since_ = now;
  }
  ArmTimer();
}

// PINGs into silence; false when the silence was too long and the connection is gone.
bool ClientConnection::CheckAlive(MonotonicTime now) {
  const MonotonicTime heard = connection_->last_received();
  if (connection_->reads() != reads_before_ping_) ping_sent_ = false;
  if (ping_sent_ && now - pinged_at_ >= options_.ping_timeout) {
    stats_.ping_timeouts->Add();
    connection_->Close(UnavailableError(
        StrCat(connection_->peer(), " has been silent for ", absl::FormatDuration(now - heard),
               " and does not answer a PING; the connection is given up")));
    return false;
  }
  if (!ping_sent_ && now - heard >= options_.ping_after && codec_->Ping()) {
    stats_.pings->Add();
    ping_sent_ = true;
    pinged_at_ = now;
    reads_before_ping_ = connection_->reads();
  }
  return true;
}

void ClientConnection::ArmTimer() {
  MonotonicTime next = dispatcher_.Now() + options_.idle_timeout;
  if (idle_) next = std::min(next, idle_since_ + options_.idle_timeout);
  if (ping_sent_) {
    next = std::min(next, pinged_at_ + options_.ping_timeout);
  } else if (http2_) {
    next = std::min(next, connection_->last_received() + options_.ping_after);
  }
  timer_->Enable(next - dispatcher_.Now());
}

}  // namespace weir
