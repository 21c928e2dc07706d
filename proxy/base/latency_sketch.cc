// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/latency_sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir {

void LatencyCounts::Add(uint16_t step, uint64_t n) {
  if (n == 0) return;
  const auto at =
      std::lower_bound(steps_.begin(), steps_.end(), step,
                       [](const auto& entry, uint16_t wanted) { return entry.first < wanted; });
  if (at != steps_.end() && at->first == step) {
    at->second += n;
  } else {
    steps_.emplace(at, step, n);
  }
}

void LatencyCounts::Add(const LatencyCounts& other) {
  for (const auto& [step, n] : other.steps_) Add(step, n);
}

LatencyCounts LatencyCounts::Since(const LatencyCounts& earlier) const {
  LatencyCounts since;
  auto before = earlier.steps_.begin();
  for (const auto& [step, n] : steps_) {
    while (before != earlier.steps_.end() && before->first < step) ++before;
    const bool known = before != earlier.steps_.end() && before->first == step;
    const uint64_t old = known ? before->second : 0;
    if (n > old) since.steps_.emplace_back(step, n - old);
  }
  return since;
}

uint64_t LatencyCounts::count() const {
  uint64_t all = 0;
  for (const auto& [step, n] : steps_) all += n;
  return all;
}

absl::Duration LatencyCounts::Quantile(double q) const {
  const uint64_t all = count();
  const auto rank = static_cast<uint64_t>(std::ceil(std::clamp(q, 0.0, 1.0) * all));
  uint64_t seen = 0;
  for (const auto& [step, n] : steps_) {
    seen += n;
    if (seen >= std::max<uint64_t>(rank, 1)) return LatencySketch::MiddleOf(step);
  }
  return absl::ZeroDuration();
}

LatencySketch::~LatencySketch() {
  for (std::atomic<Octave*>& octave : octaves_) delete octave.load(std::memory_order_relaxed);
}

uint16_t LatencySketch::StepOf(uint64_t nanos) {
  const int bits = std::bit_width(nanos) - 1;  // -1 of zero.
  if (bits < kFirstBits) return 0;
  if (bits >= kLastBits) return static_cast<uint16_t>((kLastBits - kFirstBits + 1) * kSteps);
  const uint64_t within = (nanos >> (bits - kStepBits)) & (kSteps - 1);
  return static_cast<uint16_t>((bits - kFirstBits + 1) * kSteps + within);
}

absl::Duration LatencySketch::MiddleOf(uint16_t step) {
  if (step < kSteps) return absl::Nanoseconds(int64_t{1} << (kFirstBits - 1));
  const int bits = static_cast<int>(step / kSteps) - 1 + kFirstBits;
  const int64_t width = int64_t{1} << (bits - kStepBits);
  const auto within = static_cast<int64_t>(step % kSteps);
  return absl::Nanoseconds((int64_t{1} << bits) + within * width + width / 2);
}

void LatencySketch::Observe(absl::Duration d, uint64_t n) {
  const int64_t nanos = std::max<int64_t>(absl::ToInt64Nanoseconds(d), 0);
  const uint16_t step = StepOf(static_cast<uint64_t>(nanos));
  std::atomic<Octave*>& place = octaves_[step / kSteps];
  Octave* octave = place.load(std::memory_order_relaxed);
  if (octave == nullptr) {
    octave = new Octave{};
    place.store(octave, std::memory_order_release);  // For readers on other threads.
  }
  std::atomic<uint64_t>& counter = (*octave)[step % kSteps];
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

LatencyCounts LatencySketch::Read() const {
  LatencyCounts counts;
  for (size_t i = 0; i < octaves_.size(); ++i) {
    const Octave* octave = octaves_[i].load(std::memory_order_acquire);
    if (octave == nullptr) continue;
    for (size_t j = 0; j < kSteps; ++j) {
      counts.Add(static_cast<uint16_t>(i * kSteps + j),
                 (*octave)[j].load(std::memory_order_relaxed));
    }
  }
  return counts;
}

}  // namespace weir
