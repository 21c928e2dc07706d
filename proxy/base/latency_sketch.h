// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"

// How long things took, kept so that any quantile can be told to within one part in 128: 64 equal
// steps from each power of two to the next, from about a microsecond to about a day.

namespace weir {

// Numbers of observations by step. A value.
class LatencyCounts {
 public:
  void Add(uint16_t step, uint64_t n);
  void Add(const LatencyCounts& other);
  // What has come since `earlier`, which was taken of the same observations.
  LatencyCounts Since(const LatencyCounts& earlier) const;

  uint64_t count() const;
  // The middle of the step that the quantile is in, 0 <= q <= 1; zero of no observations.
  absl::Duration Quantile(double q) const;
  absl::Duration Max() const { return Quantile(1); }

 private:
  std::vector<std::pair<uint16_t, uint64_t>> steps_;  // In order; none is of zero observations.
};

// Takes observations on one thread and is read on any. What was never needed of it takes no memory.
class LatencySketch {
 public:
  LatencySketch() = default;
  ~LatencySketch();
  LatencySketch(const LatencySketch&) = delete;
  LatencySketch& operator=(const LatencySketch&) = delete;

  void Observe(absl::Duration d, uint64_t n = 1);
  LatencyCounts Read() const;

 private:
  static constexpr int kFirstBits = 10;  // Below 2^10 ns there is one step.
  static constexpr int kLastBits = 46;   // From 2^46 ns on there is one.
  static constexpr int kStepBits = 6;
  static constexpr size_t kSteps = size_t{1} << kStepBits;
  using Octave = std::array<std::atomic<uint64_t>, kSteps>;
  friend class LatencyCounts;

  static uint16_t StepOf(uint64_t nanos);
  static absl::Duration MiddleOf(uint16_t step);

  // Those below 2^10 ns are in the first step of the first, those from 2^46 ns in the last one's.
  std::array<std::atomic<Octave*>, kLastBits - kFirstBits + 2> octaves_{};
};

}  // namespace weir
