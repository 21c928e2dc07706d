// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/bounded_map.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(BoundedMapTest, DropsWhatHasNotBeenGotForLongest) {
  BoundedMap<int> map(2);
  bool dropped = false;
  map.Get("a", &dropped) = 1;
  map.Get("b", &dropped) = 2;
  map.Get("a", &dropped) = 3;
  EXPECT_FALSE(dropped);
  map.Get("c", &dropped) = 4;
  EXPECT_TRUE(dropped);
  EXPECT_EQ(map.Find("b"), nullptr);
  ASSERT_NE(map.Find("a"), nullptr);
  EXPECT_EQ(*map.Find("a"), 3);
  EXPECT_EQ(*map.Find("c"), 4);
  EXPECT_EQ(map.size(), 2u);
}

TEST(BoundedMapTest, AnErasedOneMakesRoom) {
  BoundedMap<int> map(1);
  bool dropped = false;
  for (int i = 0; i < 1000; ++i) {
    map.Get("d", &dropped) = i;
    map.Erase("d");
    map.Erase("d");
  }
  EXPECT_EQ(map.size(), 0u);
  EXPECT_FALSE(dropped);
}

}  // namespace
}  // namespace weir
