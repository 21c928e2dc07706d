// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/change_row.h"

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class ChangesTest : public CacheFixture {
 protected:
  std::vector<ChangeRow> Changes(const ChangeQuery& query = {}) const {
    return map_->Changes(query);
  }
  // As "MODIFIED a: data.content,metadata.labels".
  std::vector<std::string> Told(const ChangeQuery& query = {}) const {
    std::vector<std::string> told;
    for (const ChangeRow& row : Changes(query)) {
      told.push_back(StrCat(WatchEventTypeName(row.type), " ", row.name));
      if (row.changed) StrAppend(told.back(), ": ", Join(row.changed->paths, ","));
    }
    return told;
  }
};

TEST_F(ChangesTest, NewestFirstWithWhatChanged) {
  Replica();
  resource_.Put({.name = "a", .data = "1"});
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(2));
  resource_.Put({.name = "a", .labels = {{"color", "red"}}, .data = "1"});
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(3));
  resource_.Delete("default", "a");
  dispatcher_.RunReady();
  EXPECT_THAT(Told(), ElementsAre("DELETED a", "MODIFIED a: metadata.labels", "ADDED a"));
  const std::vector<ChangeRow> rows = Changes();
  EXPECT_EQ(rows[0].age, absl::ZeroDuration());
  EXPECT_EQ(rows[1].age, absl::Seconds(3));
  EXPECT_EQ(rows[2].age, absl::Seconds(5));
  EXPECT_EQ(rows[1].resource, "configmaps");
  EXPECT_EQ(rows[1].namespace_name, "default");
  EXPECT_LT(rows[1].version, rows[0].version);
}

TEST_F(ChangesTest, WhatWasThereAtFirstIsNoChange) {
  resource_.Put({.name = "a"});
  Replica();
  EXPECT_THAT(Changes(), IsEmpty());
}

TEST_F(ChangesTest, OneChangeInSeveralCachesIsToldOnceByTheOneThatKnowsMost) {
  CacheKey selected = ConfigMaps();
  selected.label_selector = "color=red";
  Replica(selected);
  Replica(ConfigMaps(Representation::kProtobuf));
  CacheKey metadata = ConfigMaps();
  metadata.metadata_only = true;
  Replica(metadata);
  Replica();
  ASSERT_EQ(map_->Rows().size(), 4U);
  resource_.Put({.name = "a", .data = "1"});
  resource_.Put({.name = "a", .labels = {{"color", "red"}}, .data = "2"});
  dispatcher_.RunReady();
  EXPECT_THAT(Told(), ElementsAre("MODIFIED a: data.content,metadata.labels", "ADDED a"));
}

TEST_F(ChangesTest, ProtobufIsToldByTopLevelFields) {
  Replica(ConfigMaps(Representation::kProtobuf));
  resource_.Put({.name = "a", .data = "1"});
  resource_.Put({.name = "a", .data = "2"});
  dispatcher_.RunReady();
  EXPECT_THAT(Told(), ElementsAre("MODIFIED a: data", "ADDED a"));
}

TEST(MergeChangesTest, TheOneWorkerThatKnowsMoreIsHeard) {
  ChangeRow protobuf{.resource = "pods", .name = "a", .uid = "u"};
  protobuf.changed = ChangedPaths{.paths = {"spec"}};
  ChangeRow json = protobuf;
  json.changed->paths = {"spec.replicas"};
  json.in_full = true;
  json.age = absl::Milliseconds(1);
  ChangeRow unknown = json;
  unknown.changed.reset();
  const auto merged = MergeChanges({unknown, protobuf, json}, 10);
  ASSERT_THAT(merged, SizeIs(1));
  EXPECT_THAT(merged[0].changed->paths, ElementsAre("spec.replicas"));
}

TEST(MergeChangesTest, EachDecisionIsTold) {
  ChangeRow dropped{.resource = "pods", .name = "a", .uid = "u"};
  dropped.filter = "own";
  dropped.decision = "dropRefused";
  ChangeRow rewritten = dropped;
  rewritten.decision = "rewriteRefused";
  EXPECT_THAT(MergeChanges({dropped, rewritten, dropped}, 10), SizeIs(2));
}

// The object's change is told of, too, though it has the same version.
TEST_F(ChangesTest, WhatAFilterHasWithheldIsToldOnceAmongThem) {
  CacheKey metadata = ConfigMaps();
  metadata.metadata_only = true;
  Replica(metadata);
  Replica();
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(2));
  resource_.Inject(MakeEvent(WatchEventType::kAdded, {.name = "a", .version = 11}));
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(1));
  resource_.Put({.name = "b"});
  dispatcher_.RunReady();
  const std::vector<ChangeRow> rows = Changes();
  ASSERT_THAT(Told(), ElementsAre("ADDED b", "ADDED a", "ADDED a"));
  EXPECT_EQ(rows[0].filter, "");
  EXPECT_EQ(rows[1].filter, "stale");
  EXPECT_EQ(rows[1].decision, "withheld");
  EXPECT_EQ(rows[1].age, absl::Seconds(1));
  EXPECT_EQ(rows[1].version, V(11));
  EXPECT_EQ(rows[2].filter, "");
  EXPECT_THAT(Changes({.resource = "", .limit = 2}), SizeIs(2));
  EXPECT_THAT(Changes({.resource = "pods"}), IsEmpty());
}

TEST_F(ChangesTest, OnlyOfTheResourceAndOnlySoMany) {
  Replica();
  for (int i = 0; i < 5; ++i) resource_.Put({.name = StrCat("n", i)});
  dispatcher_.RunReady();
  EXPECT_THAT(Told({.resource = "secrets"}), IsEmpty());
  EXPECT_THAT(Told({.resource = "configmaps", .limit = 2}), ElementsAre("ADDED n4", "ADDED n3"));
  EXPECT_THAT(Told({.limit = 0}), IsEmpty());
}

TEST_F(ChangesTest, ComparesNoMoreThanItsBoundAndTheNewestFirst) {
  Replica();
  for (size_t i = 0; i < ChangeRow::kMaxCompared + 11; ++i) {
    resource_.Put({.name = "a", .data = StrCat(i)});
  }
  dispatcher_.RunReady();
  const std::vector<ChangeRow> rows = Changes();
  ASSERT_THAT(rows, SizeIs(ChangeRow::kMaxCompared + 11));
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].changed.has_value(), i < ChangeRow::kMaxCompared) << i;
  }
}

TEST_F(ChangesTest, ComparesNoMoreBytesThanItsBound) {
  Replica();
  const std::string large(ChangeRow::kMaxComparedBytes / 5, 'x');
  for (int i = 0; i < 5; ++i) resource_.Put({.name = "a", .data = StrCat(large, i)});
  dispatcher_.RunReady();
  EXPECT_THAT(Told(), ElementsAre("MODIFIED a: data.content", "MODIFIED a: data.content",
                                  "MODIFIED a", "MODIFIED a", "ADDED a"));
}

TEST(MergeChangesTest, EachOnceNewestFirst) {
  const auto row = [](const char* uid, uint64_t version, int age, bool compared) {
    ChangeRow made{.resource = "pods", .namespace_name = "n", .name = uid, .uid = uid};
    made.version = ResourceVersion(version);
    made.age = absl::Seconds(age);
    if (compared) made.changed = ChangedPaths{.paths = {"spec"}};
    return made;
  };
  const std::vector<ChangeRow> rows = {row("a", 5, 3, false), row("b", 6, 1, true),
                                       row("a", 5, 4, true), row("a", 7, 2, false)};
  const std::vector<ChangeRow> merged = MergeChanges(rows, 10);
  ASSERT_THAT(merged, SizeIs(3));
  EXPECT_EQ(merged[0].uid, "b");
  EXPECT_EQ(merged[1].version, ResourceVersion(7));
  EXPECT_EQ(merged[2].version, ResourceVersion(5));
  EXPECT_TRUE(merged[2].changed.has_value()) << "from the cache that could compare";
  EXPECT_THAT(MergeChanges(rows, 1), SizeIs(1));
  ChangeRow found_out = row("a", 7, 0, false);
  found_out.type = WatchEventType::kDeleted;
  EXPECT_THAT(MergeChanges({rows[3], found_out}, 10), SizeIs(2)) << "by a relist";
}

}  // namespace
}  // namespace weir
