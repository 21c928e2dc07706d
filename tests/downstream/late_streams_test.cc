// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/late_streams.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

class LateCountsTest : public testing::Test {
 protected:
  MonotonicTime Ago(absl::Duration d) const { return now_ + -d; }

  const MonotonicTime now_ = MonotonicTime() + absl::Hours(1);
  LateCounts counts_;
};

TEST_F(LateCountsTest, AStreamThatKeepsUpIsNotCounted) {
  counts_.Add({}, now_);
  counts_.Add(
      {.events = 9'999, .oldest = Ago(absl::Milliseconds(499)), .heard = Ago(absl::Seconds(179))},
      now_);
  EXPECT_EQ(counts_.by_events, 0);
  EXPECT_EQ(counts_.by_time, 0);
  EXPECT_EQ(counts_.silent, 0);
  EXPECT_EQ(counts_.events_behind, 9'999);
}

TEST_F(LateCountsTest, OneThatDoesNotIsCountedByWhatItLacks) {
  counts_.Add({.events = 10'000}, now_);
  counts_.Add({.events = 3, .oldest = Ago(absl::Milliseconds(500))}, now_);
  counts_.Add({.heard = Ago(absl::Minutes(3))}, now_);
  counts_.Add({.heard = Ago(absl::Minutes(4))}, now_);
  EXPECT_EQ(counts_.by_events, 1);
  EXPECT_EQ(counts_.by_time, 1);
  EXPECT_EQ(counts_.silent, 2);
  EXPECT_EQ(counts_.events_behind, 10'003);
}

}  // namespace
}  // namespace weir
