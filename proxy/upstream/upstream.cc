// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/upstream.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "proxy/upstream/connector.h"

namespace weir {
namespace {

constexpr size_t kMaxResourceLabels = 500;

// A method of a non-resource request can be anything a client writes.
std::string_view VerbLabel(std::string_view verb) {
  static constexpr std::string_view kVerbs[] = {
      "get",   "list", "watch", "create", "update", "patch", "delete", "deletecollection",
      "proxy", "head", "post",  "put",    "options"};
  return std::find(std::begin(kVerbs), std::end(kVerbs), verb) == std::end(kVerbs) ? "other" : verb;
}

CounterHandle AddReviews(StatsRegistry& registry, const char* result) {
  return registry.AddCounter("weir_upstream_access_reviews_total",
                             "Times the API server was asked what Weir itself may read.",
                             {{"result", result}});
}

DialTarget TargetOf(const UpstreamTarget& target, const UpstreamOptions& options,
                    std::shared_ptr<ClientTls> tls) {
  DialTarget dial;
  dial.host = target.host;
  dial.port = target.port;
  dial.timeout = options.pool.connect_timeout;
  if (!target.tls) return dial;
  dial.server_name = target.tls_server_name.empty() ? target.host : target.tls_server_name;
  dial.tls = std::move(tls);
  return dial;
}

}  // namespace

UpstreamStats::UpstreamStats(StatsRegistry& registry)
    : own_pool(registry, {{"pool", "own"}}),
      callers_pool(registry, {{"pool", "callers"}}),
      access_allowed(AddReviews(registry, "allowed")),
      access_denied(AddReviews(registry, "denied")),
      access_unknown(AddReviews(registry, "failed")),
      own_bytes(registry.AddCounter("weir_upstream_own_bytes_total",
                                    "Bytes of answers to what Weir itself has asked: lists, "
                                    "watches, reviews.")),
      registry_(registry) {}

void UpstreamStats::Requested(std::string_view verb, std::string_view resource) {
  verb = VerbLabel(verb);
  if (!resources_.contains(resource)) {
    if (resources_.size() < kMaxResourceLabels) {
      resources_.emplace(resource);
    } else {
      resource = "other";
    }
  }
  CounterHandle& counter = requests_[StrCat(verb, " ", resource)];
  if (counter == nullptr) {
    counter =
        registry_.AddCounter("weir_upstream_requests_total",
                             "Requests sent to the API server: Weir's own and those it forwarded.",
                             {{"verb", std::string(verb)}, {"resource", std::string(resource)}});
  }
  counter->Add();
}

// A stream that tells, on the way, that the API server has answered. In use until it first has.
class Upstream::FirstAnswer final : public ClientStream, private ResponseHandler {
 public:
  FirstAnswer(Upstream& upstream, ClientPool& pool, RequestHead head, ResponseHandler& handler)
      : upstream_(upstream), handler_(handler), stream_(pool.Send(std::move(head), *this)) {}

  void SendBody(Bytes bytes) override { stream_->SendBody(std::move(bytes)); }
  void End(HeaderList trailers) override { stream_->End(std::move(trailers)); }
  bool writable() const override { return stream_->writable(); }
  void ConsumeBody(size_t count) override { stream_->ConsumeBody(count); }

 private:
  void OnInformational(ResponseHead head) override { handler_.OnInformational(std::move(head)); }
  void OnHead(ResponseHead head) override {
    upstream_.set_reached();
    handler_.OnHead(std::move(head));
  }
  void OnResponseBody(std::string_view bytes) override { handler_.OnResponseBody(bytes); }
  void OnResponseEnd(HeaderList trailers) override { handler_.OnResponseEnd(std::move(trailers)); }
  void OnResponseFailed(absl::Status reason, bool sent) override {
    handler_.OnResponseFailed(std::move(reason), sent);
  }
  void OnRequestWritable() override { handler_.OnRequestWritable(); }

  Upstream& upstream_;
  ResponseHandler& handler_;
  const ClientStreamPtr stream_;
};

Upstream::Upstream(Dispatcher& dispatcher, Resolver& resolver, const UpstreamTarget& target,
                   const UpstreamOptions& options, std::shared_ptr<TokenSource> token,
                   const UpstreamTls& tls, UpstreamStats& stats)
    : Upstream(dispatcher, target, options, std::move(token),
               {NewConnector(dispatcher, resolver, TargetOf(target, options, tls.own)),
                NewConnector(dispatcher, resolver, TargetOf(target, options, tls.callers))},
               stats) {
  own_.tls = tls.own;
  callers_.tls = tls.callers;
}

Upstream::Upstream(Dispatcher& dispatcher, const UpstreamTarget& target,
                   const UpstreamOptions& options, std::shared_ptr<TokenSource> token,
                   UpstreamConnectors connectors, UpstreamStats& stats)
    : dispatcher_(dispatcher),
      target_(target),
      options_(options),
      token_(std::move(token)),
      stats_(stats),
      authority_(HostPort(target.host, target.port)),
      own_{.pool = std::make_unique<ClientPool>(dispatcher_, std::move(connectors.own),
                                                options_.pool, stats_.own_pool),
           .tls = nullptr},
      callers_{.pool = std::make_unique<ClientPool>(dispatcher_, std::move(connectors.callers),
                                                    options_.pool, stats_.callers_pool),
               .tls = nullptr} {
  while (!target_.base_path.empty() && target_.base_path.back() == '/') {
    target_.base_path.pop_back();
  }
}

Upstream::~Upstream() = default;

ClientStreamPtr Upstream::SendAsSelf(RequestHead head, ResponseHandler& handler) {
  // Whatever was there was meant for Weir, not for the API server.
  head.headers.Remove("Authorization");
  if (const std::string token = token_ == nullptr ? "" : token_->token(); !token.empty()) {
    head.headers.Add("Authorization", StrCat("Bearer ", token));
  }
  return Send(own_, std::move(head), handler);
}

ClientStreamPtr Upstream::SendAsCaller(RequestHead head, ResponseHandler& handler) {
  return Send(callers_, std::move(head), handler);
}

uint64_t Upstream::credential_generation() {
  const uint64_t of_token = token_ == nullptr ? 0 : token_->generation();
  return own_.tls == nullptr ? of_token : of_token + own_.tls->generation();
}

ClientStreamPtr Upstream::Send(Route& route, RequestHead head, ResponseHandler& handler) {
  const uint64_t generation = route.tls == nullptr ? 0 : route.tls->generation();
  if (std::exchange(route.generation, generation) != generation) route.pool->RetireConnections();
  if (!target_.base_path.empty()) head.target.insert(0, target_.base_path);
  head.authority = authority_;
  if (reached_) return route.pool->Send(std::move(head), handler);
  return std::make_unique<FirstAnswer>(*this, *route.pool, std::move(head), handler);
}

}  // namespace weir
