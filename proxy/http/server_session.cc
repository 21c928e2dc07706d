// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/server_session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/http/server_codec.h"

namespace weir {
namespace {

// What an HTTP/2 client says first.
constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

// The session itself. Separate from what its owner holds, so that the owner may let go of it
// while one of its handlers is on the stack.
class SessionCore final : public Deferred {
 public:
  SessionCore(Dispatcher& dispatcher, ByteStreamPtr stream, const ServerSessionOptions& options,
              ServerSessionStats& stats, HandlerFactory factory, std::function<void()> closed)
      : options_(options),
        stats_(stats),
        factory_(std::move(factory)),
        closed_(std::move(closed)),
        head_timer_(dispatcher.CreateTimer([this] { OnHeadTimeout(); })),
        idle_timer_(dispatcher.CreateTimer([this] { OnIdleTimer(); })),
        stall_timer_(dispatcher.CreateTimer([this] { OnStallTimer(); })),
        connection_(dispatcher, std::move(stream),
                    {.linger = true,
                     .bytes_sent = stats.bytes_sent.get(),
                     .bytes_received = stats.bytes_received.get()},
                    {.connected = [this](absl::Status s) { OnConnected(s); },
                     .sniff = [this](std::string_view bytes) { OnSniff(bytes); },
                     .settled = [this] { OnSettled(); },
                     .closed = [this](absl::Status s) { OnClosed(s); }}) {
    stats_.connections->Add();
    stats_.open_connections->Add(1);
    idle_since_ = accepted_ = dispatcher.Now();
    idle_timer_->Enable(options_.idle_timeout);
  }
  ~SessionCore() override { Leave(); }

  void Abandon() {
    Leave();
    connection_.Abandon();
  }
  void Drain() {
    draining_ = true;
    if (codec_ != nullptr) return codec_->Drain();
    idle_timer_->Enable(absl::ZeroDuration());
  }
  bool busy() const { return connection_.busy(); }
  MonotonicTime last_moved() const {
    return std::max({accepted_, connection_.last_received(), connection_.last_sent()});
  }

 private:
  void OnConnected(const absl::Status& status);
  void OnSniff(std::string_view bytes);
  void OnSettled();
  void OnClosed(const absl::Status& reason);
  void OnHeadTimeout();
  void OnIdleTimer();
  void OnStallTimer();
  void UseCodec(bool http2);
  void Leave();

  // Set once.
  const ServerSessionOptions options_;
  ServerSessionStats& stats_;
  const HandlerFactory factory_;
  const std::function<void()> closed_;

  const TimerPtr head_timer_;
  const TimerPtr idle_timer_;   // Runs always; looks at idle_since_ when it fires.
  const TimerPtr stall_timer_;  // Runs while streams are open.
  MonotonicTime accepted_;
  MonotonicTime idle_since_;
  uint64_t answered_bytes_ = 0;  // When stall_timer_ began.
  uint64_t streams_begun_ = 0;
  bool idle_ = true;
  bool draining_ = false;
  bool left_ = false;  // The statistics no longer count it.
  std::string sniffed_;
  // Handlers and writers live in the codec, and writers use the connection.
  Connection connection_;
  std::unique_ptr<ServerCodec> codec_;
};

void SessionCore::UseCodec(bool http2) {
  const ServerContext context = {connection_, options_, stats_, factory_};
  codec_ = http2 ? NewHttp2Server(context) : NewHttp1Server(context);
  connection_.SetCodec(*codec_);
}

void SessionCore::OnConnected(const absl::Status& status) {
  if (!status.ok()) return;
  if (connection_.alpn() == "h2") {
    UseCodec(true);
  } else if (connection_.alpn() == "http/1.1") {
    UseCodec(false);
  }
}

void SessionCore::OnSniff(std::string_view bytes) {
  sniffed_.append(bytes);
  const size_t compared = std::min(sniffed_.size(), kPreface.size());
  const bool like = sniffed_.compare(0, compared, kPreface, 0, compared) == 0;
  if (like && compared < kPreface.size()) return;
  UseCodec(like);
  codec_->Receive(std::exchange(sniffed_, {}));
}

void SessionCore::OnSettled() {
  const bool in_head = codec_ == nullptr ? !sniffed_.empty() : codec_->in_head();
  if (!in_head) {
    head_timer_->Disable();
  } else if (!head_timer_->enabled()) {
    head_timer_->Enable(options_.header_timeout);
  }
  const bool was_idle = std::exchange(idle_, codec_ == nullptr || codec_->streams() == 0);
  if (was_idle && !idle_ && options_.stall_timeout < absl::InfiniteDuration()) {
    answered_bytes_ = codec_->answered_bytes();
    stall_timer_->Enable(options_.stall_timeout);
  }
  const uint64_t begun = codec_ == nullptr ? 0 : codec_->streams_begun();
  // A request may begin and end within one round.
  if (!idle_ || begun != streams_begun_) idle_since_ = connection_.dispatcher().Now();
  streams_begun_ = begun;
}

void SessionCore::OnClosed(const absl::Status& reason) {
  LogDebug("client connection closed",
           {{"client", connection_.peer()}, {"reason", MessageOf(reason)}});
  Leave();
  closed_();
}

void SessionCore::OnHeadTimeout() {
  stats_.header_timeouts->Add();
  connection_.Close(TimeoutError("the request's head did not come in time"));
}

void SessionCore::OnIdleTimer() {
  if (codec_ == nullptr && draining_) return connection_.Close(CancelledError("Weir is stopping"));
  const absl::Duration idle_for =
      idle_ ? connection_.dispatcher().Now() - idle_since_ : absl::ZeroDuration();
  if (idle_for < options_.idle_timeout)
    return idle_timer_->Enable(options_.idle_timeout - idle_for);
  // A client that does not even read its GOAWAY gets no second chance.
  if (codec_ == nullptr || draining_ || codec_->state() != Codec::State::kOpen) {
    return connection_.Close(TimeoutError("the connection was idle"));
  }
  stats_.idle_closed->Add();
  idle_timer_->Enable(options_.idle_timeout);
  Drain();
}

void SessionCore::OnStallTimer() {
  if (idle_) return;
  const uint64_t before = std::exchange(answered_bytes_, codec_->answered_bytes());
  if (answered_bytes_ != before) return stall_timer_->Enable(options_.stall_timeout);
  stats_.stalled_closed->Add();
  connection_.Close(TimeoutError("the client takes nothing of its answer"));
}

void SessionCore::Leave() {
  if (std::exchange(left_, true)) return;
  stats_.open_connections->Add(-1);
  head_timer_->Disable();
  idle_timer_->Disable();
  stall_timer_->Disable();
}

class OwnedSession final : public ServerSession {
 public:
  OwnedSession(Dispatcher& dispatcher, ByteStreamPtr stream, const ServerSessionOptions& options,
               ServerSessionStats& stats, HandlerFactory factory,
               std::function<void(ServerSession*)> closed)
      : dispatcher_(dispatcher),
        core_(std::make_unique<SessionCore>(dispatcher, std::move(stream), options, stats,
                                            std::move(factory),
                                            [this, closed = std::move(closed)] { closed(this); })) {
  }
  ~OwnedSession() override {
    const bool busy = core_->busy();
    core_->Abandon();
    if (busy) dispatcher_.DeferDelete(std::move(core_));
  }
  void Drain() override { core_->Drain(); }
  MonotonicTime last_moved() const override { return core_->last_moved(); }

 private:
  Dispatcher& dispatcher_;
  std::unique_ptr<SessionCore> core_;
};

}  // namespace

ServerSessionStats::ServerSessionStats(StatsRegistry& registry, const StatsLabels& labels)
    : connections(registry.AddCounter("weir_http_server_connections_total",
                                      "Connections accepted from clients.", labels)),
      requests(
          registry.AddCounter("weir_http_server_requests_total", "Requests from clients.", labels)),
      protocol_errors(registry.AddCounter("weir_http_server_protocol_errors_total",
                                          "Clients' violations of HTTP.", labels)),
      header_limit(registry.AddCounter("weir_http_server_header_limit_total",
                                       "Requests refused because their headers were too large.",
                                       labels)),
      header_timeouts(registry.AddCounter(
          "weir_http_server_header_timeouts_total",
          "Connections closed because a request's head did not come in time.", labels)),
      idle_closed(registry.AddCounter("weir_http_server_idle_closed_total",
                                      "Connections closed because they were idle.", labels)),
      stalled_closed(registry.AddCounter(
          "weir_http_server_stalled_closed_total",
          "Connections closed because the client took nothing of its answers.", labels)),
      bytes_sent(registry.AddCounter("weir_http_server_sent_bytes_total",
                                     "Bytes sent to clients, before TLS.", labels)),
      bytes_received(registry.AddCounter("weir_http_server_received_bytes_total",
                                         "Bytes received from clients, after TLS.", labels)),
      open_connections(registry.AddGauge("weir_http_server_open_connections",
                                         "Connections with clients now.", labels)),
      open_streams(registry.AddGauge("weir_http_server_open_streams",
                                     "Requests being answered now.", labels)) {}

std::unique_ptr<ServerSession> NewServerSession(Dispatcher& dispatcher, ByteStreamPtr stream,
                                                const ServerSessionOptions& options,
                                                ServerSessionStats& stats, HandlerFactory factory,
                                                std::function<void(ServerSession*)> closed) {
  return std::make_unique<OwnedSession>(dispatcher, std::move(stream), options, stats,
                                        std::move(factory), std::move(closed));
}

}  // namespace weir
