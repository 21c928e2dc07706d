// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter/filter_chain.h"

#include <utility>

namespace weir {
namespace {

bool SameIdentity(const Object& a, const Object& b) {
  return a.key() == b.key() && a.uid() == b.uid() && a.version() == b.version();
}

}  // namespace

FilterChainStats::FilterChainStats(StatsRegistry& registry)
    : stale_dropped(registry.AddCounter("weir_filter_stale_dropped_total",
                                        "Events that repeated what was known.")),
      drops_refused(registry.AddCounter(
          "weir_filter_drops_refused_total",
          "Events that a filter called stale although they were news; delivered all the same.")),
      rewrites_refused(registry.AddCounter(
          "weir_filter_rewrites_refused_total",
          "Rewrites that failed or changed key, uid or version; the original was kept.")) {}

FilterChain::FilterChain(std::vector<EventFilterPtr> filters, FilterChainStats& stats)
    : filters_(std::move(filters)), stats_(stats) {}

bool FilterChain::Ingest(WatchEvent& event, const IngestContext& context) {
  for (const EventFilterPtr& filter : filters_) {
    if (!filter->IsStale(event, context)) continue;
    if (RepeatsWhatIsKnown(event, context)) {
      stats_.stale_dropped->Add();
      return false;
    }
    stats_.drops_refused->Add();
  }
  event.object = Rewrite(std::move(event.object));
  return true;
}

ObjectPtr FilterChain::Rewrite(ObjectPtr object) {
  for (const EventFilterPtr& filter : filters_) {
    absl::StatusOr<ObjectPtr> rewritten = filter->Rewrite(object);
    if (rewritten.ok() && *rewritten != nullptr &&
        (*rewritten == object || SameIdentity(**rewritten, *object))) {
      object = *std::move(rewritten);
    } else {
      stats_.rewrites_refused->Add();
    }
  }
  return object;
}

}  // namespace weir
