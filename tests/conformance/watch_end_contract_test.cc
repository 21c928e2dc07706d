// SPDX-License-Identifier: Apache-2.0
//
// How watches end, and what a client that goes on where it was may rely on.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_P(FakeServerContractTest, CompactedVersionIsAnErrorInTheStream) {
  const uint64_t since = Create("default", "a");
  Set("default", "a", "1");
  fake().Compact();
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", since));
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->Next()->ToString(), "ERROR 410 Expired");
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
}

TEST_P(WatchContractTest, TimeoutSecondsEndsTheStreamCleanly) {
  Create("default", "a");
  Warm();
  TestClientOptions options = Options();
  options.alpn = {"http/1.1"};
  TestClient http1(options);
  const std::string query = StrCat("timeoutSeconds=1&resourceVersion=", server_.version());
  const auto watch = Watch(query);
  const auto http1_watch = http1.Watch(Url("watch=1&" + query), Accepting());
  const auto initial = Watch("timeoutSeconds=1&resourceVersion=0");
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(http1_watch->status(), 200);
  const uint64_t b = Create("default", "b");
  for (const auto* ending : {&watch, &http1_watch}) {
    EXPECT_EQ((*ending)->WaitForEnd(), TestWatch::State::kEnded);
    EXPECT_EQ((*ending)->Next()->ToString(), StrCat("ADDED default/b@", b));
    EXPECT_FALSE((*ending)->Next().has_value());
  }
  EXPECT_EQ(initial->WaitForEnd(), TestWatch::State::kEnded);
  ExpectFromCache("watch", 3);
}

TEST_P(WatchContractTest, ResumedWatchLosesAndRepeatsNothing) {
  Create("default", "a");
  Warm();
  uint64_t seen = server_.version();
  std::vector<uint64_t> versions;
  std::vector<uint64_t> want;
  for (int round = 0; round < 5; ++round) {
    want.push_back(Set("default", "a", StrCat("x", round)));
    const auto watch = Watch(StrCat("resourceVersion=", seen));
    want.push_back(Set("default", "a", StrCat("y", round)));
    for (const TestEvent& event : watch->UntilVersion(want.back())) {
      versions.push_back(event.version);
    }
    seen = versions.back();
  }
  EXPECT_EQ(versions, want);
}

TEST_P(WatchContractTest, TimeoutSecondsIsCountedFromTheRequest) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("timeoutSeconds=1&resourceVersion=", server_.version()));
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->WaitForEnd(absl::Milliseconds(300)), TestWatch::State::kOpen);
  EXPECT_EQ(watch->WaitForEnd(absl::Seconds(20)), TestWatch::State::kEnded);
}

TEST_P(WatchContractTest, TimeoutSecondsZeroIsNoTimeout) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("timeoutSeconds=0&resourceVersion=", server_.version()));
  EXPECT_EQ(watch->status(), 200);
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", b));
  EXPECT_EQ(watch->state(), TestWatch::State::kOpen);
}

TEST_P(WatchContractTest, NegativeTimeoutSecondsIsOverAtOnce) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("timeoutSeconds=-1&resourceVersion=", server_.version()));
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
  EXPECT_FALSE(watch->Next().has_value());
}

TEST_P(WatchContractTest, TimeoutSecondsEndsAStreamListCleanly) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat(kStreamList, "&timeoutSeconds=1&resourceVersion=0"));
  EXPECT_THAT(watch->UntilInitialEnd(), SizeIs(2));
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
}

TEST_P(WatchContractTest, WatchThatTimedOutIsResumedWhereItWas) {
  Create("default", "a");
  Warm();
  const auto first = Watch(StrCat("timeoutSeconds=1&resourceVersion=", server_.version()));
  EXPECT_EQ(first->status(), 200);
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(first->Next()->version, b);
  EXPECT_EQ(first->WaitForEnd(), TestWatch::State::kEnded);
  const uint64_t c = Create("default", "c");
  EXPECT_EQ(Watch(StrCat("resourceVersion=", b))->Next()->ToString(),
            StrCat("ADDED default/c@", c));
}

TEST_P(WatchContractTest, AbandonedWatchLeavesOthersAlone) {
  Create("default", "a");
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  const auto kept = Watch(query);
  ASSERT_EQ(kept->status(), 200);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Watch(query)->status(), 200);
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(kept->Next()->ToString(), StrCat("ADDED default/b@", b));
}

TEST_P(FakeServerContractTest, StreamOfAnExpiredVersionIsFollowedByAListThatGoesOn) {
  const uint64_t since = Create("default", "a");
  Set("default", "a", "1");
  fake().Compact();
  Warm();
  // The way of a reflector: an expired watch, a list not older than what it knows, a watch of that.
  EXPECT_EQ(Watch(StrCat("resourceVersion=", since))->Next()->ToString(), "ERROR 410 Expired");
  const TestResponse list = List(StrCat("resourceVersion=", since));
  EXPECT_EQ(list.status, 200);
  const auto watch = Watch(StrCat("resourceVersion=", Decode(list).version));
  ASSERT_EQ(watch->status(), 200);
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", b));
}

TEST_P(FakeServerContractTest, EndOfTheServersWatchesLosesNothing) {
  Create("default", "a");
  Warm();
  uint64_t seen = server_.version();
  std::unique_ptr<TestWatch> watch = Watch(StrCat("resourceVersion=", seen));
  ASSERT_EQ(watch->status(), 200);
  for (int i = 0; i < 5; ++i) {
    fake().EndWatches();
    const uint64_t version = Create("default", StrCat("b", i));
    std::optional<TestEvent> event = watch->Next();
    // A client sees a clean end or none, and resumes.
    if (!event) {
      EXPECT_EQ(watch->state(), TestWatch::State::kEnded);
      watch = Watch(StrCat("resourceVersion=", seen));
      event = watch->Next();
    }
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->ToString(), StrCat("ADDED default/b", i, "@", version));
    seen = version;
  }
}

TEST_P(FakeServerContractTest, SilentBreakOfTheServersWatchesLosesNothing) {
  Create("default", "a");
  Warm();
  uint64_t seen = server_.version();
  for (int i = 0; i < 3; ++i) {
    const auto watch = Watch(StrCat("resourceVersion=", seen));
    ASSERT_EQ(watch->status(), 200);
    const uint64_t before = Create("default", StrCat("b", i));
    EXPECT_EQ(watch->Next()->version, before);
    fake().ResetWatches();
    const uint64_t after = Create("default", StrCat("c", i));
    std::optional<TestEvent> event = watch->Next();
    if (!event) event = Watch(StrCat("resourceVersion=", before))->Next();
    ASSERT_TRUE(event.has_value());
    EXPECT_EQ(event->ToString(), StrCat("ADDED default/c", i, "@", after));
    seen = after;
  }
}

TEST_P(FakeServerContractTest, StreamListIsRefusedWhereTheServerHasNone) {
  Create("default", "a");
  fake().With([](FakeApiState& s) { s.stream_list = false; });
  const auto watch = Watch(StrCat(kStreamList, "&resourceVersion=0"));
  if (through_weir()) {
    // Weir has it, whatever the server can do.
    EXPECT_THAT(watch->UntilInitialEnd(), SizeIs(2));
    return;
  }
  EXPECT_EQ(watch->status(), 422);
}

TEST_P(FakeServerContractTest, LaggingServersListSaysTooLarge) {
  const uint64_t a = Create("default", "a");
  Warm();
  fake().With([a](FakeApiState& s) { s.lag = a; });
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(List(StrCat("resourceVersion=", b)).status, 504);
  EXPECT_THAT(Keys(List("resourceVersion=0")), ElementsAre("default/a"));
  fake().With([](FakeApiState& s) { s.lag.reset(); });
  server_.SendBookmarks();
  EXPECT_THAT(Keys(List(StrCat("resourceVersion=", b))), ElementsAre("default/a", "default/b"));
}

}  // namespace
}  // namespace weir
