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
  floors.Raise(kNodes, "", V(5));
  EXPECT_FALSE(floors.Get(kPods, "").version.is_set());
  EXPECT_FALSE(floors.Get(kPods, "").unclear.has_value());
}

TEST(ReadFloorsTest, AFloorOnlyRises) {
  ReadFloors floors;
  floors.Raise(kPods, "a", V(5));
  floors.Raise(kPods, "a", V(3));
  EXPECT_EQ(floors.Get(kPods, "a").version, V(5));
  floors.Unclear(kPods, "a", At(absl::Seconds(9)));
  floors.Unclear(kPods, "a", At(absl::Seconds(7)));
  EXPECT_EQ(floors.Get(kPods, "a").unclear, At(absl::Seconds(9)));
}

TEST(ReadFloorsTest, ANamespaceIsBoundByWhatWasToldOfItAndOfAll) {
  ReadFloors floors;
  floors.Raise(kPods, "a", V(5));
  floors.Raise(kPods, "b", V(7));
  EXPECT_EQ(floors.Get(kPods, "a").version, V(5));
  EXPECT_EQ(floors.Get(kPods, "c").version, V(0));
  EXPECT_EQ(floors.Get(kPods, "").version, V(7));
  floors.Raise(kPods, "", V(6));
  EXPECT_EQ(floors.Get(kPods, "a").version, V(6));
  EXPECT_EQ(floors.Get(kPods, "b").version, V(7));
}

TEST(ReadFloorsTest, TheVersionsOfAGroupAreOne) {
  ReadFloors floors;
  floors.Raise({"autoscaling", "v2", "horizontalpodautoscalers"}, "a", V(5));
  EXPECT_EQ(floors.Get({"autoscaling", "v1", "horizontalpodautoscalers"}, "a").version, V(5));
}

TEST(ReadFloorsTest, NamespacesBeyondTheLimitCountAsAll) {
  ReadFloors floors;
  for (int i = 0; i < 1001; ++i) floors.Raise(kPods, StrCat("ns", i), V(i + 1));
  EXPECT_EQ(floors.Get(kPods, "ns999").version, V(1001));
}

TEST(ReadFloorsTest, AnObjectThatIsGoneIsNotShownAgain) {
  ReadFloors floors;
  const MonotonicTime said = At(absl::Seconds(1));
  floors.Gone(kPods, {"default", "a"}, "u1", said);
  EXPECT_EQ(floors.SaidGone(kPods, Holding("a", "u1"), At(absl::Seconds(2))), said);
  EXPECT_EQ(floors.SaidGone(kPods, Holding("a", "u1"), At(absl::ZeroDuration())), std::nullopt);
  EXPECT_EQ(floors.SaidGone(kPods, Holding("a", "u2"), At(absl::Seconds(2))), std::nullopt);
  EXPECT_EQ(floors.SaidGone(kPods, Holding("b", "u1"), At(absl::Seconds(2))), std::nullopt);
}

TEST(ReadFloorsTest, ADeletionOfLongAgoIsUnclearOnceAnotherCame) {
  ReadFloors floors;
  floors.Gone(kPods, {"default", "a"}, "u1", At(absl::Seconds(1)));
  floors.Gone(kPods, {"default", "b"}, "u2", At(absl::Minutes(5)));
  EXPECT_EQ(floors.SaidGone(kPods, Holding("a", "u1"), At(absl::Minutes(6))), std::nullopt);
  EXPECT_EQ(floors.Get(kPods, "default").unclear, At(absl::Seconds(1)));
}

TEST(ReadFloorsTest, TooManyDeletionsAreUnclear) {
  ReadFloors floors;
  const auto when = [](int i) { return At(absl::Seconds(1) + absl::Milliseconds(i)); };
  for (int i = 0; i < 1500; ++i) floors.Gone(kPods, {"default", StrCat("n", i)}, "u", when(i));
  const MonotonicTime now = At(absl::Seconds(3));
  EXPECT_EQ(floors.SaidGone(kPods, Holding("n499", "u"), now), std::nullopt);
  EXPECT_EQ(floors.Get(kPods, "default").unclear, when(499));
  EXPECT_EQ(floors.SaidGone(kPods, Holding("n500", "u"), now), when(500));
}

TEST(ReadFloorsTest, WhateverHasAKeyIsGoneUntilItIsShown) {
  ReadFloors floors;
  floors.Gone(kPods, {"default", "a"}, "", At(absl::Seconds(1)));
  floors.Gone(kPods, {"default", "a"}, "u", At(absl::Seconds(2)));
  EXPECT_EQ(floors.SaidGone(kPods, Holding("a", "w"), At(absl::Seconds(9))), At(absl::Seconds(1)));
  EXPECT_EQ(floors.SaidGone(kPods, Holding("b", "w"), At(absl::Seconds(9))), std::nullopt);
  floors.Shown(kPods, {"default", "a"});
  EXPECT_EQ(floors.SaidGone(kPods, Holding("a", "w"), At(absl::Seconds(9))), std::nullopt);
  EXPECT_TRUE(floors.SaidGone(kPods, Holding("a", "u"), At(absl::Seconds(9))).has_value());
}

// A client may ask for what is not there, and for what there never was, as often as it likes.
TEST(ReadFloorsTest, WhatIsAskedForInVainTakesLittle) {
  ReadFloors floors;
  for (int i = 0; i < 2000; ++i) floors.Gone(kPods, {"default", "a"}, "", At(absl::Seconds(1)));
  EXPECT_FALSE(floors.Get(kPods, "").unclear.has_value()) << "it is one and the same";
  for (int i = 0; i < 2000; ++i)
    floors.Gone({"", "v1", StrCat("r", i)}, {"default", "a"}, "", At({}));
  const SnapshotMap objects = Holding("a", "u");
  EXPECT_TRUE(floors.SaidGone({"", "v1", "r900"}, objects, At(absl::Seconds(9))).has_value());
  EXPECT_FALSE(floors.SaidGone({"", "v1", "r1900"}, objects, At(absl::Seconds(9))).has_value());
}

}  // namespace
}  // namespace weir
