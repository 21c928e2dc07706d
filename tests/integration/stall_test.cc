// SPDX-License-Identifier: Apache-2.0
//
// A loop that does something else for a while: that is Weir's own doing, and is told as such.
#include "tests/integration/integration.h"

namespace weir {
namespace {

using StallIntegrationTest = IntegrationTest;

// How long an event waits for a loop depends on when it comes, so it is tried until it shows; it
// never shows in what the API server or the client would be blamed for.
TEST_P(StallIntegrationTest, TimeLostInALoopIsIngestOrDispatchAndAStall) {
  constexpr absl::Duration kBlock = absl::Milliseconds(50);
  Create("a");
  StartWeir();
  const auto watch = client_->Watch(kInformer);
  WatchModel model;
  Follow(*watch, model);
  ASSERT_FALSE(HasFatalFailure());
  const auto longest = [this] {
    return std::max(weir_->Latencies("weir_cache_ingest_seconds").Max(),
                    weir_->Latencies("weir_downstream_dispatch_seconds").Max());
  };
  for (int i = 0; i < 100 && longest() < kBlock / 2; ++i) {
    weir_->Block(kBlock);
    Set("a", StrCat(i));
    Follow(*watch, model);
    ASSERT_FALSE(HasFatalFailure());
  }
  EXPECT_GE(longest(), kBlock / 2);
  const LatencyCounts stalls = weir_->Latencies("weir_event_loop_stall_seconds");
  EXPECT_GE(stalls.count(), 1U);
  EXPECT_GE(stalls.Max(), kBlock * 0.99) << "a sketch is exact to one part in 128";
  EXPECT_EQ(weir_->Latencies("weir_downstream_backlog_seconds").count(), 0U);
}

INSTANTIATE_TEST_SUITE_P(Workers, StallIntegrationTest, testing::Values(1, 3), WorkersName);

}  // namespace
}  // namespace weir
