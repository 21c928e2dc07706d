// SPDX-License-Identifier: Apache-2.0
//
// Bookmarks: when they come, what they promise, what they look like.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST_P(FakeServerContractTest, BookmarksRiseAndCoverWhatCameBefore) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("allowWatchBookmarks=true&resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  uint64_t seen = server_.version();
  for (int round = 0; round < 3; ++round) {
    const uint64_t changed = Set("default", "a", StrCat(round));
    // Another resource moves the version on: only a bookmark can tell.
    server_.Create("secrets", "default", ConfigMapBody(StrCat("s", round)));
    server_.SendBookmarks();
    for (const TestEvent& event : watch->UntilVersion(server_.version())) {
      EXPECT_GT(event.version, seen);
      if (event.version == changed) {
        EXPECT_EQ(event.type, "MODIFIED");
      } else {
        EXPECT_EQ(event.type, "BOOKMARK");
        EXPECT_FALSE(event.initial_events_end);
      }
      seen = event.version;
    }
  }
}

TEST_P(FakeServerContractTest, NoBookmarksUnlessAskedFor) {
  Create("default", "a");
  Warm();
  const uint64_t since = server_.version();
  const auto watch = Watch(StrCat("resourceVersion=", since));
  const auto bookmarked = Watch(StrCat("allowWatchBookmarks=true&resourceVersion=", since));
  ASSERT_EQ(watch->status(), 200);
  ASSERT_EQ(bookmarked->status(), 200);
  server_.Create("secrets", "default", ConfigMapBody("s"));
  server_.SendBookmarks();
  EXPECT_EQ(bookmarked->Next()->type, "BOOKMARK");
  const uint64_t last = Set("default", "a", "1");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("MODIFIED default/a@", last));
}

TEST_P(FakeServerContractTest, BookmarkOfAQuietResourceFollowsTheOthers) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("allowWatchBookmarks=true&resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  for (int i = 0; i < 3; ++i) {
    const uint64_t other = server_.Create("secrets", "default", ConfigMapBody(StrCat("s", i)));
    server_.SendBookmarks();
    EXPECT_EQ(watch->UntilVersion(other).back().ToString(), StrCat("BOOKMARK @", other));
  }
}

TEST_P(FakeServerContractTest, WatchResumedAtABookmarkMissesNothing) {
  Create("default", "a");
  Warm();
  uint64_t bookmarked = 0;
  {
    const auto watch =
        Watch(StrCat("allowWatchBookmarks=true&resourceVersion=", server_.version()));
    ASSERT_EQ(watch->status(), 200);
    server_.Create("secrets", "default", ConfigMapBody("s"));
    server_.SendBookmarks();
    bookmarked = watch->UntilVersion(server_.version()).back().version;
  }
  const uint64_t b = Create("default", "b");
  const uint64_t c = Create("default", "c");
  EXPECT_THAT(Strings(Watch(StrCat("resourceVersion=", bookmarked))->UntilVersion(c)),
              ElementsAre(StrCat("ADDED default/b@", b), StrCat("ADDED default/c@", c)));
}

TEST_P(FakeServerContractTest, BookmarkOfASelectionCoversWhatItDoesNotShow) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  const auto watch = Watch(
      StrCat("labelSelector=app%3Dx&allowWatchBookmarks=true&resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const uint64_t hidden = Create("default", "b");
  server_.SendBookmarks();
  for (const TestEvent& event : watch->UntilVersion(hidden)) EXPECT_EQ(event.type, "BOOKMARK");
}

TEST_P(FakeServerContractTest, RegularBookmarkHasNoAnnotation) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("allowWatchBookmarks=true&resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  server_.Create("secrets", "default", ConfigMapBody("s"));
  server_.SendBookmarks();
  const auto bookmark = watch->Next();
  ASSERT_TRUE(bookmark.has_value());
  EXPECT_EQ(bookmark->type, "BOOKMARK");
  EXPECT_EQ(bookmark->frame.find("annotations"), std::string::npos);
  EXPECT_EQ(bookmark->frame.find("initial-events-end"), std::string::npos);
}

TEST_P(WatchContractTest, BookmarkIsOfTheWatchedKind) {
  Create("default", "a");
  Warm();
  const auto watch = client_->Watch(Url(StrCat("watch=1&resourceVersion=0&", kStreamList)),
                                    Accept(Representation::kJson));
  const auto events = watch->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(2));
  const std::string kind = custom() ? R"("kind":"Foo")" : R"("kind":"ConfigMap")";
  const std::string version = custom() ? "example.com/v1" : "v1";
  EXPECT_THAT(events[1].frame, HasSubstr(kind));
  EXPECT_THAT(events[1].frame, HasSubstr(StrCat(R"("apiVersion":")", version, "\"")));
  EXPECT_THAT(events[1].frame, HasSubstr(R"("k8s.io/initial-events-end":"true")"));
  // It is no object: it has no name.
  EXPECT_EQ(events[1].name, "");
}

TEST_P(WatchContractTest, EndBookmarkIsNotBelowAnyObject) {
  uint64_t newest = 0;
  for (const char* name : {"c", "a", "b"}) newest = Create("default", name);
  Warm();
  const auto events =
      Watch(StrCat(kStreamList, "&resourceVersion=0"), "default")->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_GE(events.back().version, newest);
}

TEST_P(WatchContractTest, WatchResumedAtTheEndBookmarkMissesNothing) {
  Create("default", "a");
  Warm();
  const uint64_t end =
      Watch(StrCat(kStreamList, "&resourceVersion=0"))->UntilInitialEnd().back().version;
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(Watch(StrCat("resourceVersion=", end))->Next()->ToString(),
            StrCat("ADDED default/b@", b));
}

TEST_P(WatchContractTest, LegacyWatchFromZeroWithoutBookmarksHasNoMarker) {
  Create("default", "a");
  Warm();
  const auto watch = Watch("resourceVersion=0");
  EXPECT_EQ(watch->Next()->name, "a");
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", b));
}

TEST_P(WatchContractTest, LegacyWatchFromNothingWithBookmarksSaysWhereTheObjectsEnd) {
  Create("default", "a");
  Create("default", "b");
  Warm();
  ExpectSameInitialEvents(Url("watch=1&allowWatchBookmarks=true"), Accepting());
  ExpectSameInitialEvents(Url("watch=1&allowWatchBookmarks=true&resourceVersion=0"), Accepting());
}

}  // namespace
}  // namespace weir
