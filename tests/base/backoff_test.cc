// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/backoff.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(BackoffTest, DoublesUpToTheLongestWait) {
  Backoff backoff({.initial = absl::Seconds(1), .max = absl::Seconds(5), .jitter = 0});
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
  EXPECT_EQ(backoff.Next(), absl::Seconds(2));
  EXPECT_EQ(backoff.Next(), absl::Seconds(4));
  EXPECT_EQ(backoff.Next(), absl::Seconds(5));
  EXPECT_EQ(backoff.Next(), absl::Seconds(5));
}

TEST(BackoffTest, StartsAgainAfterReset) {
  Backoff backoff({.initial = absl::Seconds(1), .jitter = 0});
  backoff.Next();
  backoff.Next();
  backoff.Reset();
  EXPECT_EQ(backoff.Next(), absl::Seconds(1));
}

TEST(BackoffTest, JitterOnlyAdds) {
  for (uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff({.initial = absl::Seconds(1), .jitter = 0.5}, seed);
    const absl::Duration wait = backoff.Next();
    EXPECT_GE(wait, absl::Seconds(1));
    EXPECT_LT(wait, absl::Seconds(1.5));
  }
}

TEST(BackoffTest, DifferentSeedsSpread) {
  Backoff one({}, 1);
  Backoff other({}, uint64_t{2} << 40);
  EXPECT_NE(one.Next(), other.Next());
}

}  // namespace
}  // namespace weir
