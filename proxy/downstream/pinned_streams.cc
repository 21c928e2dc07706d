// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/pinned_streams.h"

#include <algorithm>

#include "proxy/downstream/watch_stream.h"

namespace weir {
namespace {

constexpr absl::Duration kSweepInterval = absl::Seconds(1);

}  // namespace

// Where a stream stands in its cache, and what that costs.
struct PinnedStreams::Place {
  WatchStream* stream;
  const CacheReplica* cache;
  uint64_t retired_since;
  WatchCursor::Pinned pinned;
};

PinnedStreams::PinnedStreams(Dispatcher& dispatcher, uint64_t budget, StatsRegistry& registry)
    : dispatcher_(dispatcher),
      budget_(budget),
      pinned_bytes_(registry.AddGauge(
          "weir_downstream_pinned_bytes",
          "Bytes of objects that live only for watches that are behind the window.")) {}

void PinnedStreams::Add(WatchStream& stream) {
  streams_.insert(&stream);
  if (timer_ == nullptr) timer_ = dispatcher_.CreateTimer([this] { Sweep(); });
  if (!timer_->enabled()) timer_->Enable(kSweepInterval);
}

void PinnedStreams::Remove(WatchStream& stream) {
  if (streams_.erase(&stream) == 0 || !streams_.empty()) return;
  timer_->Disable();
  pinned_bytes_->Set(0);
}

std::vector<PinnedStreams::Place> PinnedStreams::Measure() {
  std::vector<Place> places;
  places.reserve(streams_.size());
  for (WatchStream* const stream : streams_) {
    const WatchCursor& cursor = stream->cursor();
    const WatchCursor::Pinned pinned = cursor.pinned();
    if (pinned.bytes() > 0) {
      places.push_back({stream, &cursor.replica(), cursor.retired_since(), pinned});
    }
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.cache < b.cache; });
  return places;
}

// Of one cache nothing is pinned that was not retired since the place that is furthest behind, so
// those that stand together cost it once. What a difference has yet to tell of may be counted
// twice, once for each of two streams that hold it.
uint64_t PinnedStreams::Total(const std::vector<Place>& places) {
  uint64_t total = 0;
  for (size_t i = 0; i < places.size();) {
    const CacheReplica* const cache = places[i].cache;
    uint64_t roots = 0;
    uint64_t furthest = 0;
    for (; i < places.size() && places[i].cache == cache; ++i) {
      roots += places[i].pinned.by_place;
      furthest = std::max(furthest, places[i].retired_since);
      total += places[i].pinned.by_difference;
    }
    total += std::min(roots, furthest);
  }
  return total;
}

void PinnedStreams::Sweep() {
  std::vector<Place> places = Measure();
  streams_.clear();
  for (const Place& place : places) streams_.insert(place.stream);
  uint64_t total = Total(places);
  while (total > budget_) {
    const auto most = std::max_element(
        places.begin(), places.end(),
        [](const Place& a, const Place& b) { return a.pinned.bytes() < b.pinned.bytes(); });
    WatchStream* const stream = most->stream;
    places.erase(most);
    stream->EndPinned();  // Removes it.
    total = Total(places);
  }
  pinned_bytes_->Set(static_cast<int64_t>(total));
  if (!streams_.empty()) timer_->Enable(kSweepInterval);
}

}  // namespace weir
