// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/delivery_lag.h"

#include <string>
#include <utility>

namespace weir {

DeliveryLag::DeliveryLag(StatsRegistry& registry, std::string_view resource)
    : dispatch(registry.AddHistogram(
          "weir_downstream_dispatch_seconds",
          "From an event's publication until it was handed to the connection of a stream that had "
          "taken everything before.",
          {{"resource", std::string(resource)}})),
      backlog(registry.AddHistogram(
          "weir_downstream_backlog_seconds",
          "From an event's publication until it was handed to the connection of a stream whose "
          "client had not taken what came before.",
          {{"resource", std::string(resource)}})),
      bookmark_age(
          registry.AddHistogram("weir_downstream_bookmark_age_seconds",
                                "From a stream's bookmark, or its beginning, to the next one.",
                                {{"resource", std::string(resource)}})),
      folded(registry.AddCounter(
          "weir_downstream_folded_events_total",
          "Events that streams which fell behind the window were not sent, but only what "
          "they led to; those that a selection leaves out among them.",
          {{"resource", std::string(resource)}})) {}

DeliveryLag& DeliveryLags::Of(std::string_view resource) {
  if (!lags_.contains(resource) && lags_.size() >= kMaxResources) resource = "other";
  std::unique_ptr<DeliveryLag>& lag = lags_[std::string(resource)];
  if (lag == nullptr) lag = std::make_unique<DeliveryLag>(registry_, resource);
  return *lag;
}

void LagMeter::Sent(MonotonicTime published, Dispatcher& clock) {
  if (published < started_) return;
  if (published != published_) {
    if (events_ > 0) End(clock.Now());
    published_ = published;
  }
  ++events_;
}

void LagMeter::End(MonotonicTime now) {
  if (events_ == 0) return;
  (behind_ ? *lag_.backlog : *lag_.dispatch).Observe(now - published_, std::exchange(events_, 0));
}

void LagMeter::Bookmarked(MonotonicTime now) {
  lag_.bookmark_age->Observe(now - std::exchange(bookmarked_, now));
}

}  // namespace weir
