// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_set.h"

#include "proxy/base/stats.h"
#include "proxy/event/dispatcher.h"

namespace weir {

class WatchStream;

// The watches of one worker that are so far behind that objects live for them alone. Being slow is
// no reason to end a watch, but together they may hold no more than a budget: looks at them each
// second, while there are any, and ends those that hold most while they are over it.
class PinnedStreams {
 public:
  // REQUIRES: both outlive it.
  PinnedStreams(Dispatcher& dispatcher, uint64_t budget, StatsRegistry& registry);

  // For a stream that pins something; again and again is as good as once. Forgets it by itself
  // when it has caught up. REQUIRES: the stream calls Remove() before it goes.
  void Add(WatchStream& stream);
  void Remove(WatchStream& stream);
  size_t size() const { return streams_.size(); }

 private:
  struct Place;
  void Sweep();
  // The places of those that pin something, by cache.
  std::vector<Place> Measure();
  // At most so much do they pin together.
  static uint64_t Total(const std::vector<Place>& places);

  Dispatcher& dispatcher_;
  const uint64_t budget_;
  GaugeHandle pinned_bytes_;
  absl::flat_hash_set<WatchStream*> streams_;
  TimerPtr timer_;  // Runs while there are streams.
};

}  // namespace weir
