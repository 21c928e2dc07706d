// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/server.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "absl/time/clock.h"

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/streams.h"
#include "proxy/server/gather.h"
#include "proxy/server/options.h"

namespace weir {
namespace {

// The names by which in-cluster programs know the API server, so that any of them may be pointed
// here.
std::vector<std::string> CertificateNames(const Address& listen, const UpstreamTarget& target) {
  std::vector<std::string> names = {"localhost",
                                    "127.0.0.1",
                                    "::1",
                                    "kubernetes",
                                    "kubernetes.default",
                                    "kubernetes.default.svc",
                                    "kubernetes.default.svc.cluster.local"};
  for (const std::string& name : {listen.ip(), target.host}) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

absl::StatusOr<UpstreamTls> MakeUpstreamTls(const UpstreamTarget& target) {
  UpstreamTls made;
  if (!target.tls) return made;
  TlsClientOptions options{.ca_pem = target.ca_pem,
                           .ca_source = target.ca_source,
                           .insecure = target.insecure_skip_tls_verify};
  WEIR_ASSIGN_OR_RETURN(
      made.callers,
      ClientTls::New(options, {.ca = target.files.ca, .certificate = "", .private_key = ""}));
  options.certificate_pem = target.client_certificate_pem;
  options.private_key_pem = target.client_key_pem;
  WEIR_ASSIGN_OR_RETURN(made.own, ClientTls::New(std::move(options), target.files));
  return made;
}

absl::StatusOr<std::shared_ptr<TokenSource>> MakeTokenSource(const UpstreamTarget& target) {
  if (!target.token_file.empty()) return TokenSource::FromFile(target.token_file);
  return TokenSource::Fixed(target.token);
}

absl::StatusOr<Socket> ListenOn(std::string_view what, const std::string& host_port) {
  WEIR_ASSIGN_OR_RETURN(const Address address, Address::Parse(host_port));
  absl::StatusOr<Socket> socket = Socket::Listen(address, false);
  if (!socket.ok()) return Annotate(socket.status(), what);
  return socket;
}

// More for the admin port than scrapers and probes need, less than would be worth an attack.
constexpr size_t kMaxAdminConnections = 256;
constexpr uint32_t kMaxAdminStreams = 16;  // Of HTTP/2, for each.
// Longer than the longest profile takes.
constexpr absl::Duration kAdminStall = absl::Seconds(40);
static_assert(kAdminStall > absl::Seconds(ProfileQuery::kMaxSeconds));

}  // namespace

Server::Server(const Config& config, NewFilters new_filters)
    : config_(config),
      new_filters_(std::move(new_filters)),
      dispatcher_(NewDispatcher("main")),
      client_directory_(config.client_dir),
      loops_stopped_(config.concurrency + 1),
      caches_stopped_(config.concurrency),
      admin_stats_(registry_, {{"listener", "admin"}}),
      accept_failures_(registry_.AddCounter("weir_server_accept_failures_total",
                                            "Connections that could not be accepted.")),
      connections_refused_(registry_.AddCounter(
          "weir_server_connections_refused_total",
          "Connections closed at once: downstream.maxConnections was reached.")),
      admin_evictions_(registry_.AddCounter(
          "weir_server_admin_evictions_total",
          "Connections to the admin port closed for a new one: there were 256.")),
      started_(registry_.AddGauge("weir_server_start_time_seconds",
                                  "When this Weir started, in seconds since 1970.")),
      main_stalls_(AddLoopStalls(registry_, *dispatcher_, "main")),
      profiler_(*dispatcher_),
      lag_(
          *dispatcher_, registry_,
          config_.record.slow_dispatch == absl::ZeroDuration()
              ? std::function<void(const LagHistory::Slowest&)>()
              : [this](const LagHistory::Slowest& s) { ProfileIfSlow(s); }),
      recorder_(*dispatcher_, registry_),
      admin_limits_(*dispatcher_, registry_),
      admin_sources_{.registry = registry_,
                     .limits = admin_limits_,
                     .streams = {},
                     .caches = {},
                     .clients = {},
                     .changes = {},
                     .readiness = [this] { return Readiness(); },
                     .lag = [this]() -> const LagHistory& { return lag_; },
                     .recorder = [this]() -> const FlightRecorder& { return recorder_; },
                     .config_yaml = [this] { return ConfigYaml(config_); },
                     .profiler = [this]() -> Profiler& { return profiler_; }} {
  started_->Set(absl::ToUnixSeconds(absl::Now()));
}

Server::~Server() = default;

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const Config& config, UpstreamTarget target,
                                                       std::string namespace_name,
                                                       NewFilters new_filters) {
  std::unique_ptr<Server> server(new Server(config, std::move(new_filters)));
  WEIR_RETURN_IF_ERROR(server->Listen());
  WEIR_RETURN_IF_ERROR(server->PrepareClients(target, namespace_name));
  WEIR_RETURN_IF_ERROR(server->MakeWorkers(std::move(target)));
  return server;
}

absl::Status Server::Listen() {
  WEIR_ASSIGN_OR_RETURN(Socket socket, ListenOn("--listen", config_.listen));
  WEIR_ASSIGN_OR_RETURN(Socket admin, ListenOn("--admin", config_.admin));
  const auto failed = [this](absl::Status status) {
    accept_failures_->Add();
    LogWarning("cannot accept a connection", {{"reason", MessageOf(status)}});
  };
  listener_ = std::make_unique<Listener>(
      *dispatcher_, std::move(socket), [this](Socket s) { Accept(std::move(s)); }, failed);
  admin_listener_ = std::make_unique<Listener>(
      *dispatcher_, std::move(admin), [this](Socket s) { AcceptAdmin(std::move(s)); }, failed);
  return absl::OkStatus();
}

absl::Status Server::PrepareClients(const UpstreamTarget& target,
                                    const std::string& namespace_name) {
  WEIR_ASSIGN_OR_RETURN(const CertificateAuthority authority, CertificateAuthority::Create());
  WEIR_ASSIGN_OR_RETURN(const CertificateAndKey certificate,
                        authority.IssueServer(CertificateNames(listen_address(), target)));
  WEIR_ASSIGN_OR_RETURN(server_tls_,
                        TlsContext::NewServer({.certificate_pem = certificate.certificate_pem,
                                               .private_key_pem = certificate.private_key_pem}));
  WEIR_ASSIGN_OR_RETURN(token_, MakeTokenSource(target));
  // Acting upstream with a certificate, or with nothing: clients show a token that only this
  // process and the client directory know.
  if (token_->empty()) {
    WEIR_ASSIGN_OR_RETURN(weir_token_, RandomHex(32));
  }
  written_token_ = token_->empty() ? weir_token_ : token_->token();
  if (config_.client_dir.empty()) {
    if (weir_token_.empty()) return absl::OkStatus();
    return InvalidArgumentError(
        "--client-dir is needed: Weir acts upstream with a client certificate, so clients must be "
        "given a token of Weir's own");
  }
  WEIR_RETURN_IF_ERROR(
      client_directory_.WriteAll({.ca_pem = authority.certificate_pem(),
                                  .token = written_token_,
                                  .namespace_name = namespace_name,
                                  .server_url = StrCat("https://", listen_address().ToString())}));
  client_directory_written_ = true;
  return absl::OkStatus();
}

absl::Status Server::MakeWorkers(UpstreamTarget target) {
  WorkerSetup setup{.registry = registry_,
                    .resolver = resolver_,
                    .target = target,
                    .upstream = UpstreamOptionsOf(config_),
                    .token = token_,
                    .upstream_tls = {},
                    .server_tls = server_tls_,
                    .weir_token = weir_token_,
                    .authenticator = {},
                    .cacher = CacherOptionsOf(config_),
                    .router = RouterOptionsOf(config_),
                    .session = SessionOptionsOf(config_),
                    .floors = std::make_shared<ReadFloors>(),
                    .seen = nullptr,
                    .handshake_timeout = config_.downstream.handshake_timeout};
  if (config_.record.enabled) {
    setup.seen = [this](SeenBatch batch) {
      dispatcher_->Post([this, batch = std::move(batch)] { recorder_.OnSeen(batch); });
    };
  }
  std::vector<CacherMap*> maps;
  for (int i = 0; i < config_.concurrency; ++i) {
    // Each worker has its own: connections of one context share its certificate store.
    WEIR_ASSIGN_OR_RETURN(setup.upstream_tls, MakeUpstreamTls(target));
    workers_.push_back(std::make_unique<Worker>(i, setup, new_filters_));
    maps.push_back(&workers_.back()->caches());
  }
  for (const auto& worker : workers_) worker->caches().SetPeers(maps);

  admin_sources_.streams = [this](auto done) {
    std::vector<std::pair<Dispatcher*, std::function<std::vector<StreamRow>()>>> readers;
    for (const auto& w : workers_) {
      readers.emplace_back(&w->dispatcher(), [w = w.get()] { return w->router().Streams(); });
    }
    return GatherRows<StreamRow>(*dispatcher_, std::move(readers), std::move(done));
  };
  admin_sources_.caches = [this](auto done) {
    std::vector<std::pair<Dispatcher*, std::function<std::vector<CacheRow>()>>> readers;
    for (const auto& w : workers_) {
      readers.emplace_back(&w->dispatcher(), [w = w.get()] { return w->caches().Rows(); });
    }
    return GatherRows<CacheRow>(*dispatcher_, std::move(readers), std::move(done));
  };
  admin_sources_.clients = [this](auto done) {
    std::vector<std::pair<Dispatcher*, std::function<std::vector<ClientRow>()>>> readers;
    for (const auto& w : workers_) {
      readers.emplace_back(&w->dispatcher(), [w = w.get()] { return w->router().Clients(); });
    }
    return GatherRows<ClientRow>(*dispatcher_, std::move(readers), std::move(done));
  };
  admin_sources_.changes = [this](const ChangeQuery& query, auto done) {
    std::vector<std::pair<Dispatcher*, std::function<std::vector<ChangeRow>()>>> readers;
    for (const auto& w : workers_) {
      readers.emplace_back(&w->dispatcher(),
                           [w = w.get(), query] { return w->caches().Changes(query); });
    }
    return GatherRows<ChangeRow>(
        *dispatcher_, std::move(readers),
        [limit = query.limit, done = std::move(done)](absl::StatusOr<std::vector<ChangeRow>> rows) {
          if (rows.ok()) rows = MergeChanges(*std::move(rows), limit);
          done(std::move(rows));
        });
  };
  return absl::OkStatus();
}

// Least connections: they live long and few clients open more than two.
void Server::Accept(Socket socket) {
  Worker* target = nullptr;
  int total = 0;
  for (const auto& worker : workers_) {
    total += worker->connections();
    if (target == nullptr || worker->connections() < target->connections()) target = worker.get();
  }
  if (static_cast<size_t>(total) >= config_.downstream.max_connections) {
    connections_refused_->Add();
    return;
  }
  target->Reserve();
  target->dispatcher().Post(
      [target, socket = std::move(socket)]() mutable { target->Adopt(std::move(socket)); });
}

void Server::AcceptAdmin(Socket socket) {
  if (admin_sessions_.size() >= kMaxAdminConnections) EvictAdminSession();
  std::unique_ptr<ServerSession> session = NewServerSession(
      *dispatcher_, NewTcpServerStream(*dispatcher_, std::move(socket)),
      {.max_header_bytes = 16 << 10,
       .header_timeout = absl::Seconds(10),
       .idle_timeout = absl::Seconds(60),
       .stall_timeout = kAdminStall,
       .max_concurrent_streams = kMaxAdminStreams},
      admin_stats_,
      [this](RequestHead head, ResponseWriter& writer) {
        return NewAdminHandler(admin_sources_, std::move(head), writer);
      },
      [this](ServerSession* closed) { RemoveAdminSession(closed); });
  ServerSession* const raw = session.get();
  admin_sessions_.emplace(raw, AdminSession{std::move(session), ++admin_sessions_begun_});
}

// Whoever asks now is more likely to want an answer than who has taken nothing for the longest
// time.
void Server::EvictAdminSession() {
  admin_evictions_->Add();
  const auto longest = std::min_element(admin_sessions_.begin(), admin_sessions_.end(),
                                        [](const auto& a, const auto& b) {
                                          return std::pair(a.first->last_moved(), a.second.number) <
                                                 std::pair(b.first->last_moved(), b.second.number);
                                        });
  RemoveAdminSession(longest->first);
}

void Server::RemoveAdminSession(ServerSession* session) {
  auto node = admin_sessions_.extract(session);
  if (!node.empty()) dispatcher_->DeferDelete(std::move(node.mapped().session));
}

void Server::RefreshToken() {
  token_timer_->Enable(absl::Seconds(5));
  const std::string token = token_->token();
  if (token.empty() || token == written_token_) return;
  if (const absl::Status written = client_directory_.WriteToken(token); !written.ok()) {
    LogError("the client directory's token is out of date", {{"reason", MessageOf(written)}});
    return;
  }
  written_token_ = token;
  LogInfo("token rotated", {{"client_dir", client_directory_.path()}});
}

absl::Status Server::Run() {
  const SampledThread sampled("main");
  const auto stop = [this] { BeginDrain(); };
  sigterm_ = dispatcher_->ListenForSignal(SIGTERM, stop);
  sigint_ = dispatcher_->ListenForSignal(SIGINT, stop);
  drain_timer_ = dispatcher_->CreateTimer([this] {
    LogWarning("drain deadline passed, connections are closed",
               {{"deadline", absl::FormatDuration(config_.drain_timeout)}});
    dispatcher_->Exit();
  });
  token_timer_ = dispatcher_->CreateTimer([this] { RefreshToken(); });
  if (weir_token_.empty() && !config_.client_dir.empty()) token_timer_->Enable(absl::Seconds(5));
  LogInfo("listening", {{"address", listen_address().ToString()},
                        {"admin", admin_address().ToString()},
                        {"client_dir", client_directory_.path()},
                        {"workers", config_.concurrency}});
  StartWorkers();
  dispatcher_->Run();
  StopWorkers();
  return absl::OkStatus();
}

void Server::StartWorkers() {
  for (std::unique_ptr<Worker>& worker : workers_) {
    worker->NotifyReached([this] {
      dispatcher_->Post([this] {
        if (++workers_reached_ == workers_.size()) LogInfo("ready");
      });
    });
    threads_.emplace_back([this, &worker] {
      worker->Run();
      // Every loop has stopped before anything of any worker goes, as caches reach each other
      // across them; then each worker goes on the thread that owned it.
      loops_stopped_.ArriveAndWait();
      worker->caches().Stop();
      caches_stopped_.ArriveAndWait();
      worker.reset();
    });
  }
}

void Server::StopWorkers() {
  for (const auto& worker : workers_) worker->dispatcher().Exit();
  loops_stopped_.ArriveAndWait();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  admin_sessions_.clear();
  dispatcher_->DropPending();
}

void Server::ProfileIfSlow(const LagHistory::Slowest& slowest) {
  if (slowest.p99 <= config_.record.slow_dispatch) return;
  profiler_.OnSlow(StrCat("dispatch of ", slowest.resource, " had a p99 of ",
                          absl::FormatDuration(absl::Trunc(slowest.p99, absl::Microseconds(1)))));
}

void Server::BeginDrain() {
  if (draining_) return dispatcher_->Exit();  // Asked twice: now.
  draining_ = true;
  LogInfo("draining", {{"deadline", absl::FormatDuration(config_.drain_timeout)}});
  listener_->Stop();
  drain_timer_->Enable(config_.drain_timeout);
  workers_draining_ = workers_.size();
  for (const auto& worker : workers_) {
    worker->dispatcher().Post([this, w = worker.get()] {
      w->Drain([this] { dispatcher_->Post([this] { OnWorkerDrained(); }); });
    });
  }
}

void Server::OnWorkerDrained() {
  if (--workers_draining_ > 0) return;
  LogInfo("drained");
  dispatcher_->Exit();
}

std::vector<std::pair<std::string, bool>> Server::Readiness() const {
  return {{"listening", listener_ != nullptr && !draining_},
          {"client-directory", client_directory_written_ || config_.client_dir.empty()},
          {"api-server-reached", !workers_.empty() && workers_reached_ == workers_.size()}};
}

}  // namespace weir
