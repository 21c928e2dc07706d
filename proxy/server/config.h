// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/downstream/resource_policy.h"

// What can be configured. The comments are the manual and the values the defaults; a field
// `window_bytes` of `cache` is the key `cache.windowBytes` of the YAML file. deploy/weir.yaml shows
// every key.

namespace weir {

// What is kept in memory, and how much of it.
struct CacheConfig {
  // A cache that nobody has read for this long is dropped, with its watch of the API server.
  absl::Duration idle_timeout = absl::Minutes(5);
  // How long a request waits for its cache to be filled before it is forwarded instead.
  absl::Duration sync_timeout = absl::Seconds(10);
  // Changes kept per resource, for clients that resume a watch or fall behind...
  size_t window_events = 10000;
  // ...and the bytes that these changes may keep in memory beyond the objects themselves.
  size_t window_bytes = 16 << 20;
  // Bytes of all objects and changes together. Beyond it new resources are forwarded, not cached.
  // Leave some tens of MiB below the container's limit.
  size_t byte_budget = 512 << 20;
  // Bytes of objects that live only for watches and lists behind those changes, for each worker.
  // Beyond it the one that keeps most is ended, and its client resumes or lists again.
  size_t pinned_bytes = 64 << 20;
  // Whether Secrets are cached. They are then in one more process's memory, in plain text.
  bool secrets = false;
  // How an informer's start is answered that asks for the most recent state (a stream-list of
  // client-go 0.35 or newer). relaxed: from the cache, if its watch is up and it is not behind any
  // write or read that has passed through Weir. verified: from the cache, once a metadata list of
  // the API server has proved it current. forward: by the API server.
  Freshness initial_sync = Freshness::kRelaxed;
  // The same choice for consistent reads: LIST, and GET of one object, without a resourceVersion.
  Freshness consistent_reads = Freshness::kForward;
  // A watch that falls behind the window is sent one event per object that differs. false: it is
  // ended cleanly instead, and its client resumes from the API server.
  bool coalesce = true;
  // Resources that are always forwarded, as kubectl prints their names: "events",
  // "deployments.apps". Leases, events and *reviews are never cached anyway.
  std::vector<std::string> exclude;
};

// What is different for one resource; what is not given is as in CacheConfig.
struct ResourceConfig {
  std::string resource;  // As kubectl prints it: "deployments.apps".
  std::optional<Freshness> initial_sync, consistent_reads;
  std::optional<bool> coalesce;
};

// Towards the application.
struct DownstreamConfig {
  // The head of a request may have so many bytes; more are answered with 431.
  size_t max_header_bytes = 1 << 20;
  // From the first byte of a request to the end of its head.
  absl::Duration header_timeout = absl::Seconds(32);
  // A connection's TLS handshake must be over within this.
  absl::Duration handshake_timeout = absl::Seconds(10);
  // A connection without a request is closed after this.
  absl::Duration idle_timeout = absl::Minutes(5);
  // Requests under way on one HTTP/2 connection; a controller needs one per watch.
  uint32_t max_concurrent_streams = 250;
  // Connections at a time; more are closed at once.
  uint32_t max_connections = 1000;
};

// Towards the API server.
struct UpstreamConfig {
  // For looking up the name, connecting and the TLS handshake together.
  absl::Duration connect_timeout = absl::Seconds(10);
  // A connection that has been silent for this long is asked for a sign of life...
  absl::Duration ping_after = absl::Seconds(30);
  // ...and given up when none comes within this.
  absl::Duration ping_timeout = absl::Seconds(15);
  // The largest single event or list item taken. client-go's own limit is 16 MiB.
  size_t max_event_bytes = 16 << 20;
};

// What Weir notes about itself and about the operator, for people.
struct RecordConfig {
  // false: no write-to-watch, no event-to-action, no stuck or busy objects.
  bool enabled = true;
  // A CPU profile of 2 s is taken, and kept, when events of a resource take longer than this from
  // the cache to the connection: one in a hundred, within 5 s. At most one a minute. 0s: never.
  absl::Duration slow_dispatch = absl::Milliseconds(100);
};

// One filter of the chain that every change passes on its way into a cache, in this order.
struct FilterConfig {
  std::string name;               // See filters/README.md.
  StringMap<std::string> params;  // The key is `config`.
};

struct Config {
  // Where the application connects. Keep it on loopback: whoever reaches it and holds the
  // application's token reads what the application may read.
  std::string listen = "127.0.0.1:6443";
  // Metrics, health and the state of streams and caches, over plain HTTP. It shows names, never
  // the content of an object.
  std::string admin = "127.0.0.1:15090";
  // Directory that Weir makes and writes what a client needs to: ca.crt, token, namespace,
  // kubeconfig.
  std::string client_dir = "/var/run/weir";
  // How to reach the API server. "": the pod's service account.
  std::string kubeconfig;
  // The context of the kubeconfig to use. "": its current-context.
  std::string context;
  // Threads that serve requests. One is right for a sidecar.
  int concurrency = 1;
  // After SIGTERM, time for watches to end cleanly before connections are cut. Keep it below the
  // pod's terminationGracePeriodSeconds.
  absl::Duration drain_timeout = absl::Seconds(10);
  // debug, info, warning, error or off.
  LogLevel log_level = LogLevel::kInfo;
  CacheConfig cache;
  std::vector<ResourceConfig> resources;
  DownstreamConfig downstream;
  UpstreamConfig upstream;
  RecordConfig record;
  std::vector<FilterConfig> filters;
};

// Whether there is such a filter and it takes these parameters; from filters/registry.h, by way
// of main.cc. Empty: every filter passes.
using ValidateFilter =
    std::function<absl::Status(std::string_view name, const StringMap<std::string>& params)>;

// Reads a configuration; `file` is its name in messages. The error lists every mistake, one per
// line: "FILE:line:col: path.to.key: what is wrong (did you mean "x"?)".
absl::StatusOr<Config> ParseConfig(std::string_view file, std::string_view text,
                                   const ValidateFilter& validate = nullptr);
absl::StatusOr<Config> LoadConfig(const std::string& path,
                                  const ValidateFilter& validate = nullptr);

// Sets one key to what a command line flag says, by the same rules: ("cache.secrets", "true").
absl::Status SetConfigKey(Config& config, std::string_view key, std::string_view value);

// Every key there is, in the order of this header: "listen", ..., "filters", "filters.name".
std::vector<std::string> ConfigKeys();

}  // namespace weir
