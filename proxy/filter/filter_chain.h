// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/stats.h"
#include "proxy/filter/event_filter.h"
#include "proxy/kube/resource.h"

namespace weir {

struct FilterChainStats {
  explicit FilterChainStats(StatsRegistry& registry);
  CounterHandle stale_dropped;     // Events that repeated what was known.
  CounterHandle drops_refused;     // A filter called news stale; delivered all the same.
  CounterHandle rewrites_refused;  // A filter changed key, uid or version; the original was kept.
};

// Runs filters in their order and keeps them honest (see EventFilter). One per Cacher.
class FilterChain {
 public:
  FilterChain(std::vector<EventFilterPtr> filters, FilterChainStats& stats);

  // Whether the event, which has an object, goes on into the cache; may replace its object.
  bool Ingest(WatchEvent& event, const IngestContext& context);
  // For objects of a list: only rewriting applies.
  ObjectPtr Rewrite(ObjectPtr object);

 private:
  std::vector<EventFilterPtr> filters_;
  FilterChainStats& stats_;
};
// Makes the chain of one Cacher of `resource`.
using FilterChainFactory =
    std::function<std::unique_ptr<FilterChain>(const GroupVersionResource& resource)>;

}  // namespace weir
