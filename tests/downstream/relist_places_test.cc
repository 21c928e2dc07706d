// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/relist_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

WatcherShape Watcher(std::string user_agent = "operator/1.0") {
  WatcherShape watcher;
  watcher.user_agent = std::move(user_agent);
  watcher.cache.resource.resource = "configmaps";
  watcher.view.namespace_name = "here";
  return watcher;
}
ToldRelist Told(uint64_t through, uint64_t after = 100, uint64_t version = 200) {
  return {.after = V(after), .version = V(version), .through = V(through)};
}

TEST(RelistPlacesTest, KnowsWhatAWatcherWasTold) {
  RelistPlaces places;
  EXPECT_FALSE(places.Find(Watcher(), V(150)).has_value());
  places.Note(Watcher(), Told(150));
  EXPECT_EQ(places.Find(Watcher(), V(150))->version, V(200));
  EXPECT_TRUE(places.Find(Watcher(), V(101)).has_value()) << "it may have read less";
  EXPECT_FALSE(places.Find(Watcher(), V(100)).has_value()) << "the version before the relist";
  EXPECT_FALSE(places.Find(Watcher(), V(151)).has_value()) << "it was not told as much";
}

TEST(RelistPlacesTest, OthersWereNotTold) {
  RelistPlaces places;
  places.Note(Watcher(), Told(150));
  EXPECT_FALSE(places.Find(Watcher("other/1.0"), V(150)).has_value());
  WatcherShape other_view = Watcher();
  other_view.view.namespace_name = "there";
  EXPECT_FALSE(places.Find(other_view, V(150)).has_value());
  WatcherShape other_cache = Watcher();
  other_cache.cache.metadata_only = true;
  EXPECT_FALSE(places.Find(other_cache, V(150)).has_value());
}

TEST(RelistPlacesTest, TwoWatchesOfOneClientWereToldWhatTheFurtherOneWas) {
  RelistPlaces places;
  places.Note(Watcher(), Told(150));
  places.Note(Watcher(), Told(170));
  places.Note(Watcher(), Told(160));
  EXPECT_TRUE(places.Find(Watcher(), V(170)).has_value());
  EXPECT_FALSE(places.Find(Watcher(), V(171)).has_value());
}

TEST(RelistPlacesTest, RemembersTheLastOnes) {
  RelistPlaces places;
  places.Note(Watcher(), Told(150));
  for (size_t i = 1; i < RelistPlaces::kMax; ++i) places.Note(Watcher(StrCat(i)), Told(150));
  EXPECT_TRUE(places.Find(Watcher(), V(150)).has_value());
  places.Note(Watcher("one more"), Told(150));
  EXPECT_FALSE(places.Find(Watcher(), V(150)).has_value());
  EXPECT_TRUE(places.Find(Watcher("1"), V(150)).has_value());
  EXPECT_TRUE(places.Find(Watcher("one more"), V(150)).has_value());
}

}  // namespace
}  // namespace weir
