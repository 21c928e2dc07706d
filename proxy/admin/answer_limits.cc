// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/answer_limits.h"

#include <algorithm>
#include <utility>

namespace weir {

AnswerLimits::AnswerLimits(Dispatcher& dispatcher, StatsRegistry& registry)
    : dispatcher_(dispatcher),
      refused_(registry.AddCounter("weir_admin_refused_total",
                                   "Requests to the admin port refused because too much of what "
                                   "was answered before has not been read.")),
      shared_count_(registry.AddCounter(
          "weir_admin_shared_total",
          "Requests to the admin port answered with what another has just been answered.")),
      unread_gauge_(registry.AddGauge("weir_admin_unread_bytes",
                                      "Bytes of answers of the admin port that are being sent.")),
      timer_(dispatcher.CreateTimer([this] { Expire(); })) {}

// One answer may always be sent, however large.
bool AnswerLimits::Take(uint64_t bytes) {
  if (bytes > kSmallBytes && unread_ > 0 && unread_ + bytes > kMaxUnreadBytes) {
    refused_->Add();
    return false;
  }
  unread_ += bytes;
  unread_gauge_->Set(static_cast<int64_t>(unread_));
  return true;
}

void AnswerLimits::Release(uint64_t bytes) {
  unread_ -= bytes;
  unread_gauge_->Set(static_cast<int64_t>(unread_));
}

AnswerLimits::AnswerPtr AnswerLimits::Find(const std::string& target, absl::Duration max_age) {
  const auto found = shared_.find(target);
  if (found == shared_.end()) return nullptr;
  const absl::Duration age = dispatcher_.Now() - found->second.made;
  if (age >= std::min(max_age, kMaxAge)) return nullptr;
  shared_count_->Add();
  return found->second.answer;
}

void AnswerLimits::Keep(const std::string& target, AnswerPtr answer) {
  if (const auto old = shared_.find(target); old != shared_.end()) {
    shared_bytes_ -= old->second.answer->body.size();
    shared_.erase(old);
  }
  if (shared_.size() >= kMaxShared || shared_bytes_ + answer->body.size() > kMaxSharedBytes) return;
  shared_bytes_ += answer->body.size();
  shared_[target] = {std::move(answer), dispatcher_.Now()};
  if (!timer_->enabled()) timer_->Enable(kMaxAge);
}

void AnswerLimits::Expire() {
  for (auto it = shared_.begin(); it != shared_.end();) {
    if (dispatcher_.Now() - it->second.made < kMaxAge) {
      ++it;
      continue;
    }
    shared_bytes_ -= it->second.answer->body.size();
    it = shared_.erase(it);
  }
  if (!shared_.empty()) timer_->Enable(kMaxAge);
}

}  // namespace weir
