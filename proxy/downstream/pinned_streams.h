// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_set.h"

#include "proxy/base/stats.h"
#include "proxy/cache/cache_replica.h"
#include "proxy/event/dispatcher.h"

namespace weir {

// An answer that is read from a past state of a cache.
class PinningStream {
 public:
  // Where it stands in its cache, and what that costs.
  struct Place {
    const CacheReplica* cache;
    uint64_t retired_since;  // See WatchWindow.
    uint64_t by_place;       // Of that, no more than there was in its state.
    uint64_t by_difference = 0;
    uint64_t bytes() const { return by_place + by_difference; }
  };
  // REQUIRES: it has not ended.
  virtual Place place() const = 0;
  // Removes itself. REQUIRES: it has been added and not removed.
  virtual void EndPinned() = 0;

 protected:
  ~PinningStream() = default;
};

// The watches and lists of one worker that are so far behind that objects live for them alone.
// Being slow is no reason to end a watch, but together they may hold no more than a budget: looks
// at them each second, while there are any, and ends those that hold most while they are over it.
class PinnedStreams {
 public:
  // REQUIRES: both outlive it.
  PinnedStreams(Dispatcher& dispatcher, uint64_t budget, StatsRegistry& registry);

  // For a stream that pins something; again and again is as good as once. Forgets it by itself
  // when it has caught up. REQUIRES: the stream calls Remove() before it goes.
  void Add(PinningStream& stream);
  void Remove(PinningStream& stream);
  size_t size() const { return streams_.size(); }

 private:
  struct Pin {
    PinningStream* stream;
    PinningStream::Place place;
  };
  void Sweep();
  // Of those that pin something, by cache.
  std::vector<Pin> Measure();
  // At most so much do they pin together.
  static uint64_t Total(const std::vector<Pin>& pins);

  Dispatcher& dispatcher_;
  const uint64_t budget_;
  GaugeHandle pinned_bytes_;
  absl::flat_hash_set<PinningStream*> streams_;
  TimerPtr timer_;  // Runs while there are streams.
};

}  // namespace weir
