// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/time/time.h"

#include "proxy/base/clock.h"

namespace weir {

// When a stream's connection had been handed everything up to which Revision. Written as the stream
// sends, and read some time later by who tells of the events. Times are early by less than kStep,
// and so all that is noted from one reading to the next takes 1 KiB at most.
class DeliveryMarks {
 public:
  static constexpr absl::Duration kStep = absl::Milliseconds(5);
  static constexpr size_t kMarks = 64;

  void Reached(uint64_t sequence, MonotonicTime now) {
    if (!marks_.empty() && sequence <= marks_.back().sequence) return;
    if (!marks_.empty() && now - marks_.back().at < kStep) {
      marks_.back().sequence = sequence;
      return;
    }
    // What the oldest says is then said by the next one, which is later.
    if (marks_.size() == kMarks) marks_.erase(marks_.begin());
    marks_.push_back({sequence, now});
  }
  // nullopt: not yet.
  std::optional<MonotonicTime> When(uint64_t sequence) const {
    const auto at = FirstFrom(sequence);
    if (at == marks_.end()) return std::nullopt;
    return at->at;
  }
  // Nobody will ask when anything up to there was.
  void Forget(uint64_t through) {
    if (marks_.empty()) return;
    marks_.erase(marks_.begin(), std::min(FirstFrom(through), marks_.cend() - 1));
  }
  size_t size() const { return marks_.size(); }

 private:
  struct Mark {
    uint64_t sequence;
    MonotonicTime at;
  };
  std::vector<Mark>::const_iterator FirstFrom(uint64_t sequence) const {
    return std::partition_point(marks_.begin(), marks_.end(),
                                [sequence](const Mark& m) { return m.sequence < sequence; });
  }

  std::vector<Mark> marks_;  // Both count up.
};

}  // namespace weir
