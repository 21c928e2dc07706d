// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"

#include "proxy/base/stats.h"
#include "proxy/event/dispatcher.h"

namespace weir {

class RoutedRequest;

// Counts the watches of one worker whose clients do not keep up, each second while there are
// watches: a client that reads nothing at all shows nowhere else until it reads.
class LateStreams {
 public:
  static constexpr uint64_t kEvents = 10'000;
  static constexpr absl::Duration kAfter = absl::Milliseconds(500);
  static constexpr absl::Duration kInterval = absl::Seconds(1);

  // REQUIRES: all outlive it.
  LateStreams(Dispatcher& dispatcher, const absl::flat_hash_set<RoutedRequest*>& streams,
              StatsRegistry& registry);

  // There is a stream.
  void Wake();

 private:
  void Look();

  Dispatcher& dispatcher_;
  const absl::flat_hash_set<RoutedRequest*>& streams_;
  GaugeHandle by_events_, by_time_;
  TimerPtr timer_;
};

}  // namespace weir
