// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/watch_window.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/objects.h"

namespace weir {
namespace {

class WatchWindowTest : public testing::Test {
 protected:
  // A Revision of `events` events, each of the next version, and `bytes` for each.
  RevisionPtr Append(int events, size_t bytes = 10, bool relisted = false) {
    auto revision = std::make_shared<Revision>();
    revision->sequence = ++sequence_;
    revision->after = V(version_);
    for (int i = 0; i < events; ++i) {
      const ObjectPtr object = MakeObject({.name = "a", .version = ++version_});
      revision->events.push_back({WatchEventType::kModified, object, object, V(version_)});
    }
    if (events == 0) ++version_;
    revision->version = V(version_);
    revision->event_bytes = bytes * events;
    revision->events_total = total_ += events;
    revision->relisted = relisted;
    window_.Append(revision);
    return revision;
  }
  uint64_t version_ = 100;
  uint64_t sequence_ = 0;
  uint64_t total_ = 0;
  WatchWindow window_{
      CacherOptions{.window_events = 10, .window_bytes = 1000, .window_min_events = 4}};
};

TEST_F(WatchWindowTest, BeginsAtTheFirstRevision) {
  EXPECT_TRUE(window_.empty());
  const RevisionPtr first = Append(0);  // 101
  EXPECT_EQ(window_.newest(), first);
  EXPECT_FALSE(window_.Find(V(100)).has_value());
  EXPECT_EQ(window_.Find(V(101))->revision, first);
  EXPECT_EQ(window_.After(first->sequence), nullptr);
}

TEST_F(WatchWindowTest, FindsThePlaceAfterAVersion) {
  const RevisionPtr first = Append(0);   // 101
  const RevisionPtr second = Append(3);  // 102..104
  const RevisionPtr third = Append(1);   // 105
  EXPECT_EQ(window_.Find(V(101))->revision, second);
  EXPECT_EQ(window_.Find(V(103))->revision, second);  // The reader skips.
  EXPECT_EQ(window_.Find(V(104))->revision, third);
  EXPECT_EQ(window_.Find(V(104))->index, 0U);
  EXPECT_EQ(window_.Find(V(105))->index, 1U);
  EXPECT_EQ(window_.Find(V(999))->index, 1U);
  EXPECT_EQ(window_.After(first->sequence), second);
  EXPECT_EQ(window_.EventsAfter({first, 0}), 4U);
  EXPECT_EQ(window_.EventsAfter({second, 2}), 2U);
  EXPECT_EQ(window_.EventsAfter({third, 1}), 0U);
}

TEST_F(WatchWindowTest, KeepsNoMoreEventsThanItMay) {
  const RevisionPtr first = Append(0);
  for (int i = 0; i < 30; ++i) Append(1);
  EXPECT_EQ(window_.events(), 10U);
  EXPECT_EQ(window_.After(first->sequence), nullptr);
  EXPECT_FALSE(window_.Find(V(120)).has_value());
  EXPECT_EQ(window_.Find(V(121))->revision->version, V(122));
  EXPECT_EQ(window_.EventsAfter({first, 0}), 30U) << "those that it has lost among them";
}

TEST_F(WatchWindowTest, KeepsTheLeastEventsBeyondItsBytesButNotFarBeyond) {
  Append(0);
  for (int i = 0; i < 10; ++i) Append(1, 300);
  EXPECT_EQ(window_.events(), 4U);
  EXPECT_EQ(window_.bytes(), 1200U);
  for (int i = 0; i < 10; ++i) Append(1, 3000);
  EXPECT_EQ(window_.events(), 1U);
}

TEST_F(WatchWindowTest, KeepsABatchWhole) {
  Append(0);
  Append(1);
  const RevisionPtr batch = Append(50);
  EXPECT_EQ(window_.events(), 50U);
  EXPECT_EQ(window_.Find(V(102))->revision, batch);
  for (int i = 0; i < 4; ++i) Append(1);
  EXPECT_EQ(window_.events(), 4U);
}

TEST_F(WatchWindowTest, DoesNotGrowByBookmarks) {
  Append(0);
  const RevisionPtr event = Append(1);
  RevisionPtr bookmark = Append(0);
  for (int i = 0; i < 10000; ++i) Append(0);
  EXPECT_EQ(window_.events(), 1U);
  int kept = 0;
  window_.ForEach([&kept](const Revision&) { ++kept; });
  EXPECT_EQ(kept, 2);
  // A reader at one that has been replaced goes on from there.
  EXPECT_EQ(window_.After(bookmark->sequence), window_.newest());
  EXPECT_EQ(window_.After(event->sequence), window_.newest());
  EXPECT_EQ(window_.Find(event->version)->revision, window_.newest());
  EXPECT_EQ(window_.After(window_.newest()->sequence), nullptr);
}

TEST_F(WatchWindowTest, DoesNotGrowByRelistsWithoutDifference) {
  Append(0);
  Append(1);
  for (int i = 0; i < 1000; ++i) Append(0, 0, true);
  int kept = 0;
  window_.ForEach([&kept](const Revision&) { ++kept; });
  EXPECT_LT(kept, 100);
}

TEST_F(WatchWindowTest, KnowsNothingOfVersionsInsideARelist) {
  Append(0);                                         // 101
  const RevisionPtr relisted = Append(3, 10, true);  // 102..104
  EXPECT_EQ(window_.Find(V(101))->revision, relisted);
  EXPECT_EQ(window_.Find(V(101))->index, 0U);
  EXPECT_FALSE(window_.Find(V(102)).has_value());
  EXPECT_FALSE(window_.Find(V(103)).has_value());
  EXPECT_EQ(window_.Find(V(104))->index, 3U);
}

}  // namespace
}  // namespace weir
