// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/stats.h"
#include "proxy/event/dispatcher.h"

namespace weir {

// What keeps many readers of the admin port, and readers that do not read, from costing much: bytes
// of answers that have been made and whose requests are not over, and answers that are young enough
// for somebody else. One thread.
class AnswerLimits {
 public:
  static constexpr uint64_t kMaxUnreadBytes = 32 << 20;
  // What is no larger is always sent: a kubelet's probe must not fail for what others do not read.
  static constexpr uint64_t kSmallBytes = 4 << 10;
  // No older answer is given to who accepts one (Cache-Control: max-age).
  static constexpr absl::Duration kMaxAge = absl::Seconds(1);
  static constexpr size_t kMaxShared = 64;              // Answers,
  static constexpr uint64_t kMaxSharedBytes = 8 << 20;  // and their bytes.
  struct Answer {
    std::string_view content_type;
    std::string body;
  };
  using AnswerPtr = std::shared_ptr<const Answer>;

  AnswerLimits(Dispatcher& dispatcher, StatsRegistry& registry);

  // Whether an answer of so many bytes may be sent. If so, Release() them when it is over.
  [[nodiscard]] bool Take(uint64_t bytes);
  void Release(uint64_t bytes);

  // The answer to `target`, if there is one that is no older than `max_age`.
  AnswerPtr Find(const std::string& target, absl::Duration max_age);
  void Keep(const std::string& target, AnswerPtr answer);

 private:
  struct Shared {
    AnswerPtr answer;
    MonotonicTime made;
  };
  void Expire();

  Dispatcher& dispatcher_;
  CounterHandle refused_, shared_count_;
  GaugeHandle unread_gauge_;
  uint64_t unread_ = 0;
  uint64_t shared_bytes_ = 0;
  std::map<std::string, Shared> shared_;
  TimerPtr timer_;
};

}  // namespace weir
