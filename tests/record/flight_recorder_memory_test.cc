// SPDX-License-Identifier: Apache-2.0
#include "tests/record/flight_recorder_fixture.h"

// A sanitizer's allocator is another, which mallinfo2() knows nothing of.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_OTHER_ALLOCATOR
#endif
#endif
#if !defined(WEIR_OTHER_ALLOCATOR) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)

#include <malloc.h>

#include "proxy/base/strings.h"

namespace weir {
namespace {

size_t Allocated() { return mallinfo2().uordblks; }

// Objects with names as long as those of pods, and what is seen of them.
class FlightRecorderMemoryTest : public testing::Test {
 protected:
  static constexpr int kObjects = 2500;   // More than of anything is kept.
  static constexpr int kRounds = 20;      // More than of one object is kept,
  static constexpr int kBusyRounds = 70;  // and of a busy one.

  SeenEvent Event(int object, const char* resource) {
    return {.resource = resource,
            .namespace_name = "a-namespace-of-some-team",
            .name = StrCat("some-deployment-7d9f8b6c5d-", 10000 + object),
            .uid = StrCat("af6a6c64-36df-41c3-9c4b-", resource, 10000000 + object),
            .type = WatchEventType::kModified,
            .version = ResourceVersion(++version_),
            .arrived = dispatcher_.Now(),
            .published = dispatcher_.Now(),
            .delivered = dispatcher_.Now(),
            .asks = SeenEvent::Asks::kChanged,
            .written = {}};
  }
  // Its own event, if it is to have one, has the same version.
  void WriteAndSee(int object, bool own_event) {
    SeenEvent event = Event(object, kFoos);
    recorder_.OnSeen({.events = {},
                      .writes = {{.resource = event.resource,
                                  .namespace_name = event.namespace_name,
                                  .name = event.name,
                                  .status = 200,
                                  .came = dispatcher_.Now(),
                                  .answered = dispatcher_.Now(),
                                  .uid = event.uid,
                                  .owners = {},
                                  .version = event.version,
                                  .audit_id = "af6a6c64-36df-41c3-9c4b-0123456789ab"}}});
    if (own_event) See(event);
  }
  void See(const SeenEvent& event) { recorder_.OnSeen({.events = {event}, .writes = {}}); }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  const size_t before_ = Allocated();
  uint64_t version_ = 0;
  FlightRecorder recorder_{dispatcher_, registry_};
};

// However many objects there are and however much happens.
TEST_F(FlightRecorderMemoryTest, IsTwoMegabytesAtMost) {
  for (int round = 0; round < kRounds; ++round) {
    for (int i = 0; i < kObjects; ++i) {
      WriteAndSee(i, round % 2 == 0);
      See(Event(i, kFoos));
    }
    dispatcher_.Advance(absl::Milliseconds(10));
  }
  for (int round = 0; round < kBusyRounds; ++round) {
    for (int i = 0; i < 600; ++i) {
      WriteAndSee(i, true);
      See(Event(i, kFoos));
    }
    dispatcher_.Advance(absl::Milliseconds(10));
  }
  for (int i = 0; i < kObjects; ++i) WriteAndSee(i, false);  // Whose events never come.
  for (int i = 0; i < kObjects; ++i) {
    See(Event(i, kFoos));
    See(Event(i, kPods));  // Nobody acts on those.
  }
  EXPECT_GT(recorder_.Stuck().size() + recorder_.Busy().size(), 0U);
  const size_t held = Allocated() - before_;
  RecordProperty("bytes", static_cast<int>(held));
  EXPECT_GT(held, 500'000U) << "it was not measured";
  EXPECT_LE(held, 2U << 20);
}

}  // namespace
}  // namespace weir

#endif
