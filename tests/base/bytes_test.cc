// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/bytes.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(BytesTest, CopiesShareTheSameMemory) {
  const Bytes first = Bytes::Copy("hello world");
  const Bytes second = first;
  EXPECT_EQ(first.view().data(), second.view().data());
  EXPECT_EQ(first.Sub(6, 5).view(), "world");
  EXPECT_TRUE(Bytes().empty());
  EXPECT_TRUE(Bytes::Own("").empty());
}

TEST(BytesTest, PartOutlivesTheWhole) {
  Bytes part;
  {
    const Bytes whole = Bytes::Own(std::string(1000, 'x') + "tail");
    part = whole.Sub(1000, 4);
  }
  EXPECT_EQ(part.view(), "tail");
}

TEST(BytesTest, KeepsItsOwnerAlive) {
  auto owner = std::make_shared<std::string>("owned");
  const std::weak_ptr<std::string> alive = owner;
  Bytes bytes = Bytes::Share(owner, *owner);
  owner.reset();
  EXPECT_FALSE(alive.expired());
  bytes = Bytes();
  EXPECT_TRUE(alive.expired());
}

TEST(BytesQueueTest, DrainsAcrossPieces) {
  BytesQueue queue;
  queue.Append(Bytes::Static("abc"));
  queue.Append(Bytes());
  queue.Append(Bytes::Static("defg"));
  EXPECT_EQ(queue.size(), 7u);
  queue.Drain(2);
  EXPECT_EQ(queue.front().view(), "c");
  queue.Drain(2);
  EXPECT_EQ(queue.front().view(), "efg");
  queue.Drain(3);
  EXPECT_TRUE(queue.empty());
  queue.Drain(0);
}

TEST(BytesQueueTest, MovesUpToTheLimit) {
  BytesQueue queue;
  queue.Append(Bytes::Static("abc"));
  queue.Append(Bytes::Static("def"));
  std::string out = ">";
  EXPECT_EQ(queue.MoveTo(out, 4), 4u);
  EXPECT_EQ(out, ">abcd");
  EXPECT_EQ(queue.MoveTo(out, 100), 2u);
  EXPECT_EQ(out, ">abcdef");
  EXPECT_EQ(queue.MoveTo(out, 100), 0u);
}

TEST(BytesQueueTest, ClearsEverything) {
  BytesQueue queue;
  queue.Append(Bytes::Static("abc"));
  queue.Clear();
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 0u);
}

}  // namespace
}  // namespace weir
