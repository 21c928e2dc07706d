// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/pinned_streams.h"

#include <algorithm>

namespace weir {
namespace {

constexpr absl::Duration kSweepInterval = absl::Seconds(1);

}  // namespace

PinnedStreams::PinnedStreams(Dispatcher& dispatcher, uint64_t budget, StatsRegistry& registry)
    : dispatcher_(dispatcher),
      budget_(budget),
      pinned_bytes_(registry.AddGauge(
          "weir_downstream_pinned_bytes",
          "Bytes of objects that live only for watches and lists that are behind the window.")) {}

void PinnedStreams::Add(PinningStream& stream) {
  streams_.insert(&stream);
  if (timer_ == nullptr) timer_ = dispatcher_.CreateTimer([this] { Sweep(); });
  if (!timer_->enabled()) timer_->Enable(kSweepInterval);
}

void PinnedStreams::Remove(PinningStream& stream) {
  if (streams_.erase(&stream) == 0 || !streams_.empty()) return;
  timer_->Disable();
  pinned_bytes_->Set(0);
}

std::vector<PinnedStreams::Pin> PinnedStreams::Measure() {
  std::vector<Pin> pins;
  pins.reserve(streams_.size());
  for (PinningStream* const stream : streams_) {
    const PinningStream::Place place = stream->place();
    if (place.bytes() > 0) pins.push_back({stream, place});
  }
  std::sort(pins.begin(), pins.end(),
            [](const Pin& a, const Pin& b) { return a.place.cache < b.place.cache; });
  return pins;
}

// Of one cache nothing is pinned that was not retired since the place that is furthest behind, so
// those that stand together cost it once. What a difference has yet to tell of may be counted
// twice, once for each of two streams that hold it.
uint64_t PinnedStreams::Total(const std::vector<Pin>& pins) {
  uint64_t total = 0;
  for (size_t i = 0; i < pins.size();) {
    const CacheReplica* const cache = pins[i].place.cache;
    uint64_t roots = 0;
    uint64_t furthest = 0;
    for (; i < pins.size() && pins[i].place.cache == cache; ++i) {
      const PinningStream::Place& place = pins[i].place;
      roots += place.by_place;
      furthest = std::max(furthest, place.retired_since);
      total += place.by_difference;
    }
    total += std::min(roots, furthest);
  }
  return total;
}

void PinnedStreams::Sweep() {
  std::vector<Pin> pins = Measure();
  streams_.clear();
  for (const Pin& pin : pins) streams_.insert(pin.stream);
  uint64_t total = Total(pins);
  while (total > budget_) {
    const auto most = std::max_element(pins.begin(), pins.end(), [](const Pin& a, const Pin& b) {
      return a.place.bytes() < b.place.bytes();
    });
    PinningStream* const stream = most->stream;
    pins.erase(most);
    stream->EndPinned();
    total = Total(pins);
  }
  pinned_bytes_->Set(static_cast<int64_t>(total));
  if (!streams_.empty()) timer_->Enable(kSweepInterval);
}

}  // namespace weir
