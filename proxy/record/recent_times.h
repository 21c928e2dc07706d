// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "absl/time/time.h"

#include "proxy/base/clock.h"

namespace weir {

// When something has happened in the window, but for no more than so many times. They may be told
// in any order.
class RecentTimes {
 public:
  void Add(MonotonicTime time) {
    const auto at = std::upper_bound(times_.begin(), times_.end(), time);
    if (times_.size() < kTimes) {
      times_.insert(at, time);
    } else if (at != times_.begin()) {
      // The oldest goes. Not by way of one more: the vector would double.
      *std::move(times_.begin() + 1, at, times_.begin()) = time;
    }
  }
  void Remove(MonotonicTime time) {
    const auto at = std::find(times_.begin(), times_.end(), time);
    if (at != times_.end()) times_.erase(at);
  }
  size_t Count(MonotonicTime now) const {
    return std::count_if(times_.begin(), times_.end(),
                         [now](MonotonicTime t) { return now - t <= kWindow; });
  }
  // From the first to the last of them. A few within a second say nothing of more than that second.
  double PerSecond(MonotonicTime now) const {
    const size_t count = Count(now);
    if (count < 2) return 0;
    const absl::Duration span = times_.back() - times_[times_.size() - count];
    const double least = count == kTimes ? 0.001 : 1;
    return static_cast<double>(count - 1) / std::max(absl::ToDoubleSeconds(span), least);
  }

 private:
  static constexpr absl::Duration kWindow = absl::Seconds(5);
  static constexpr size_t kTimes = 64;

  std::vector<MonotonicTime> times_;
};

}  // namespace weir
