// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server.h"

#include <thread>
#include <utility>

#include "absl/container/flat_hash_map.h"

#include "proxy/base/check.h"
#include "proxy/http/server_session.h"
#include "proxy/net/certificate_authority.h"
#include "proxy/net/listener.h"
#include "proxy/net/streams.h"
#include "tests/support/fake_api_server_request.h"
#include "tests/support/fake_api_server_watch.h"

namespace weir {

class FakeApiServer::Core {
 public:
  explicit Core(const FakeApiServerOptions& options)
      : authority_(CertificateAuthority::Create().value()),
        dispatcher_(NewDispatcher("fake-api")),
        stats_(registry_),
        state_(*dispatcher_) {
    const CertificateAndKey certificate = authority_.IssueServer(options.certificate_names).value();
    tls_ = TlsContext::NewServer({.certificate_pem = certificate.certificate_pem,
                                  .private_key_pem = certificate.private_key_pem,
                                  .alpn = options.alpn})
               .value();
    state_.users["owner-token"] = {.username = "owner", .uid = "uid-owner"};
    state_.users["other-token"] = {.username = "other", .uid = "uid-other"};
    state_.store.set_on_change([this] { PumpSoon(); });
  }

  ~Core() {
    if (thread_.joinable()) {
      dispatcher_->Exit();
      thread_.join();
    }
    listener_.reset();
    sessions_.clear();
    dispatcher_->DropPending();
  }

  void Listen(const Address& address) {
    absl::StatusOr<Socket> socket = Socket::Listen(address, false);
    WEIR_CHECK(socket.ok());
    listener_ = std::make_unique<Listener>(
        *dispatcher_, *std::move(socket), [this](Socket s) { Accept(std::move(s)); },
        [](const absl::Status&) {});
  }

  void CutAll() {
    for (auto& [key, session] : std::exchange(sessions_, {})) {
      dispatcher_->DeferDelete(std::move(session));
    }
  }

  void Drain() {
    std::vector<ServerSession*> sessions;
    for (const auto& [key, session] : sessions_) sessions.push_back(key);
    for (ServerSession* session : sessions) session->Drain();
  }

  // For each watch; `act` may end it, but it is destroyed later.
  void EachWatch(const std::function<void(FakeWatch&)>& act) {
    const std::set<FakeWatch*> watches = state_.watches;
    for (FakeWatch* watch : watches) act(*watch);
  }

  CertificateAuthority authority_;
  DispatcherPtr dispatcher_;
  StatsRegistry registry_;
  ServerSessionStats stats_;
  std::shared_ptr<TlsContext> tls_;
  FakeApiState state_;
  std::unique_ptr<Listener> listener_;
  absl::flat_hash_map<ServerSession*, std::unique_ptr<ServerSession>> sessions_;
  std::thread thread_;

 private:
  void Accept(Socket socket) {
    auto self = std::make_shared<ServerSession*>(nullptr);
    std::unique_ptr<ServerSession> session = NewServerSession(
        *dispatcher_, NewTlsServerStream(*dispatcher_, std::move(socket), tls_, absl::Seconds(10)),
        {.max_concurrent_streams = 1000}, stats_,
        [this, self](RequestHead head, ResponseWriter& writer) {
          return NewFakeApiRequest(state_, std::move(head), writer,
                                   [this, self] { Forget(*self); });
        },
        [this](ServerSession* closed) { Forget(closed); });
    *self = session.get();
    sessions_.emplace(*self, std::move(session));
  }

  void Forget(ServerSession* session) {
    auto node = sessions_.extract(session);
    if (!node.empty()) dispatcher_->DeferDelete(std::move(node.mapped()));
  }

  // Once for all the changes of a turn.
  void PumpSoon() {
    if (std::exchange(pump_posted_, true)) return;
    dispatcher_->Post([this] {
      pump_posted_ = false;
      EachWatch([](FakeWatch& watch) { watch.Pump(); });
    });
  }

  bool pump_posted_ = false;
};

FakeApiServer::FakeApiServer(FakeApiServerOptions options)
    : core_(std::make_unique<Core>(options)) {
  core_->Listen(Address::Parse(options.listen).value());
  address_ = core_->listener_->local_address();
  core_->thread_ = std::thread([core = core_.get()] { core->dispatcher_->Run(); });
}

FakeApiServer::~FakeApiServer() = default;

const std::string& FakeApiServer::ca_pem() const { return core_->authority_.certificate_pem(); }

FakeApiState& FakeApiServer::state() { return core_->state_; }

void FakeApiServer::Run(std::function<void()> work) { core_->dispatcher_->Post(std::move(work)); }

FakeObjectPtr FakeApiServer::Create(std::string_view plural, std::string_view namespace_name,
                                    std::string_view body) {
  return With([&](FakeApiState& state) {
    const auto result = state.store.Create(*state.store.FindKind(plural), namespace_name, body);
    WEIR_CHECK(result.ok());
    return result.object;
  });
}

FakeObjectPtr FakeApiServer::Patch(std::string_view plural, std::string_view namespace_name,
                                   std::string_view name, std::string_view patch) {
  return With([&](FakeApiState& state) {
    const auto result =
        state.store.MergePatch(*state.store.FindKind(plural), namespace_name, name, patch);
    WEIR_CHECK(result.ok());
    return result.object;
  });
}

FakeObjectPtr FakeApiServer::Delete(std::string_view plural, std::string_view namespace_name,
                                    std::string_view name) {
  return With([&](FakeApiState& state) {
    const auto result = state.store.Delete(*state.store.FindKind(plural), namespace_name, name);
    WEIR_CHECK(result.ok());
    return result.object;
  });
}

uint64_t FakeApiServer::version() {
  return With([](FakeApiState& state) { return state.store.version(); });
}

uint64_t FakeApiServer::Count(FakeRequestMatch match) {
  return With([&](FakeApiState& state) {
    uint64_t sum = 0;
    for (const auto& [request, count] : state.counts) {
      const auto& [verb, resource, agent] = request;
      if (match.Matches(verb, resource, agent)) sum += count;
    }
    return sum;
  });
}

void FakeApiServer::ClearCounts() {
  With([](FakeApiState& state) { state.counts.clear(); });
}

size_t FakeApiServer::OpenWatches(FakeRequestMatch match) {
  return With([&](FakeApiState& state) {
    size_t open = 0;
    for (const FakeWatch* watch : state.watches) {
      const bool counts =
          match.resource.empty() || match.resource == watch->request().kind->resource.resource;
      if (counts) ++open;
    }
    return open;
  });
}

size_t FakeApiServer::Connections() {
  return With([this](FakeApiState&) { return core_->sessions_.size(); });
}

void FakeApiServer::Inject(FakeFault fault) {
  With([&](FakeApiState& state) { state.faults.push_back(std::move(fault)); });
}

void FakeApiServer::ClearFaults() {
  With([](FakeApiState& state) { state.faults.clear(); });
}

void FakeApiServer::Deny(std::string_view user, std::string_view verb, std::string_view resource) {
  With([&](FakeApiState& state) {
    state.denied.emplace(std::string(user), std::string(verb), std::string(resource));
  });
}

void FakeApiServer::AllowAll() {
  With([](FakeApiState& state) { state.denied.clear(); });
}

void FakeApiServer::SendBookmarks() {
  With([this](FakeApiState&) { core_->EachWatch([](FakeWatch& w) { w.SendBookmark(); }); });
}

void FakeApiServer::EndWatches() {
  With([this](FakeApiState&) { core_->EachWatch([](FakeWatch& w) { w.End(); }); });
}

void FakeApiServer::ResetWatches() {
  With([this](FakeApiState&) { core_->EachWatch([](FakeWatch& w) { w.Reset(); }); });
}

void FakeApiServer::ExpireWatches() {
  With([this](FakeApiState&) { core_->EachWatch([](FakeWatch& w) { w.Expire(); }); });
}

void FakeApiServer::FailWatches(const FakeStatus& status) {
  With([&](FakeApiState&) { core_->EachWatch([&](FakeWatch& w) { w.Fail(status); }); });
}

void FakeApiServer::SendRawToWatches(std::string_view bytes) {
  With([&](FakeApiState&) { core_->EachWatch([&](FakeWatch& w) { w.SendRaw(bytes); }); });
}

void FakeApiServer::Compact() {
  With([](FakeApiState& state) { state.store.Compact(state.store.version()); });
}

void FakeApiServer::CutConnections() {
  With([this](FakeApiState&) { core_->CutAll(); });
}

void FakeApiServer::GoAway(bool end_watches) {
  With([&](FakeApiState& state) {
    state.end_watches_on_drain = end_watches;
    core_->Drain();
  });
}

void FakeApiServer::Stop() {
  With([this](FakeApiState&) {
    core_->listener_.reset();
    core_->CutAll();
  });
}

void FakeApiServer::Start() {
  With([this](FakeApiState&) { core_->Listen(address_); });
}

}  // namespace weir
