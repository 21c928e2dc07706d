// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/base/stats.h"
#include "proxy/cache/cacher_map.h"
#include "proxy/downstream/authenticator.h"
#include "proxy/downstream/client_counts.h"
#include "proxy/downstream/decision.h"
#include "proxy/downstream/read_check.h"
#include "proxy/downstream/read_floors.h"
#include "proxy/downstream/stream_row.h"
#include "proxy/http/exchange.h"
#include "proxy/record/seen.h"
#include "proxy/upstream/upstream.h"

namespace weir {

struct RouterOptions {
  DecisionOptions decision;
  ReadCheckOptions check;
  absl::Duration sync_timeout = absl::Seconds(10);  // A request waits this long for a cache.
  absl::Duration version_timeout =
      absl::Seconds(3);  // For a version not seen yet, as the API server; for each proof.
  absl::Duration bookmark_interval = absl::Seconds(5);
  absl::Duration min_watch_timeout =
      absl::Minutes(30);  // No timeoutSeconds: [t, 2t), as the API server.
  // A list that its client has not taken by then is cut off; as the API server's --request-timeout.
  absl::Duration list_timeout = absl::Seconds(60);
  // Objects that watches and lists behind the window may keep alive together; see PinnedStreams.
  size_t pinned_bytes_budget = 64 << 20;
};

// One worker's requests: decides, authenticates, then serves from the cache or forwards. Its
// Handle() is the HandlerFactory of the worker's connections.
// `seen` is told what the flight recorder wants to know, on this thread.
// `floors`, shared by the workers, holds what clients have been told.
// REQUIRES: everything it is given outlives it, and it outlives its handlers.
class Router {
 public:
  Router(Dispatcher& dispatcher, CacherMap& caches, Authenticator& authenticator,
         Upstream& upstream, ReadFloors& floors, const RouterOptions& options,
         StatsRegistry& registry, SeenSink seen = nullptr);
  ~Router();

  RequestHandlerPtr Handle(RequestHead head, ResponseWriter& writer);
  std::vector<StreamRow> Streams() const;  // Those from the cache, then those forwarded.
  std::vector<ClientRow> Clients() const;

  class Core;

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace weir
