// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <random>

#include "absl/time/time.h"

namespace weir {

struct BackoffOptions {
  absl::Duration initial = absl::Milliseconds(800);  // As client-go's Reflector waits.
  absl::Duration max = absl::Seconds(30);
  double factor = 2.0;
  double jitter = 1.0;  // A wait is drawn from [d, d * (1 + jitter)).
};

// How long to wait before the next try; grows with each, starts again on Reset().
class Backoff {
 public:
  explicit Backoff(BackoffOptions options, uint64_t seed = std::random_device{}());
  absl::Duration Next();
  void Reset();

 private:
  BackoffOptions options_;
  absl::Duration next_;
  std::minstd_rand random_;
};

}  // namespace weir
