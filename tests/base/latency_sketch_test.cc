// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/latency_sketch.h"

#include <thread>

#include "gtest/gtest.h"

namespace weir {
namespace {

// To within one part in 128.
void ExpectNear(absl::Duration got, absl::Duration want) {
  EXPECT_LE(absl::AbsDuration(got - want), want / 128) << got << " and not " << want;
}

TEST(LatencySketchTest, TellsADurationFromAMicrosecondToADay) {
  for (absl::Duration d = absl::Microseconds(2); d < absl::Hours(19); d *= 1.37) {
    LatencySketch sketch;
    sketch.Observe(d);
    ExpectNear(sketch.Read().Quantile(0.5), d);
  }
}

TEST(LatencySketchTest, WhatIsOutOfRangeIsAtItsEnds) {
  LatencySketch sketch;
  sketch.Observe(absl::Seconds(-1));
  sketch.Observe(absl::Nanoseconds(3));
  sketch.Observe(absl::Hours(1000));
  EXPECT_EQ(sketch.Read().count(), 3u);
  EXPECT_LT(sketch.Read().Quantile(0.5), absl::Microseconds(1));
  EXPECT_GT(sketch.Read().Max(), absl::Hours(19));
}

TEST(LatencySketchTest, QuantilesAreThoseOfTheObservations) {
  LatencySketch sketch;
  for (int i = 1; i <= 1000; ++i) sketch.Observe(absl::Milliseconds(i));
  const LatencyCounts counts = sketch.Read();
  ExpectNear(counts.Quantile(0), absl::Milliseconds(1));
  ExpectNear(counts.Quantile(0.5), absl::Milliseconds(500));
  ExpectNear(counts.Quantile(0.99), absl::Milliseconds(990));
  ExpectNear(counts.Max(), absl::Milliseconds(1000));
  EXPECT_EQ(LatencyCounts().Quantile(0.5), absl::ZeroDuration());
}

TEST(LatencySketchTest, OneObservationCanStandForMany) {
  LatencySketch sketch;
  sketch.Observe(absl::Milliseconds(1), 99);
  sketch.Observe(absl::Seconds(1));
  EXPECT_EQ(sketch.Read().count(), 100u);
  ExpectNear(sketch.Read().Quantile(0.99), absl::Milliseconds(1));
  ExpectNear(sketch.Read().Quantile(0.995), absl::Seconds(1));
}

TEST(LatencySketchTest, CountsAddUpAndCanBeTakenApart) {
  LatencySketch sketch, other;
  sketch.Observe(absl::Milliseconds(1), 10);
  const LatencyCounts earlier = sketch.Read();
  sketch.Observe(absl::Milliseconds(1), 2);
  sketch.Observe(absl::Milliseconds(7), 3);
  const LatencyCounts since = sketch.Read().Since(earlier);
  EXPECT_EQ(since.count(), 5u);
  ExpectNear(since.Quantile(0.5), absl::Milliseconds(7));
  other.Observe(absl::Milliseconds(3));
  LatencyCounts sum = since;
  sum.Add(other.Read());
  EXPECT_EQ(sum.count(), 6u);
  ExpectNear(sum.Quantile(0.5), absl::Milliseconds(3));
  EXPECT_EQ(earlier.Since(sketch.Read()).count(), 0u);
}

TEST(LatencySketchTest, IsReadWhileItIsWritten) {
  LatencySketch sketch;
  std::thread writer([&sketch] {
    for (int i = 0; i < 100'000; ++i) sketch.Observe(absl::Microseconds(i));
  });
  uint64_t before = 0;
  for (int i = 0; i < 100; ++i) {
    const uint64_t now = sketch.Read().count();
    EXPECT_GE(now, before);
    before = now;
  }
  writer.join();
  EXPECT_EQ(sketch.Read().count(), 100'000u);
}

}  // namespace
}  // namespace weir
