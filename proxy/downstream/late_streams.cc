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

LateStreams::LateStreams(Dispatcher& dispatcher, const absl::flat_hash_set<RoutedRequest*>& streams,
                         StatsRegistry& registry)
    : dispatcher_(dispatcher),
      streams_(streams),
      by_events_(AddLate(registry, "events")),
      by_time_(AddLate(registry, "time")),
      timer_(dispatcher.CreateTimer([this] { Look(); })) {}

void LateStreams::Wake() {
  if (!timer_->enabled()) timer_->Enable(kInterval);
}

void LateStreams::Look() {
  int64_t by_events = 0;
  int64_t by_time = 0;
  const MonotonicTime now = dispatcher_.Now();
  for (const RoutedRequest* const stream : streams_) {
    const Backlog backlog = stream->backlog();
    if (backlog.events >= kEvents) ++by_events;
    if (backlog.oldest.has_value() && now - *backlog.oldest >= kAfter) ++by_time;
  }
  by_events_->Set(by_events);
  by_time_->Set(by_time);
  if (!streams_.empty()) timer_->Enable(kInterval);
}

}  // namespace weir
