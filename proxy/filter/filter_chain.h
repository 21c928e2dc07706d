// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/clock.h"
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

struct NamedFilter {
  std::string name;
  EventFilterPtr filter;
};

// What a filter has said of an event, and what came of it; for people.
struct FilterDecision {
  enum class Outcome {
    kWithheld,        // It repeats what is known.
    kDropRefused,     // The filter called it stale, but it is news: it went on.
    kRewriteRefused,  // What the filter made of it was no good: the original went on.
  };
  std::string filter;
  Outcome outcome = Outcome::kWithheld;
  std::string namespace_name, name, uid;
  WatchEventType type = WatchEventType::kAdded;  // Of what was listed likewise.
  ResourceVersion version;
  MonotonicTime time;
};
std::string_view OutcomeName(FilterDecision::Outcome outcome);  // "withheld", "dropRefused", ...

// Runs filters in their order and keeps them honest (see EventFilter). One per Cacher.
class FilterChain {
 public:
  static constexpr size_t kDecisions = 50;

  FilterChain(std::vector<NamedFilter> filters, FilterChainStats& stats);

  // When that is which comes next; for the decisions.
  void SetTime(MonotonicTime now) { now_ = now; }

  // Whether the event, which has an object, goes on into the cache; may replace its object.
  bool Ingest(WatchEvent& event, const IngestContext& context);
  // For objects of a list: only rewriting applies.
  ObjectPtr Rewrite(ObjectPtr object) { return Rewrite(WatchEventType::kAdded, std::move(object)); }
  // The last so many, oldest first.
  const std::deque<FilterDecision>& decisions() const { return decisions_; }

 private:
  ObjectPtr Rewrite(WatchEventType type, ObjectPtr object);
  void Note(const NamedFilter& filter, FilterDecision::Outcome outcome, WatchEventType type,
            const Object& object);

  const std::vector<NamedFilter> filters_;
  FilterChainStats& stats_;
  MonotonicTime now_;
  std::deque<FilterDecision> decisions_;
};
// Makes the chain of one Cacher of `resource`.
using FilterChainFactory =
    std::function<std::unique_ptr<FilterChain>(const GroupVersionResource& resource)>;

}  // namespace weir
