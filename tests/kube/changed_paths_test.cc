// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/changed_paths.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::vector<std::string> Paths(std::string_view before, std::string_view after) {
  const absl::StatusOr<ChangedPaths> changed = FindChangedPaths(before, after);
  EXPECT_TRUE(changed.ok()) << changed.status();
  if (!changed.ok()) return {};
  EXPECT_FALSE(changed->more);
  return changed->paths;
}

TEST(ChangedPathsTest, NamesWhatDiffersInTheOrderOfTheNames) {
  EXPECT_THAT(
      Paths(R"({"spec":{"replicas":1,"paused":false},"metadata":{"labels":{"color":"a"}}})",
            R"({"spec":{"replicas":2,"paused":false},"metadata":{"labels":{"color":"b"}}})"),
      ElementsAre("metadata.labels.color", "spec.replicas"));
}

TEST(ChangedPathsTest, NothingDiffersWhereOnlyTheOrderOfFieldsDoes) {
  EXPECT_THAT(Paths(R"({"a":1,"b":{"x":[1,{"p":null,"q":"s"}],"y":2.5}})",
                    R"({ "b": {"y":2.5,"x":[1,{"q":"s","p":null}]}, "a": 1 })"),
              IsEmpty());
}

TEST(ChangedPathsTest, LeavesOutWhatDiffersWithEveryWrite) {
  EXPECT_THAT(Paths(R"({"metadata":{"resourceVersion":"1","managedFields":[1],"generation":1}})",
                    R"({"metadata":{"resourceVersion":"2","managedFields":[2],"generation":2}})"),
              ElementsAre("metadata.generation"));
  EXPECT_THAT(Paths(R"({"spec":{"resourceVersion":"1"},"resourceVersion":1})",
                    R"({"spec":{"resourceVersion":"2"},"resourceVersion":2})"),
              ElementsAre("resourceVersion", "spec.resourceVersion"))
      << "only in metadata";
}

TEST(ChangedPathsTest, TellsTheFieldAboveWhatIsDeeperAndWhatIsInArrays) {
  EXPECT_THAT(Paths(R"({"spec":{"template":{"spec":{"containers":[{"image":"a"}]}}}})",
                    R"({"spec":{"template":{"spec":{"containers":[{"image":"b"}]}}}})"),
              ElementsAre("spec.template.spec"));
  EXPECT_THAT(Paths(R"({"status":{"conditions":[{"a":1}]}})",
                    R"({"status":{"conditions":[{"a":1},{"b":1}]}})"),
              ElementsAre("status.conditions"));
  EXPECT_THAT(Paths(R"({"status":{"conditions":[1,2]}})", R"({"status":{"conditions":[1]}})"),
              ElementsAre("status.conditions"));
}

TEST(ChangedPathsTest, WhatOnlyOneHasOrIsOfAnotherTypeDiffers) {
  EXPECT_THAT(Paths(R"({"a":1,"b":{"x":1},"d":null,"e":{}})",
                    R"({"b":{"x":"1","y":null},"c":{"z":1},"e":[]})"),
              ElementsAre("a", "b.x", "b.y", "c", "d", "e"));
}

TEST(ChangedPathsTest, QuotesNamesThatAreNotPlain) {
  EXPECT_THAT(Paths(R"({"metadata":{"annotations":{"a.b/c":"1","x\"y":"1","":"1"}}})",
                    R"({"metadata":{"annotations":{"a.b/c":"2","x\"y":"2","":"2"}}})"),
              ElementsAre(R"(metadata.annotations[""])", R"(metadata.annotations["a.b/c"])",
                          R"(metadata.annotations["x\"y"])"));
  EXPECT_THAT(Paths(R"({"a.b":1})", R"({"a.b":2})"), ElementsAre(R"(["a.b"])"));
}

TEST(ChangedPathsTest, OfANameThatIsThereTwiceTheLastCounts) {
  EXPECT_THAT(Paths(R"({"a":1,"a":2})", R"({"a":2})"), IsEmpty());
  EXPECT_THAT(Paths(R"({"a":1,"a":2})", R"({"a":1})"), ElementsAre("a"));
}

TEST(ChangedPathsTest, NeverTellsMoreThanItsBound) {
  const auto object = [](size_t fields, int value) {
    std::string text = "{";
    for (size_t i = 0; i < fields; ++i) {
      StrAppend(text, i == 0 ? "" : ",", "\"f", i, "\":", value);
    }
    return StrCat(text, "}");
  };
  constexpr size_t kMax = ChangedPaths::kMaxPaths;
  EXPECT_THAT(Paths(object(kMax, 1), object(kMax, 2)), SizeIs(kMax));
  const auto more = FindChangedPaths(object(kMax + 1, 1), object(kMax + 1, 2));
  ASSERT_TRUE(more.ok());
  EXPECT_TRUE(more->more);
  EXPECT_THAT(more->paths, SizeIs(kMax));
}

TEST(ChangedPathsTest, ANameThatIsTooLongIsNotTold) {
  const std::string name(ChangedPaths::kMaxNameBytes + 1, 'n');
  EXPECT_THAT(Paths(StrCat(R"({"data":{")", name, R"(":1,")", name, R"(x":1}})"),
                    StrCat(R"({"data":{")", name, R"(":2,")", name, R"(x":2}})")),
              ElementsAre("data"));
}

TEST(ChangedPathsTest, RefusesWhatIsNotTwoObjects) {
  EXPECT_FALSE(FindChangedPaths("{}", "[]").ok());
  EXPECT_FALSE(FindChangedPaths("", "{}").ok());
  EXPECT_FALSE(FindChangedPaths("{}", "{\"a\":}").ok());
  const std::string deep(5000, '[');
  EXPECT_FALSE(FindChangedPaths("{}", StrCat("{\"a\":", deep)).ok());
}

}  // namespace
}  // namespace weir
