// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

#include "proxy/base/stats.h"
#include "proxy/base/strings.h"
#include "proxy/http/client_pool.h"
#include "proxy/net/resolver.h"
#include "proxy/upstream/client_tls.h"

namespace weir {

// Where the API server is and what Weir shows it. From a kubeconfig or the pod's environment
// (server/kubeconfig.h).
struct UpstreamTarget {
  bool tls = true;  // false: http://, for tests and kubectl proxy.
  std::string host;
  uint16_t port = 443;
  std::string base_path;          // Of the server's URL; normally "".
  std::string tls_server_name;    // "" for `host`.
  std::string ca_pem, ca_source;  // The latter is for messages.
  bool insecure_skip_tls_verify = false;
  // Weir's own credential: a bearer token (inline or from a file that is read again when it
  // changes), or a client certificate.
  std::string token, token_file;
  std::string client_certificate_pem, client_key_pem;
  TlsFiles files;  // Where the PEMs are from.
};

struct UpstreamOptions {
  ClientPoolOptions pool;
  size_t max_event_bytes = 16 << 20;
  absl::Duration list_timeout = absl::Minutes(5);   // No byte of a list for this long: give up.
  absl::Duration watch_timeout = absl::Minutes(8);  // timeoutSeconds asked for: [t, 2t).
};

// Weir's bearer token. Thread-safe; one per process, shared by the workers.
class TokenSource {
 public:
  // Fixed, or read from a file at most every `reread` (as client-go does, a minute at most).
  static std::shared_ptr<TokenSource> Fixed(std::string token);
  static absl::StatusOr<std::shared_ptr<TokenSource>> FromFile(
      std::string path, absl::Duration reread = absl::Seconds(10));
  // "" for none. Keeps the last good one when the file cannot be read, and logs it.
  std::string token();
  // Another number whenever token() has become another one; reads the file as token() does.
  uint64_t generation();
  bool empty() const { return fixed_.empty() && path_.empty(); }

 private:
  TokenSource() = default;
  struct Cached;
  void Reread();  // REQUIRES: of a file, and locked.
  std::string fixed_, path_;
  absl::Duration reread_;
  std::shared_ptr<Cached> cached_;  // Of a file.
};

struct UpstreamStats {
  explicit UpstreamStats(StatsRegistry& registry);
  // weir_upstream_requests_total{verb,resource}: what Weir itself asked and what it forwarded.
  // Labels: the verbs of RequestInfo; the resource's Name(), or "other" beyond 500 resources.
  void Requested(std::string_view verb, std::string_view resource);
  ClientPoolStats own_pool, callers_pool;
  CounterHandle access_allowed, access_denied, access_unknown;  // Reviews, by their answer.
  CounterHandle own_bytes;

 private:
  StatsRegistry& registry_;
  StringMap<CounterHandle> requests_;  // By verb and resource.
  StringSet resources_;                // The names that have become labels.
};

// `own` shows Weir's certificate if there is one, `callers` never.
struct UpstreamConnectors {
  Connector own, callers;
};
// The same of TLS; nullptr for http.
struct UpstreamTls {
  std::shared_ptr<ClientTls> own, callers;
};

// One worker's way to the API server: two pools, because a client certificate would speak for
// whoever's request travels on its connection.
class Upstream {
 public:
  Upstream(Dispatcher& dispatcher, Resolver& resolver, const UpstreamTarget& target,
           const UpstreamOptions& options, std::shared_ptr<TokenSource> token,
           const UpstreamTls& tls, UpstreamStats& stats);
  // Over connections of any make.
  Upstream(Dispatcher& dispatcher, const UpstreamTarget& target, const UpstreamOptions& options,
           std::shared_ptr<TokenSource> token, UpstreamConnectors connectors, UpstreamStats& stats);
  ~Upstream();

  // Weir's own credential: adds Authorization if it is a token.
  [[nodiscard]] ClientStreamPtr SendAsSelf(RequestHead head, ResponseHandler& handler);
  // As whoever `head` says (its Authorization, or none): never with Weir's certificate.
  [[nodiscard]] ClientStreamPtr SendAsCaller(RequestHead head, ResponseHandler& handler);

  // Another number whenever what Weir shows as itself has become another credential: what it was
  // before is sent by no request since.
  uint64_t credential_generation();

  Dispatcher& dispatcher() { return dispatcher_; }
  const UpstreamOptions& options() const { return options_; }
  const UpstreamTarget& target() const { return target_; }
  UpstreamStats& stats() { return stats_; }
  // An answer of any kind has come from the API server since the start.
  bool reached() const { return reached_; }
  void set_reached() { reached_ = true; }

 private:
  class FirstAnswer;
  struct Route {
    std::unique_ptr<ClientPool> pool;
    std::shared_ptr<ClientTls> tls;  // nullptr: whatever the connector does.
    uint64_t generation = 0;         // Of `tls`, that the pool's connections are of.
  };
  ClientStreamPtr Send(Route& route, RequestHead head, ResponseHandler& handler);

  Dispatcher& dispatcher_;
  UpstreamTarget target_;
  UpstreamOptions options_;
  std::shared_ptr<TokenSource> token_;
  UpstreamStats& stats_;
  std::string authority_;
  bool reached_ = false;
  Route own_, callers_;
};

}  // namespace weir
