// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/container/flat_hash_set.h"
#include "absl/time/time.h"

#include "proxy/base/stats.h"
#include "proxy/downstream/watch_stream.h"
#include "proxy/event/dispatcher.h"

namespace weir {

class RoutedRequest;

// What is counted of watches.
struct LateCounts {
  int64_t by_events = 0, by_time = 0, silent = 0;  // Watches.
  int64_t events_behind = 0;                       // Of all together.

  void Add(const Backlog& backlog, MonotonicTime now);
};

// Counts the watches of one worker whose clients do not keep up, each second while there are
// watches: a client that reads nothing at all shows nowhere else until it reads.
class LateStreams {
 public:
  static constexpr uint64_t kEvents = 10'000;
  static constexpr absl::Duration kAfter = absl::Milliseconds(500);
  static constexpr absl::Duration kInterval = absl::Seconds(1);
  // An API server sends bookmarks once a minute, and Weir passes on what they say.
  static constexpr absl::Duration kSilent = absl::Minutes(3);

  // REQUIRES: all outlive it.
  LateStreams(Dispatcher& dispatcher, const absl::flat_hash_set<RoutedRequest*>& streams,
              StatsRegistry& registry);

  // There is a stream.
  void Wake();

 private:
  void Look();

  Dispatcher& dispatcher_;
  const absl::flat_hash_set<RoutedRequest*>& streams_;
  GaugeHandle by_events_, by_time_, silent_, events_behind_;
  TimerPtr timer_;
};

}  // namespace weir
