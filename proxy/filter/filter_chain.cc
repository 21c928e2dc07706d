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

std::string_view OutcomeName(FilterDecision::Outcome outcome) {
  switch (outcome) {
    case FilterDecision::Outcome::kWithheld:
      return "withheld";
    case FilterDecision::Outcome::kDropRefused:
      return "dropRefused";
    case FilterDecision::Outcome::kRewriteRefused:
      return "rewriteRefused";
  }
  return "";
}

FilterChain::FilterChain(std::vector<NamedFilter> filters, FilterChainStats& stats)
    : filters_(std::move(filters)), stats_(stats) {}

bool FilterChain::Ingest(WatchEvent& event, const IngestContext& context) {
  for (const NamedFilter& filter : filters_) {
    if (!filter.filter->IsStale(event, context)) continue;
    if (RepeatsWhatIsKnown(event, context)) {
      stats_.stale_dropped->Add();
      Note(filter, FilterDecision::Outcome::kWithheld, event.type, *event.object);
      return false;
    }
    stats_.drops_refused->Add();
    Note(filter, FilterDecision::Outcome::kDropRefused, event.type, *event.object);
  }
  event.object = Rewrite(event.type, std::move(event.object));
  return true;
}

ObjectPtr FilterChain::Rewrite(WatchEventType type, ObjectPtr object) {
  for (const NamedFilter& filter : filters_) {
    absl::StatusOr<ObjectPtr> rewritten = filter.filter->Rewrite(object);
    if (rewritten.ok() && *rewritten != nullptr &&
        (*rewritten == object || SameIdentity(**rewritten, *object))) {
      object = *std::move(rewritten);
    } else {
      stats_.rewrites_refused->Add();
      Note(filter, FilterDecision::Outcome::kRewriteRefused, type, *object);
    }
  }
  return object;
}

void FilterChain::Note(const NamedFilter& filter, FilterDecision::Outcome outcome,
                       WatchEventType type, const Object& object) {
  if (decisions_.size() == kDecisions) decisions_.pop_front();
  decisions_.push_back({.filter = filter.name,
                        .outcome = outcome,
                        .namespace_name = std::string(object.namespace_name()),
                        .name = std::string(object.name()),
                        .uid = std::string(object.uid()),
                        .type = type,
                        .version = object.version(),
                        .time = now_});
}

}  // namespace weir
