// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/read_floors.h"

#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

const GroupVersionResource kPods = {"", "v1", "pods"};
const GroupVersionResource kNodes = {"", "v1", "nodes"};

MonotonicTime At(absl::Duration since_start) { return MonotonicTime() + since_start; }

SnapshotMap Holding(std::string_view name, std::string_view uid) {
  SnapshotMap objects;
  objects.Put(MakeObject({.name = std::string(name), .uid = std::string(uid)}));
  return objects;
}

TEST(ReadFloorsTest, NothingIsAskedOfAResourceThatNobodyWasToldOf) {
  ReadFloors floors;
  floors.Raise(kNodes, V(5));
  const ReadFloors::Floor floor = floors.Check(kPods, {}, At(absl::Seconds(1)));
  EXPECT_FALSE(floor.version.is_set());
  EXPECT_FALSE(floor.proved_from.has_value());
  EXPECT_FALSE(floor.shows_gone);
}

TEST(ReadFloorsTest, AFloorOnlyRises) {
  ReadFloors floors;
  floors.Raise(kPods, V(5));
  floors.Raise(kPods, V(3));
  EXPECT_EQ(floors.Check(kPods, {}, At(absl::Seconds(1))).version, V(5));
  floors.Unclear(kPods, At(absl::Seconds(9)));
  floors.Unclear(kPods, At(absl::Seconds(7)));
  EXPECT_EQ(floors.Check(kPods, {}, At(absl::Seconds(10))).proved_from, At(absl::Seconds(9)));
}

TEST(ReadFloorsTest, AnObjectThatIsGoneIsNotShownAgain) {
  ReadFloors floors;
  floors.Gone(kPods, {"default", "a"}, "u1", At(absl::Seconds(1)));
  EXPECT_TRUE(floors.Check(kPods, Holding("a", "u1"), At(absl::Seconds(2))).shows_gone);
  EXPECT_FALSE(floors.Check(kPods, Holding("a", "u2"), At(absl::Seconds(2))).shows_gone);
  EXPECT_FALSE(floors.Check(kPods, Holding("b", "u1"), At(absl::Seconds(2))).shows_gone);
}

TEST(ReadFloorsTest, ADeletionOfLongAgoIsUnclear) {
  ReadFloors floors;
  floors.Gone(kPods, {"default", "a"}, "u1", At(absl::Seconds(1)));
  const ReadFloors::Floor floor = floors.Check(kPods, Holding("a", "u1"), At(absl::Minutes(5)));
  EXPECT_FALSE(floor.shows_gone);
  EXPECT_EQ(floor.proved_from, At(absl::Seconds(1)));
}

TEST(ReadFloorsTest, TooManyDeletionsAreUnclear) {
  ReadFloors floors;
  for (int i = 0; i < 1500; ++i) {
    floors.Gone(kPods, {"default", StrCat("n", i)}, "u",
                At(absl::Seconds(1) + absl::Milliseconds(i)));
  }
  const ReadFloors::Floor floor = floors.Check(kPods, Holding("n499", "u"), At(absl::Seconds(3)));
  EXPECT_FALSE(floor.shows_gone);
  EXPECT_EQ(floor.proved_from, At(absl::Seconds(1) + absl::Milliseconds(499)));
  EXPECT_TRUE(floors.Check(kPods, Holding("n500", "u"), At(absl::Seconds(3))).shows_gone);
}

}  // namespace
}  // namespace weir
