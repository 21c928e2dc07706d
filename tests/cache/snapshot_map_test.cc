// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/snapshot_map.h"

#include <map>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

using testing::ElementsAre;
using Model = std::map<std::string, ObjectPtr>;

ObjectPtr Make(int number, uint64_t version) {
  const std::string name_spaces[] = {"a", "a-b", "a.b", "b"};
  return MakeObject({.name = StrCat("object-", number),
                     .version = version,
                     .namespace_name = name_spaces[number % 4]});
}

std::vector<ObjectPtr> All(const SnapshotMap& map) {
  std::vector<ObjectPtr> objects;
  map.Scan({}, false, [&objects](const ObjectPtr& object) {
    objects.push_back(object);
    return true;
  });
  return objects;
}

std::vector<ObjectPtr> All(const Model& model) {
  std::vector<ObjectPtr> objects;
  for (const auto& [key, object] : model) objects.push_back(object);
  return objects;
}

using Change = std::pair<ObjectPtr, ObjectPtr>;

std::vector<Change> DiffOf(const SnapshotMap& before, const SnapshotMap& after) {
  std::vector<Change> changes;
  SnapshotMap::Diff(before, after, [&changes](const ObjectPtr& was, const ObjectPtr& is) {
    changes.emplace_back(was, is);
  });
  return changes;
}

std::vector<Change> DiffOf(const Model& before, const Model& after) {
  std::map<std::string, Change> changes;
  for (const auto& [key, object] : before) changes[key].first = object;
  for (const auto& [key, object] : after) changes[key].second = object;
  std::vector<Change> different;
  for (const auto& [key, change] : changes) {
    if (change.first != change.second) different.push_back(change);
  }
  return different;
}

TEST(SnapshotMapTest, IsEmptyAtFirst) {
  const SnapshotMap map;
  EXPECT_EQ(map.size(), 0U);
  EXPECT_EQ(map.Find({"a", "b"}), nullptr);
  EXPECT_TRUE(All(map).empty());
  EXPECT_TRUE(DiffOf(map, map).empty());
}

TEST(SnapshotMapTest, SaysWhatItReplacesAndRemoves) {
  SnapshotMap map;
  const ObjectPtr first = Make(1, 1);
  const ObjectPtr second = Make(1, 2);
  EXPECT_EQ(map.Put(first), nullptr);
  EXPECT_EQ(map.Put(second), first);
  EXPECT_EQ(map.size(), 1U);
  EXPECT_EQ(map.Erase(first->key()), second);
  EXPECT_EQ(map.Erase(first->key()), nullptr);
  EXPECT_EQ(map.size(), 0U);
}

TEST(SnapshotMapTest, SortsByTheJoinedKey) {
  SnapshotMap map;
  for (const char* name_space : {"b", "a", "a-b", "a0"}) {
    map.Put(MakeObject({.name = "x", .namespace_name = name_space}));
  }
  std::vector<std::string> keys;
  for (const ObjectPtr& object : All(map)) keys.push_back(KeyOf(*object));
  EXPECT_THAT(keys, ElementsAre("a-b/x", "a/x", "a0/x", "b/x"));
}

TEST(SnapshotMapTest, ScansFromAnyKey) {
  SnapshotMap map;
  Model model;
  for (int i = 0; i < 500; i += 2) {
    const ObjectPtr object = Make(i, 1);
    map.Put(object);
    model[KeyOf(*object)] = object;
  }
  for (int i = 0; i < 500; ++i) {
    const ObjectPtr from = Make(i, 1);
    for (const bool exclusive : {false, true}) {
      const auto it = exclusive ? model.upper_bound(KeyOf(*from)) : model.lower_bound(KeyOf(*from));
      ObjectPtr first;
      map.Scan(from->key(), exclusive, [&first](const ObjectPtr& object) {
        first = object;
        return false;
      });
      EXPECT_EQ(first, it == model.end() ? nullptr : it->second);
    }
  }
}

// What was copied never changes, whatever becomes of the copies made from it.
TEST(SnapshotMapTest, BehavesAsAModelDoesAndKeepsOldVersions) {
  std::mt19937 random(7);
  SnapshotMap map;
  Model model;
  std::vector<std::pair<SnapshotMap, Model>> kept;
  for (uint64_t step = 1; step <= 15000; ++step) {
    // Grows, shrinks to nothing, grows again.
    const bool growing = step / 3000 % 2 == 0;
    const int number = static_cast<int>(random() % 1200);
    const ObjectPtr object = Make(number, step);
    const std::string key = KeyOf(*object);
    if (random() % 100 < (growing ? 75U : 20U)) {
      const ObjectPtr replaced = map.Put(object);
      EXPECT_EQ(replaced, model.contains(key) ? model[key] : nullptr);
      model[key] = object;
    } else {
      const ObjectPtr removed = map.Erase(object->key());
      EXPECT_EQ(removed, model.contains(key) ? model[key] : nullptr);
      model.erase(key);
    }
    ASSERT_EQ(map.size(), model.size());
    if (random() % 300 == 0) kept.emplace_back(map, model);
    if (kept.size() > 20) kept.erase(kept.begin() + static_cast<int>(random() % kept.size()));
    if (random() % 500 == 0) {
      ASSERT_EQ(All(map), All(model));
      for (const auto& [old_map, old_model] : kept) {
        ASSERT_EQ(All(old_map), All(old_model));
        ASSERT_EQ(DiffOf(old_map, map), DiffOf(old_model, model));
        ASSERT_EQ(DiffOf(map, old_map), DiffOf(model, old_model));
      }
    }
  }
}

TEST(SnapshotMapTest, ShrinksToNothingInAnyOrder) {
  for (const int step : {1, 7, 999}) {
    SnapshotMap map;
    for (int i = 0; i < 1000; ++i) map.Put(Make(i, 1));
    for (int i = 0; i < 1000; ++i) {
      ASSERT_NE(map.Erase(Make(i * step % 1000, 1)->key()), nullptr);
      ASSERT_EQ(All(map).size(), map.size());
    }
    EXPECT_EQ(map.size(), 0U);
  }
}

// Measured by what it looks at: the difference of two large versions takes far less than a walk.
TEST(SnapshotMapTest, FindsAFewDifferencesInALargeMap) {
  SnapshotMap map;
  for (int i = 0; i < 20000; ++i) map.Put(Make(i, 1));
  const SnapshotMap before = map;
  map.Put(Make(5, 2));
  map.Erase(Make(700, 1)->key());
  map.Put(Make(30000, 2));
  const std::vector<Change> changes = DiffOf(before, map);
  ASSERT_EQ(changes.size(), 3U);
}

TEST(SnapshotMapTest, CopiesAreReadAndDestroyedOnOtherThreads) {
  SnapshotMap map;
  for (int i = 0; i < 300; ++i) map.Put(Make(i, 1));
  std::vector<std::thread> readers;
  for (uint64_t round = 2; round < 42; ++round) {
    readers.emplace_back([copy = map, round] {
      size_t count = 0;
      copy.Scan({}, false, [&](const ObjectPtr& object) {
        EXPECT_LT(object->version(), V(round));
        ++count;
        return true;
      });
      EXPECT_EQ(count, copy.size());
    });
    for (int i = 0; i < 20; ++i) map.Put(Make(static_cast<int>(round) * 7 % 300 + i, round));
    map.Erase(Make(static_cast<int>(round), 1)->key());
  }
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace weir
