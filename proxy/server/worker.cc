// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/worker.h"

#include <utility>

#include "proxy/base/strings.h"
#include "proxy/net/streams.h"
#include "proxy/profile/cpu_sampler.h"
#include "proxy/upstream/api_server_client.h"

namespace weir {

HistogramHandle AddLoopStalls(StatsRegistry& registry, Dispatcher& dispatcher,
                              std::string_view thread) {
  constexpr absl::Duration kFelt = absl::Milliseconds(10);
  HistogramHandle stalls = registry.AddHistogram(
      "weir_event_loop_stall_seconds",
      "Turns of a loop of more than 10 ms: nothing else was done by its thread meanwhile.",
      {{"thread", std::string(thread)}});
  dispatcher.ReportSlowTurns(
      kFelt, [histogram = stalls.get()](absl::Duration took) { histogram->Observe(took); });
  return stalls;
}

Worker::Worker(
    int index, const WorkerSetup& setup,
    std::function<std::unique_ptr<FilterChain>(const GroupVersionResource&, FilterChainStats&)>
        new_filters)
    : name_(StrCat("worker-", index)),
      dispatcher_(NewDispatcher(name_)),
      setup_(setup),
      stalls_(AddLoopStalls(setup.registry, *dispatcher_, name_)),
      upstream_stats_(setup.registry),
      filter_stats_(setup.registry),
      session_stats_(setup.registry, {{"listener", "downstream"}}) {
  upstream_ =
      std::make_unique<Upstream>(*dispatcher_, setup_.resolver, setup_.target, setup_.upstream,
                                 setup_.token, setup_.upstream_tls, upstream_stats_);
  caches_ = std::make_unique<CacherMap>(CacherMap::Environment{
      .dispatcher = *dispatcher_,
      .registry = setup_.registry,
      .new_source = [this](const CacheKey& key) { return NewApiServerSource(*upstream_, key); },
      .new_filters =
          [this, new_filters = std::move(new_filters)](const GroupVersionResource& resource) {
            return new_filters(resource, filter_stats_);
          },
      .options = setup_.cacher});
  authenticator_ = std::make_unique<Authenticator>(
      *upstream_, setup_.weir_token, setup_.authenticator, setup_.registry,
      [this](absl::Status reason) { caches_->DropAll(reason); });
  router_ = std::make_unique<Router>(*dispatcher_, *caches_, *authenticator_, *upstream_,
                                     *setup_.floors, setup_.router, setup_.registry, setup_.seen);
}

Worker::~Worker() {
  // Sessions and their handlers go first, and with them what they have put off until the next
  // turn, which still uses the router, the caches and the pools.
  sessions_.clear();
  dispatcher_->DropPending();
}

void Worker::Run() {
  const SampledThread sampled(name_);
  dispatcher_->Run();
}

void Worker::Adopt(Socket socket) {
  ByteStreamPtr stream = NewTlsServerStream(*dispatcher_, std::move(socket), setup_.server_tls,
                                            setup_.handshake_timeout);
  std::unique_ptr<ServerSession> session = NewServerSession(
      *dispatcher_, std::move(stream), setup_.session, session_stats_,
      [this](RequestHead head, ResponseWriter& writer) {
        return router_->Handle(std::move(head), writer);
      },
      [this](ServerSession* closed) { OnSessionClosed(closed); });
  ServerSession* const raw = session.get();
  sessions_.emplace(raw, std::move(session));
  // A connection that was on its way here when the drain began.
  if (draining_) raw->Drain();
}

void Worker::OnSessionClosed(ServerSession* session) {
  auto node = sessions_.extract(session);
  if (node.empty()) return;
  dispatcher_->DeferDelete(std::move(node.mapped()));
  connections_.fetch_sub(1, std::memory_order_relaxed);
  if (draining_ && sessions_.empty() && drained_) dispatcher_->Post(std::exchange(drained_, {}));
}

void Worker::Drain(std::function<void()> drained) {
  draining_ = true;
  drained_ = std::move(drained);
  // A session may close, and leave the map, while it is told.
  std::vector<ServerSession*> sessions;
  sessions.reserve(sessions_.size());
  for (const auto& [session, owner] : sessions_) sessions.push_back(session);
  for (ServerSession* session : sessions) {
    if (sessions_.contains(session)) session->Drain();
  }
  if (sessions_.empty() && drained_) dispatcher_->Post(std::exchange(drained_, {}));
}

void Worker::NotifyReached(std::function<void()> reached) {
  on_reached_ = std::move(reached);
  reached_timer_ = dispatcher_->CreateTimer([this] { CheckReached(); });
  CheckReached();
}

void Worker::CheckReached() {
  if (!upstream_->reached()) return reached_timer_->Enable(absl::Milliseconds(20));
  dispatcher_->Post(std::exchange(on_reached_, {}));
}

}  // namespace weir
