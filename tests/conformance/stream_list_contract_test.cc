// SPDX-License-Identifier: Apache-2.0
//
// Stream-list (KEP-3157): a watch that begins with every object and says when it has sent them.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

TEST_P(WatchContractTest, StreamListEndsItsInitialEventsWithABookmark) {
  const uint64_t a = Create("default", "a");
  const uint64_t b = Create("default", "b");
  const auto watch = Watch(StrCat(kStreamList, "&resourceVersion=0"));
  EXPECT_EQ(watch->status(), 200);
  const auto events = watch->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_EQ(events[0].ToString(), StrCat("ADDED default/a@", a));
  EXPECT_EQ(events[1].ToString(), StrCat("ADDED default/b@", b));
  EXPECT_TRUE(events[2].initial_events_end);
  EXPECT_GE(events[2].version, b);
  ExpectFromCache("watch");
}

TEST_P(WatchContractTest, StreamListOfNothingEndsItsInitialEventsToo) {
  const auto watch = Watch(StrCat(kStreamList, "&resourceVersion=0"));
  const auto events = watch->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_TRUE(events[0].initial_events_end);
  const uint64_t a = Create("default", "a");
  EXPECT_THAT(Strings(watch->UntilVersion(a)).back(), StrCat("ADDED default/a@", a));
}

TEST_P(WatchContractTest, StreamListHasExactlyOneEndBookmark) {
  Create("default", "a");
  const auto watch = Watch(StrCat(kStreamList, "&resourceVersion=0"));
  EXPECT_EQ(watch->status(), 200);
  uint64_t last = 0;
  for (int i = 0; i < 5; ++i) {
    last = Set("default", "a", StrCat(i));
    server_.SendBookmarks();
  }
  int ends = 0;
  for (const TestEvent& event : watch->UntilVersion(last)) ends += event.initial_events_end ? 1 : 0;
  EXPECT_EQ(ends, 1);
}

TEST_P(WatchContractTest, StreamListHasTheApiServersBytesInKeyOrder) {
  for (const char* name : {"b", "a-b", "a", "a0"}) {
    Create(name, "x");
    Create(name, "w", {{"app", "x"}});
  }
  Warm();
  const std::string query = StrCat(kStreamList, "&resourceVersion=0");
  auto events = Watch(query)->UntilInitialEnd();
  auto want = WatchDirectly(query)->UntilInitialEnd();
  ASSERT_FALSE(events.empty());
  // Bookmarks are compared by what they say: a minimal object is legal.
  EXPECT_EQ(events.back().ToString(), want.back().ToString());
  events.pop_back();
  want.pop_back();
  EXPECT_EQ(Frames(events), Frames(want));
}

TEST_P(WatchContractTest, StreamListIsFollowedByChanges) {
  Create("default", "a");
  const auto watch = Watch(StrCat(kStreamList, "&resourceVersion=0"));
  const uint64_t end = watch->UntilInitialEnd().back().version;
  const uint64_t set = Set("default", "a", "1");
  const uint64_t created = Create("default", "b");
  const uint64_t last = Delete("default", "a");
  std::vector<std::string> changes;
  uint64_t seen = end;
  for (const TestEvent& event : watch->UntilVersion(last)) {
    // A bookmark may say again what is known.
    EXPECT_GE(event.version, seen);
    if (event.type == "BOOKMARK") continue;
    EXPECT_GT(event.version, seen);
    seen = event.version;
    changes.push_back(event.ToString());
  }
  EXPECT_THAT(changes,
              ElementsAre(StrCat("MODIFIED default/a@", set), StrCat("ADDED default/b@", created),
                          StrCat("DELETED default/a@", last)));
}

TEST_P(WatchContractTest, StreamListAtAVersionIsNotOlder) {
  Create("default", "a");
  Warm();
  const uint64_t version = Create("default", "b");
  const auto events = Watch(StrCat(kStreamList, "&resourceVersion=", version))->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(3));
  EXPECT_GE(events.back().version, version);
}

TEST_P(WatchContractTest, StreamListOfTheMostRecentHasTheLatestWrite) {
  Create("default", "a");
  Warm();
  const auto events = Watch(kStreamList)->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[0].name, "a");
  EXPECT_TRUE(events[1].initial_events_end);
}

TEST_P(WatchContractTest, StreamListWithoutBookmarksHasNoMarker) {
  Create("default", "a");
  const auto watch =
      Watch("sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0");
  EXPECT_EQ(watch->Next()->name, "a");
  server_.SendBookmarks();
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", b));
}

TEST_P(WatchContractTest, StreamListOfAVersionThatIsYetToComeIsAnErrorInTheStream) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat(kStreamList, "&resourceVersion=", server_.version() + 1'000'000));
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->Next()->ToString(), "ERROR 504 Timeout");
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
}

TEST_P(WatchContractTest, StreamListOfASelectionHoldsNothingElse) {
  Create("default", "a", {{"app", "x"}});
  Create("default", "b", {{"app", "y"}});
  Create("other", "a", {{"app", "x"}});
  Warm();
  EXPECT_THAT(
      Watch(StrCat(kStreamList, "&resourceVersion=0&labelSelector=app%3Dx"))->UntilInitialEnd(),
      SizeIs(3));
  EXPECT_THAT(Watch(StrCat(kStreamList, "&resourceVersion=0&labelSelector=app%3Dx"), "other")
                  ->UntilInitialEnd(),
              SizeIs(2));
  EXPECT_THAT(
      Watch(StrCat(kStreamList, "&resourceVersion=0&labelSelector=app%3Dnone"))->UntilInitialEnd(),
      SizeIs(1));
}

TEST_P(WatchContractTest, StreamListWithoutInitialEventsBeginsNow) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(
      "sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
      "&resourceVersion=0");
  ASSERT_EQ(watch->status(), 200);
  // Only what is written after the watch has begun is sure to be seen.
  const uint64_t b = Create("default", "b");
  std::vector<std::string> events;
  for (const TestEvent& event : watch->UntilVersion(b)) {
    if (event.type != "BOOKMARK") events.push_back(event.ToString());
  }
  EXPECT_THAT(events, ElementsAre(StrCat("ADDED default/b@", b)));
}

TEST_P(WatchContractTest, LegacyWatchFromZeroWithBookmarksSaysWhereTheObjectsEnd) {
  Create("default", "a");
  const auto events = Watch("resourceVersion=0&allowWatchBookmarks=true")->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_TRUE(events.back().initial_events_end);
}

TEST_P(WatchContractTest, LargeStreamListArrivesWhole) {
  const std::string filler(10'000, 'x');
  for (int i = 0; i < 80; ++i) {
    server_.Create(plural(), "default", ConfigMapBody(StrCat("big-", i), {{"v", filler}}));
  }
  Warm();
  const std::string query = StrCat(kStreamList, "&resourceVersion=0");
  auto events = Watch(query)->UntilInitialEnd();
  auto want = WatchDirectly(query)->UntilInitialEnd();
  ASSERT_EQ(events.size(), want.size());
  events.pop_back();
  want.pop_back();
  EXPECT_EQ(Frames(events), Frames(want));
}

}  // namespace
}  // namespace weir
