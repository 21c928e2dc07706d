// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

#include "proxy/admin/admin_handler.h"
#include "proxy/net/certificate_authority.h"
#include "proxy/net/listener.h"
#include "proxy/profile/profiler.h"
#include "proxy/record/flight_recorder.h"
#include "proxy/server/client_directory.h"
#include "proxy/server/config.h"
#include "proxy/server/rendezvous.h"
#include "proxy/server/worker.h"

namespace weir {

// Makes the filters of one Cacher; from filters/registry.h by way of main.cc.
using NewFilters = std::function<std::unique_ptr<FilterChain>(const GroupVersionResource& resource,
                                                              FilterChainStats& stats)>;

// Builds everything, owns it, runs it. The main thread has a dispatcher of its own for what is
// not data: signals, accepting, the admin port, the client directory. Workers have one thread
// each and share nothing but the registry, the resolver and the token.
class Server {
 public:
  // Binds both ports, makes the certificates, writes the client directory. The error says what to
  // check. REQUIRES: `config` has been validated.
  static absl::StatusOr<std::unique_ptr<Server>> Create(const Config& config, UpstreamTarget target,
                                                        std::string namespace_name,
                                                        NewFilters new_filters);
  ~Server();

  // Serves until SIGTERM or SIGINT and the drain that follows. OK: drained in time or by the
  // deadline.
  absl::Status Run();

  const Address& listen_address() const { return listener_->local_address(); }
  const Address& admin_address() const { return admin_listener_->local_address(); }

 private:
  Server(const Config& config, NewFilters new_filters);

  absl::Status Listen();
  absl::Status MakeWorkers(UpstreamTarget target);
  absl::Status PrepareClients(const UpstreamTarget& target, const std::string& namespace_name);
  void Accept(Socket socket);
  void AcceptAdmin(Socket socket);
  void EvictAdminSession();
  void RemoveAdminSession(ServerSession* session);
  void StartWorkers();
  void StopWorkers();
  void RefreshToken();
  void ProfileIfSlow(const LagHistory::Slowest& slowest);
  void BeginDrain();
  void OnWorkerDrained();
  std::vector<std::pair<std::string, bool>> Readiness() const;

  const Config config_;
  const NewFilters new_filters_;
  StatsRegistry registry_;
  Resolver resolver_;
  DispatcherPtr dispatcher_;
  std::unique_ptr<Listener> listener_, admin_listener_;
  std::shared_ptr<TokenSource> token_;
  std::string weir_token_, written_token_;
  std::shared_ptr<TlsContext> server_tls_;
  std::string ca_pem_;
  ClientDirectory client_directory_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Rendezvous loops_stopped_, caches_stopped_;
  std::vector<std::thread> threads_;
  ServerSessionStats admin_stats_;
  CounterHandle accept_failures_, connections_refused_, admin_evictions_;
  GaugeHandle started_;
  HistogramHandle main_stalls_;
  Profiler profiler_;
  LagHistory lag_;
  FlightRecorder recorder_;
  AnswerLimits admin_limits_;
  AdminSources admin_sources_;
  struct AdminSession {
    std::unique_ptr<ServerSession> session;
    uint64_t number;  // Counts up.
  };
  absl::flat_hash_map<ServerSession*, AdminSession> admin_sessions_;
  uint64_t admin_sessions_begun_ = 0;
  TimerPtr token_timer_, drain_timer_;
  SignalEventPtr sigterm_, sigint_;
  bool client_directory_written_ = false, draining_ = false;
  size_t workers_reached_ = 0;
  size_t workers_draining_ = 0;
};

}  // namespace weir
