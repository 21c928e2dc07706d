// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "absl/time/time.h"

#include "proxy/base/backoff.h"

namespace weir {

struct CacherOptions {
  size_t window_events = 10000;    // Events kept for readers that resume or lag.
  size_t window_bytes = 16 << 20;  // Bytes kept alive by them beyond the objects themselves.
  // Kept up to four times window_bytes (an API server starts with 100).
  size_t window_min_events = 100;
  absl::Duration idle_timeout = absl::Minutes(5);  // Without readers: dropped after this.
  size_t max_caches = 1000;  // Of one worker; what is asked for beyond is forwarded.
  // Bytes of all caches of the process, objects and windows; beyond it no new cache is made.
  size_t byte_budget = 512 << 20;
  absl::Duration retry_unavailable = absl::Seconds(10);    // Forwarded meanwhile, after 403, 404...
  absl::Duration stream_list_timeout = absl::Seconds(60);  // To the end bookmark; then LIST.
  BackoffOptions backoff = {};
};

}  // namespace weir
