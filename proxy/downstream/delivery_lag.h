// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/stats.h"
#include "proxy/base/strings.h"
#include "proxy/event/dispatcher.h"

namespace weir {

// How long events of one resource take from the cache to the connection, for one worker's streams.
struct DeliveryLag {
  DeliveryLag(StatsRegistry& registry, std::string_view resource);
  HistogramHandle dispatch;  // To streams that had everything before.
  HistogramHandle backlog;   // To streams whose connection had not taken what came before.
  HistogramHandle bookmark_age;
  CounterHandle folded;
};

// Those of all resources. Names are of resources that the API server has; still, only so many get
// series of their own, and the rest are "other".
class DeliveryLags {
 public:
  explicit DeliveryLags(StatsRegistry& registry) : registry_(registry) {}
  // Stays where it is.
  DeliveryLag& Of(std::string_view resource);

  static constexpr size_t kMaxResources = 200;

 private:
  StatsRegistry& registry_;
  StringMap<std::unique_ptr<DeliveryLag>> lags_;
};

// Measures for one stream. What was published before the stream began is not late.
class LagMeter {
 public:
  // REQUIRES: lag outlives it.
  LagMeter(DeliveryLag& lag, MonotonicTime started)
      : lag_(lag), started_(started), bookmarked_(started) {}

  // What is sent from now on is sent late, or is not.
  void Begin(bool behind) { behind_ = behind; }
  // Another event goes to the connection. Those of one Revision are counted together, and the clock
  // is read once for them.
  void Sent(MonotonicTime published, Dispatcher& clock);
  // Of what Sent() has not told yet.
  void End(MonotonicTime now);
  void Bookmarked(MonotonicTime now);
  void Folded(uint64_t events) { lag_.folded->Add(events); }

 private:
  DeliveryLag& lag_;
  const MonotonicTime started_;
  MonotonicTime bookmarked_;
  bool behind_ = false;
  MonotonicTime published_;  // Of the last `events_` that were sent.
  uint64_t events_ = 0;
};

}  // namespace weir
