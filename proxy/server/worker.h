// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "proxy/cache/cacher_map.h"
#include "proxy/downstream/authenticator.h"
#include "proxy/downstream/router.h"
#include "proxy/http/server_session.h"
#include "proxy/net/resolver.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls_context.h"
#include "proxy/upstream/upstream.h"

namespace weir {

// What every worker is made of; the shared parts are thread-safe.
struct WorkerSetup {
  StatsRegistry& registry;
  Resolver& resolver;
  UpstreamTarget target;
  UpstreamOptions upstream;
  std::shared_ptr<TokenSource> token;
  UpstreamTls upstream_tls;
  std::shared_ptr<TlsContext> server_tls;  // Towards clients.
  std::string weir_token;
  AuthenticatorOptions authenticator;
  CacherOptions cacher;
  RouterOptions router;
  ServerSessionOptions session;
  std::shared_ptr<ReadFloors> floors;
  SeenSink seen;  // Called on each worker's thread.
  absl::Duration handshake_timeout = absl::Seconds(10);
};

// Counts the turns of a loop that take long enough to be felt.
// REQUIRES: the handle outlives the dispatcher's Run().
[[nodiscard]] HistogramHandle AddLoopStalls(StatsRegistry& registry, Dispatcher& dispatcher,
                                            std::string_view thread);

// One event loop and everything that belongs to it: its connections from clients, its pools
// towards the API server, its caches. Made on the main thread before its loop runs; after that
// only its own thread touches it, but for dispatcher().Post.
class Worker {
 public:
  Worker(int index, const WorkerSetup& setup,
         std::function<std::unique_ptr<FilterChain>(const GroupVersionResource&, FilterChainStats&)>
             new_filters);
  ~Worker();

  Dispatcher& dispatcher() { return *dispatcher_; }
  CacherMap& caches() { return *caches_; }
  Router& router() { return *router_; }
  Upstream& upstream() { return *upstream_; }

  // The worker's thread: runs the loop until its Exit().
  void Run();

  // Any thread: a connection is on its way to Adopt().
  void Reserve() { connections_.fetch_add(1, std::memory_order_relaxed); }
  // On this worker's thread:
  void Adopt(Socket socket);  // A connection from a client.
  // Ends every stream cleanly; `drained` runs when the last connection is gone.
  void Drain(std::function<void()> drained);
  // Calls `reached` once the API server has answered anything.
  void NotifyReached(std::function<void()> reached);

  // Any thread; for spreading connections, those on their way among them.
  int connections() const { return connections_.load(std::memory_order_relaxed); }

 private:
  void OnSessionClosed(ServerSession* session);
  void CheckReached();

  const std::string name_;
  // Order of destruction matters: sessions first, then what their handlers use.
  DispatcherPtr dispatcher_;
  const WorkerSetup setup_;
  HistogramHandle stalls_;
  UpstreamStats upstream_stats_;
  FilterChainStats filter_stats_;
  ServerSessionStats session_stats_;
  std::unique_ptr<Upstream> upstream_;
  std::unique_ptr<CacherMap> caches_;
  std::unique_ptr<Authenticator> authenticator_;
  std::unique_ptr<Router> router_;
  absl::flat_hash_map<ServerSession*, std::unique_ptr<ServerSession>> sessions_;
  std::atomic<int> connections_{0};
  std::function<void()> drained_;
  bool draining_ = false;
  std::function<void()> on_reached_;
  TimerPtr reached_timer_;
};

}  // namespace weir
