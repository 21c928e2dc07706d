// SPDX-License-Identifier: Apache-2.0
#include <string>

#include "gtest/gtest.h"
#include <malloc.h>

#include "proxy/base/strings.h"
#include "tests/record/flight_recorder_fixture.h"

namespace weir {
namespace {

// A sanitizer's allocator is another.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCounted = false;
#else
constexpr bool kCounted = true;
#endif

size_t Allocated() { return mallinfo2().uordblks; }

// With names as long as those of pods, and more of everything than is remembered: what the recorder
// holds has a bound, however many objects there are.
TEST(FlightRecorderMemoryTest, IsTwoMegabytesAtMost) {
  ManualDispatcher dispatcher;
  StatsRegistry registry;
  const size_t before = Allocated();
  FlightRecorder recorder(dispatcher, registry);
  for (uint64_t round = 1; round <= 70; ++round) {
    for (int i = 0; i<6000; i += round> 2 ? 20 : 1) {
      const std::string name = StrCat("some-deployment-7d9f8b6c5d-", 10000 + i);
      const std::string uid = StrCat("af6a6c64-36df-41c3-9c4b-d72882be", 1000 + i);
      SeenEvent event{.resource = i % 2 == 0 ? "pods" : "foos.samplecontroller.k8s.io",
                      .namespace_name = "a-namespace-of-some-team",
                      .name = name,
                      .uid = uid,
                      .type = WatchEventType::kModified,
                      .version = ResourceVersion(10000 * round + i),
                      .published = dispatcher.Now(),
                      .asks = SeenEvent::Asks::kChanged,
                      .written = {}};
      SeenWrite write{.resource = event.resource,
                      .namespace_name = event.namespace_name,
                      .name = name,
                      .status = 200,
                      .came = dispatcher.Now(),
                      .answered = dispatcher.Now(),
                      .uid = uid,
                      .owners = {},
                      .version = event.version};
      // Events that nobody acts on, writes whose event has not come, and both.
      if (i % 3 != 0) recorder.OnSeen({.events = {event}, .writes = {}});
      if (i % 3 != 1) recorder.OnSeen({.events = {}, .writes = {write}});
    }
    dispatcher.Advance(absl::Milliseconds(50));
  }
  const size_t held = Allocated() - before;
  RecordProperty("bytes", static_cast<int>(held));
  if (!kCounted) return;
  EXPECT_GT(held, 100'000U) << "it was measured at all";
  EXPECT_LE(held, 2'000'000U);
}

}  // namespace
}  // namespace weir
