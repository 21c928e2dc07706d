// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/client_pool.h"

#include <algorithm>
#include <deque>
#include <utility>

#include "absl/container/flat_hash_map.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/base/thread_owner.h"
#include "proxy/http/client_connection.h"
#include "proxy/http/posted_call.h"

namespace weir {
namespace {

// Streams that a connection is taken to allow before any server has said so: the least that it
// should (RFC 9113), and what kube-apiserver does.
constexpr size_t kLikelyStreams = 100;

}  // namespace

// The pool itself. Separate from ClientPool, so that the pool may be destroyed by a callback of
// one of its own requests.
class ClientPool::Core final : public Deferred, public ClientExchangeOwner {
 public:
  Core(Dispatcher& dispatcher, Connector connector, const ClientPoolOptions& options,
       ClientPoolStats& stats)
      : dispatcher_(dispatcher),
        connector_(std::move(connector)),
        options_(options),
        stats_(stats),
        pump_soon_(dispatcher, [this] { Pump(); }) {}

  ClientStreamPtr Send(RequestHead head, ResponseHandler& handler);
  void RetireConnections();
  void Shutdown();
  bool busy() const;
  Dispatcher& dispatcher() { return dispatcher_; }

  void Release(ClientExchange& exchange) override;
  void SendAgain(ClientExchange& exchange) override;

 private:
  // While one is on the stack, Core must not be destroyed.
  struct Entry {
    explicit Entry(Core& core) : core(core) { ++core.depth_; }
    ~Entry() { --core.depth_; }
    Core& core;
  };

  void Enqueue(ClientExchange& exchange, bool first);
  void Dequeue(ClientExchange& exchange);
  void Pump();
  void DialForWaiting();
  void Dial(const std::vector<std::string>& alpn, ClientExchange* reserved);
  ClientConnection* FindRoom();
  void OnConnected(ClientConnection& connection);
  void OnClosed(ClientConnection& connection, const absl::Status& reason);
  void FailWaiting(const absl::Status& reason);
  void Remove(ClientConnection& connection);

  // Set once.
  Dispatcher& dispatcher_;
  const Connector connector_;
  const ClientPoolOptions options_;
  ClientPoolStats& stats_;
  ThreadOwner thread_;

  PostedCall pump_soon_;
  absl::flat_hash_map<ClientExchange*, std::unique_ptr<ClientExchange>> exchanges_;
  // Destroyed before the exchanges that they point to.
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::deque<ClientExchange*> waiting_;       // For a connection.
  std::vector<ClientExchange*> turned_away_;  // To be told that too many wait.
  int depth_ = 0;
  // What the server was like last.
  bool http1_only_ = false;
  size_t likely_limit_ = kLikelyStreams;
  bool shut_down_ = false;
};

ClientStreamPtr ClientPool::Core::Send(RequestHead head, ResponseHandler& handler) {
  thread_.Check();
  stats_.requests->Add();
  stats_.open_streams->Add(1);
  auto owned = std::make_unique<ClientExchange>(*this, std::move(head), handler);
  ClientExchange& exchange = *owned;
  exchanges_.emplace(&exchange, std::move(owned));
  ClientStreamPtr handle = exchange.NewHandle();
  if (exchange.upgrade()) {
    Dial({"http/1.1"}, &exchange);
  } else if (waiting_.size() >= options_.max_pending) {
    turned_away_.push_back(&exchange);
    pump_soon_.Schedule();
  } else if (ClientConnection* connection = waiting_.empty() ? FindRoom() : nullptr) {
    connection->Start(exchange);
  } else {
    Enqueue(exchange, false);
    DialForWaiting();
  }
  return handle;
}

void ClientPool::Core::Enqueue(ClientExchange& exchange, bool first) {
  exchange.set_waiting(true);
  first ? waiting_.push_front(&exchange) : waiting_.push_back(&exchange);
  stats_.pending->Add(1);
}

void ClientPool::Core::Dequeue(ClientExchange& exchange) {
  if (!exchange.waiting()) return;
  exchange.set_waiting(false);
  std::erase(waiting_, &exchange);
  stats_.pending->Add(-1);
}

void ClientPool::Core::SendAgain(ClientExchange& exchange) {
  if (shut_down_) return;
  if (exchange.upgrade()) return Dial({"http/1.1"}, &exchange);
  Enqueue(exchange, true);
  pump_soon_.Schedule();
}

void ClientPool::Core::Release(ClientExchange& exchange) {
  if (shut_down_) return;
  const auto it = exchanges_.find(&exchange);
  if (it == exchanges_.end()) return;
  stats_.open_streams->Add(-1);
  Dequeue(exchange);
  std::erase(turned_away_, &exchange);
  dispatcher_.DeferDelete(std::move(it->second));
  exchanges_.erase(it);
  if (!exchange.upgrade()) return;
  // Nobody waits for the connection that was being made for it.
  for (const auto& connection : connections_) {
    if (connection->reserved() != &exchange || connection->connected()) continue;
    connection->Abandon();
    return Remove(*connection);
  }
}

void ClientPool::Core::Pump() {
  if (shut_down_) return;
  const Entry entry(*this);
  for (ClientExchange* exchange : std::exchange(turned_away_, {})) {
    exchange->Fail(LimitError(StrCat(options_.max_pending,
                                     " requests already wait for a "
                                     "connection to the API server")),
                   false);
    if (shut_down_) return;
  }
  while (!waiting_.empty()) {
    ClientConnection* connection = FindRoom();
    if (connection == nullptr) break;
    ClientExchange& exchange = *waiting_.front();
    Dequeue(exchange);
    connection->Start(exchange);
  }
  DialForWaiting();
}

ClientConnection* ClientPool::Core::FindRoom() {
  for (const auto& connection : connections_) {
    if (connection->room() > 0) return connection.get();
  }
  return nullptr;
}

void ClientPool::Core::DialForWaiting() {
  if (waiting_.empty()) return;
  size_t coming = 0;
  size_t open = 0;
  for (const auto& connection : connections_) {
    if (connection->reserved() != nullptr) continue;
    ++open;
    if (connection->connected()) {
      http1_only_ = !connection->http2();
      likely_limit_ = std::max<size_t>(1, connection->limit());
    } else {
      coming += connection->limit();
    }
  }
  while (waiting_.size() > coming && (!http1_only_ || open < options_.max_http1_connections)) {
    Dial({"h2", "http/1.1"}, nullptr);
    coming += likely_limit_;
    ++open;
  }
}

void ClientPool::Core::Dial(const std::vector<std::string>& alpn, ClientExchange* reserved) {
  connections_.push_back(std::make_unique<ClientConnection>(
      dispatcher_, connector_, options_, stats_,
      ClientConnection::Hooks{
          .connected = [this](ClientConnection& c) { OnConnected(c); },
          .settled = [this] { Pump(); },
          .closed = [this](ClientConnection& c, absl::Status reason) { OnClosed(c, reason); }}));
  connections_.back()->Dial(alpn, likely_limit_, reserved);
}

void ClientPool::Core::OnConnected(ClientConnection& connection) {
  if (shut_down_) return;
  const Entry entry(*this);
  if (ClientExchange* exchange = connection.reserved()) {
    if (!connection.http2()) return connection.Start(*exchange);
    connection.Retire();
    return exchange->Fail(UnavailableError("the API server does not speak HTTP/1.1, which a "
                                           "protocol upgrade needs"),
                          false);
  }
  Pump();
}

void ClientPool::Core::OnClosed(ClientConnection& connection, const absl::Status& reason) {
  if (shut_down_) return;
  const Entry entry(*this);
  const bool was_connected = connection.connected();
  ClientExchange* const reserved = connection.reserved();
  Remove(connection);
  if (was_connected) return Pump();
  stats_.connect_failures->Add();
  if (reserved == nullptr) return FailWaiting(reason);
  reserved->Fail(reason, false);
}

// No new attempt is made for requests that have waited in vain: whoever sent them knows best
// when to come back, and a server in trouble is not hammered.
void ClientPool::Core::FailWaiting(const absl::Status& reason) {
  const std::deque<ClientExchange*> waiting = waiting_;
  for (ClientExchange* exchange : waiting) {
    exchange->Fail(reason, false);
    if (shut_down_) return;
  }
}

void ClientPool::Core::Remove(ClientConnection& connection) {
  const auto it = std::find_if(connections_.begin(), connections_.end(),
                               [&](const auto& other) { return other.get() == &connection; });
  if (it == connections_.end()) return;
  dispatcher_.DeferDelete(std::move(*it));
  connections_.erase(it);
}

void ClientPool::Core::RetireConnections() {
  std::vector<ClientConnection*> unconnected;
  for (const auto& connection : connections_) {
    if (connection->connected()) {
      connection->Retire();
    } else if (connection->reserved() == nullptr) {
      unconnected.push_back(connection.get());
    }
  }
  for (ClientConnection* connection : unconnected) {
    connection->Abandon();
    Remove(*connection);
  }
  pump_soon_.Schedule();
}

void ClientPool::Core::Shutdown() {
  shut_down_ = true;
  pump_soon_.Cancel();
  stats_.open_streams->Add(-static_cast<int64_t>(exchanges_.size()));
  stats_.pending->Add(-static_cast<int64_t>(waiting_.size()));
  for (const auto& [key, exchange] : exchanges_) exchange->Abandon();
  for (const auto& connection : connections_) connection->Abandon();
}

bool ClientPool::Core::busy() const {
  return depth_ > 0 || std::any_of(connections_.begin(), connections_.end(),
                                   [](const auto& connection) { return connection->busy(); });
}

ClientPool::ClientPool(Dispatcher& dispatcher, Connector connector,
                       const ClientPoolOptions& options, ClientPoolStats& stats)
    : core_(std::make_unique<Core>(dispatcher, std::move(connector), options, stats)) {}

ClientPool::~ClientPool() {
  core_->Shutdown();
  Dispatcher& dispatcher = core_->dispatcher();
  if (core_->busy()) dispatcher.DeferDelete(std::move(core_));
}

ClientStreamPtr ClientPool::Send(RequestHead head, ResponseHandler& handler) {
  return core_->Send(std::move(head), handler);
}

void ClientPool::RetireConnections() { core_->RetireConnections(); }

ClientPoolStats::ClientPoolStats(StatsRegistry& registry, const StatsLabels& labels)
    : connects(registry.AddCounter("weir_http_client_connects_total",
                                   "Connections made to the API server.", labels)),
      connect_failures(registry.AddCounter("weir_http_client_connect_failures_total",
                                           "Connections that could not be made.", labels)),
      requests(registry.AddCounter("weir_http_client_requests_total",
                                   "Requests sent to the API server.", labels)),
      pings(registry.AddCounter("weir_http_client_pings_total",
                                "PINGs sent because a connection was silent.", labels)),
      ping_timeouts(registry.AddCounter("weir_http_client_ping_timeouts_total",
                                        "Connections given up because a PING was not answered.",
                                        labels)),
      goaways(registry.AddCounter("weir_http_client_goaways_total",
                                  "Connections that the API server asked to leave.", labels)),
      bytes_sent(registry.AddCounter("weir_http_client_sent_bytes_total",
                                     "Bytes sent to the API server, before TLS.", labels)),
      bytes_received(registry.AddCounter("weir_http_client_received_bytes_total",
                                         "Bytes received from the API server, after TLS.", labels)),
      open_connections(registry.AddGauge("weir_http_client_open_connections",
                                         "Connections to the API server now.", labels)),
      open_streams(registry.AddGauge("weir_http_client_open_streams",
                                     "Requests sent or waiting, not yet answered.", labels)),
      pending(registry.AddGauge("weir_http_client_pending_requests",
                                "Requests waiting for a connection.", labels)) {}

}  // namespace weir
