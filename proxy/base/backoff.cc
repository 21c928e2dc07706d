// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/backoff.h"

#include <algorithm>

namespace weir {

Backoff::Backoff(BackoffOptions options, uint64_t seed)
    : options_(options),
      next_(std::min(options.initial, options.max)),
      random_(static_cast<std::minstd_rand::result_type>(seed ^ (seed >> 32))) {}

absl::Duration Backoff::Next() {
  const absl::Duration base = next_;
  next_ = std::min(next_ * options_.factor, options_.max);
  if (options_.jitter <= 0) return base;
  return base + base * std::uniform_real_distribution<double>(0, options_.jitter)(random_);
}

void Backoff::Reset() { next_ = std::min(options_.initial, options_.max); }

}  // namespace weir
