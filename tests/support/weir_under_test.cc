// SPDX-License-Identifier: Apache-2.0
#include "tests/support/weir_under_test.h"

#include <cstdlib>
#include <thread>
#include <utility>

#include "absl/time/clock.h"

#include "filters/registry.h"
#include "proxy/base/log.h"
#include "proxy/net/certificate_authority.h"
#include "proxy/net/listener.h"
#include "proxy/record/flight_recorder.h"
#include "proxy/server/rendezvous.h"
#include "tests/support/test_loop.h"

namespace weir {
namespace {

WeirOptions Towards(const FakeApiServer& upstream, WeirOptions options) {
  UpstreamTarget& target = options.target;
  if (target.host.empty()) target.host = upstream.host();
  target.port = upstream.port();
  if (target.ca_pem.empty()) target.ca_pem = upstream.ca_pem();
  if (target.ca_source.empty()) target.ca_source = "the test's kubeconfig";
  return options;
}

std::shared_ptr<ClientTls> NewClientTls(const UpstreamTarget& target) {
  return ClientTls::New({.ca_pem = target.ca_pem, .ca_source = target.ca_source}, target.files,
                        absl::ZeroDuration())
      .value();
}

class SlowFilter final : public EventFilter {
 public:
  explicit SlowFilter(absl::Duration delay) : delay_(delay) {}
  bool IsStale(const WatchEvent& /*event*/, const IngestContext& /*context*/) override {
    absl::SleepFor(delay_);
    return false;
  }

 private:
  const absl::Duration delay_;
};

std::unique_ptr<FilterChain> MakeFilters(const std::vector<std::string>& names,
                                         absl::Duration delay, FilterChainStats& stats) {
  std::vector<NamedFilter> filters;
  for (const std::string& name : names) filters.push_back({name, CreateFilter(name, {}).value()});
  if (delay > absl::ZeroDuration())
    filters.push_back({"slow", std::make_unique<SlowFilter>(delay)});
  return std::make_unique<FilterChain>(std::move(filters), stats);
}

}  // namespace

class WeirUnderTest::Core {
 public:
  explicit Core(const WeirOptions& options)
      : options_(options),
        loops_stopped_(options.workers + 1),
        caches_stopped_(options.workers),
        authority_(CertificateAuthority::Create().value()),
        weir_token_(options.token.empty() ? "weir-made-token" : ""),
        loop_("weir-main") {
    // Faults are what these tests are about: what is said about them is for whoever asks.
    SetLogLevel(std::getenv("WEIR_TEST_LOG") != nullptr ? LogLevel::kDebug : LogLevel::kOff);
    UpstreamTarget target = options.target;
    target.token = options.token;
    MakeWorkers(target);
    loop_.Run([this] {
      recorder_ = std::make_unique<FlightRecorder>(loop_.dispatcher(), registry_);
      lag_ = std::make_unique<LagHistory>(loop_.dispatcher(), registry_);
      listener_ = std::make_unique<Listener>(
          loop_.dispatcher(), Socket::Listen(Address::Parse("127.0.0.1:0").value(), false).value(),
          [this](Socket socket) { Accept(std::move(socket)); }, [](const absl::Status&) {});
      port_ = listener_->local_address().port();
    });
    for (std::unique_ptr<Worker>& worker : workers_) {
      threads_.emplace_back([this, &worker] {
        worker->Run();
        loops_stopped_.ArriveAndWait();
        worker->caches().Stop();
        caches_stopped_.ArriveAndWait();
        worker.reset();
      });
    }
  }

  ~Core() { Stop(); }

  void Stop() {
    if (threads_.empty()) return;
    loop_.Run([this] { listener_.reset(); });
    loop_.Stop();
    for (const auto& worker : workers_) worker->dispatcher().Exit();
    loops_stopped_.ArriveAndWait();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    workers_.clear();
  }

  // Runs `read` on every worker's thread.
  template <typename Row>
  std::vector<Row> Gather(const std::function<std::vector<Row>(Worker&)>& read) {
    std::vector<Row> all;
    for (const auto& worker : workers_) {
      auto rows = std::make_shared<std::promise<std::vector<Row>>>();
      worker->dispatcher().Post([&read, rows, w = worker.get()] { rows->set_value(read(*w)); });
      for (Row& row : rows->get_future().get()) all.push_back(std::move(row));
    }
    return all;
  }

  std::vector<StageRow> Stages() {
    std::vector<StageRow> rows;
    loop_.Run([&] { rows = lag_->Stages(); });
    return rows;
  }

  void Block(absl::Duration duration) {
    for (const auto& worker : workers_) {
      worker->dispatcher().Post([duration] { absl::SleepFor(duration); });
    }
  }

  bool Drain(absl::Duration deadline) {
    loop_.Run([this] { listener_->Stop(); });
    auto left = std::make_shared<std::atomic<size_t>>(workers_.size());
    for (const auto& worker : workers_) {
      worker->dispatcher().Post([left, w = worker.get()] { w->Drain([left] { --*left; }); });
    }
    return WaitFor([&left] { return *left == 0; }, deadline);
  }

  const WeirOptions options_;
  Rendezvous loops_stopped_, caches_stopped_;
  StatsRegistry registry_;
  Resolver resolver_;
  const CertificateAuthority authority_;
  const std::string weir_token_;
  uint16_t port_ = 0;

 private:
  void MakeWorkers(const UpstreamTarget& target) {
    const CertificateAndKey certificate =
        authority_.IssueServer({"127.0.0.1", "localhost"}).value();
    WorkerSetup setup{
        .registry = registry_,
        .resolver = resolver_,
        .target = target,
        .upstream = options_.upstream,
        .token = TokenSource::Fixed(options_.token),
        .upstream_tls = {},
        .server_tls = TlsContext::NewServer({.certificate_pem = certificate.certificate_pem,
                                             .private_key_pem = certificate.private_key_pem})
                          .value(),
        .weir_token = weir_token_,
        .authenticator = options_.authenticator,
        .cacher = options_.cacher,
        .router = options_.router,
        .session = options_.session,
        .floors = std::make_shared<ReadFloors>(),
        .seen = [this](SeenBatch batch) {
          loop_.dispatcher().Post([this, batch = std::move(batch)] { recorder_->OnSeen(batch); });
        }};
    std::vector<CacherMap*> maps;
    for (int i = 0; i < options_.workers; ++i) {
      // Not shared, as in the server.
      setup.upstream_tls = {.own = NewClientTls(target), .callers = NewClientTls(target)};
      workers_.push_back(std::make_unique<Worker>(
          i, setup, [this](const GroupVersionResource&, FilterChainStats& stats) {
            return MakeFilters(options_.filters, options_.filter_delay, stats);
          }));
      maps.push_back(&workers_.back()->caches());
    }
    for (const auto& worker : workers_) worker->caches().SetPeers(maps);
  }

  // In turn, so that every worker has some.
  void Accept(Socket socket) {
    Worker* worker = workers_[next_++ % workers_.size()].get();
    worker->Reserve();
    worker->dispatcher().Post(
        [worker, socket = std::move(socket)]() mutable { worker->Adopt(std::move(socket)); });
  }

  TestLoop loop_;
  std::unique_ptr<FlightRecorder> recorder_;
  std::unique_ptr<LagHistory> lag_;
  std::unique_ptr<Listener> listener_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
  size_t next_ = 0;
};

WeirUnderTest::WeirUnderTest(FakeApiServer& upstream, WeirOptions options)
    : WeirUnderTest(Towards(upstream, std::move(options))) {}
WeirUnderTest::WeirUnderTest(WeirOptions options) : core_(std::make_unique<Core>(options)) {}
WeirUnderTest::~WeirUnderTest() = default;

uint16_t WeirUnderTest::port() const { return core_->port_; }
const std::string& WeirUnderTest::ca_pem() const { return core_->authority_.certificate_pem(); }
const std::string& WeirUnderTest::weir_token() const { return core_->weir_token_; }

TestClientOptions WeirUnderTest::client_options() const {
  return {.port = port(),
          .ca_pem = ca_pem(),
          .token = weir_token().empty() ? core_->options_.token : weir_token()};
}

double WeirUnderTest::Stat(std::string_view name, const StatsLabels& labels) const {
  return core_->registry_.Sum(name, labels);
}

LatencyCounts WeirUnderTest::Latencies(std::string_view name) const {
  LatencyCounts all;
  for (const auto& [labels, counts] : core_->registry_.Latencies(name)) all.Add(counts);
  return all;
}

void WeirUnderTest::Block(absl::Duration duration) { core_->Block(duration); }

double WeirUnderTest::FromCache(std::string_view verb) const {
  return Stat("weir_downstream_requests_total", {{"verb", std::string(verb)}, {"source", "cache"}});
}

double WeirUnderTest::Forwarded(std::string_view reason) const {
  return Stat("weir_downstream_requests_total", {{"reason", std::string(reason)}});
}

std::vector<StreamRow> WeirUnderTest::Streams() {
  return core_->Gather<StreamRow>([](Worker& w) { return w.router().Streams(); });
}

std::vector<CacheRow> WeirUnderTest::Caches() {
  return core_->Gather<CacheRow>([](Worker& w) { return w.caches().Rows(); });
}

std::vector<StageRow> WeirUnderTest::Stages() { return core_->Stages(); }

bool WeirUnderTest::Drain(absl::Duration deadline) { return core_->Drain(deadline); }
void WeirUnderTest::Stop() { core_->Stop(); }

}  // namespace weir
