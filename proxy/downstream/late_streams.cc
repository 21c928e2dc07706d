// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/late_streams.h"

#include "proxy/downstream/routed_request.h"

namespace weir {
namespace {

GaugeHandle AddLate(StatsRegistry& registry, std::string_view by) {
  return registry.AddGauge("weir_downstream_late_streams",
                           "Watches whose clients are 10,000 events behind, or have left an event "
                           "unread for 500 ms.",
                           {{"by", std::string(by)}});
}

}  // namespace

void LateCounts::Add(const Backlog& backlog, MonotonicTime now) {
  if (backlog.events >= LateStreams::kEvents) ++by_events;
  if (backlog.oldest.has_value() && now - *backlog.oldest >= LateStreams::kAfter) ++by_time;
  if (backlog.heard.has_value() && now - *backlog.heard >= LateStreams::kSilent) ++silent;
  events_behind += static_cast<int64_t>(backlog.events);
}

LateStreams::LateStreams(Dispatcher& dispatcher, const absl::flat_hash_set<RoutedRequest*>& streams,
                         StatsRegistry& registry)
    : dispatcher_(dispatcher),
      streams_(streams),
      by_events_(AddLate(registry, "events")),
      by_time_(AddLate(registry, "time")),
      silent_(registry.AddGauge("weir_downstream_silent_streams",
                                "Watches with bookmarks that have been sent neither an event nor a "
                                "bookmark for 3 minutes.")),
      events_behind_(
          registry.AddGauge("weir_downstream_events_behind",
                            "Events that watches have not been sent yet, of all together.")),
      timer_(dispatcher.CreateTimer([this] { Look(); })) {}

void LateStreams::Wake() {
  if (!timer_->enabled()) timer_->Enable(kInterval);
}

void LateStreams::Look() {
  LateCounts counts;
  const MonotonicTime now = dispatcher_.Now();
  for (const RoutedRequest* const stream : streams_) counts.Add(stream->backlog(), now);
  by_events_->Set(counts.by_events);
  by_time_->Set(counts.by_time);
  silent_->Set(counts.silent);
  events_behind_->Set(counts.events_behind);
  if (!streams_.empty()) timer_->Enable(kInterval);
}

}  // namespace weir
