// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

#include "absl/time/time.h"

namespace weir {

// A point on the monotonic clock. Only a Dispatcher makes one (so tests move time by hand);
// the wall clock is absl::Now() and is for people and certificates only.
class MonotonicTime {
 public:
  constexpr MonotonicTime() = default;
  static constexpr MonotonicTime FromNanos(int64_t nanos) { return MonotonicTime(nanos); }
  constexpr int64_t nanos() const { return nanos_; }

  friend constexpr auto operator<=>(MonotonicTime, MonotonicTime) = default;
  friend absl::Duration operator-(MonotonicTime a, MonotonicTime b) {
    return absl::Nanoseconds(a.nanos_ - b.nanos_);
  }
  friend MonotonicTime operator+(MonotonicTime a, absl::Duration d) {
    return MonotonicTime(a.nanos_ + absl::ToInt64Nanoseconds(d));
  }

 private:
  constexpr explicit MonotonicTime(int64_t nanos) : nanos_(nanos) {}
  int64_t nanos_ = 0;
};

}  // namespace weir
