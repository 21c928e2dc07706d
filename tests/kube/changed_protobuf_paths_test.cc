// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/kube/changed_paths.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

std::string Varint(uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}
std::string Field(uint32_t number, std::string_view bytes) {
  return StrCat(Varint(number << 3 | 2), Varint(bytes.size()), bytes);
}
std::string Number(uint32_t number, uint64_t value) {
  return StrCat(Varint(number << 3), Varint(value));
}
std::string Entry(uint32_t number, std::string_view key, std::string_view value) {
  return Field(number, StrCat(Field(1, key), Field(2, value)));
}
// Of the fields of an object of that kind, as a watch event holds it.
std::string Of(std::string_view kind, std::string_view message,
               std::string_view api_version = "v1") {
  return StrCat(kProtobufMagic, Field(1, StrCat(Field(1, api_version), Field(2, kind))),
                Field(2, message), kProtobufUnknownTail);
}
std::string Meta(std::string_view fields) { return Field(1, fields); }

constexpr uint32_t kVersion = 6, kGeneration = 7, kLabels = 11, kAnnotations = 12, kManaged = 17;

std::vector<std::string> Paths(std::string_view kind, std::string_view before,
                               std::string_view after) {
  const auto changed = FindChangedProtobufPaths(Of(kind, before), Of(kind, after));
  EXPECT_TRUE(changed.ok()) << changed.status();
  if (!changed.ok()) return {};
  return changed->paths;
}

TEST(ChangedProtobufPathsTest, NamesTheFieldsOfAUsualKind) {
  const std::string meta = Meta(Field(1, "a"));
  EXPECT_THAT(
      Paths("Pod", meta + Field(2, "x") + Field(3, "y"), meta + Field(2, "x") + Field(3, "z")),
      ElementsAre("status"));
  EXPECT_THAT(Paths("Deployment", meta + Field(2, "x"), meta + Field(2, "y") + Field(3, "z")),
              ElementsAre("spec", "status"));
  EXPECT_THAT(Paths("Pod", meta + Field(2, "x"), meta + Field(2, "x")), IsEmpty());
}

TEST(ChangedProtobufPathsTest, NamesTheFieldsOfOtherKinds) {
  EXPECT_THAT(Paths("ConfigMap", Field(2, "x") + Field(3, "y"), Field(2, "y") + Field(3, "z")),
              ElementsAre("binaryData", "data"));
  EXPECT_THAT(Paths("EndpointSlice", Field(2, "x"), Field(2, "y") + Field(4, "IPv4")),
              ElementsAre("addressType", "endpoints"));
  EXPECT_THAT(Paths("PriorityClass", Number(2, 1), Number(2, 2)), ElementsAre("value"));
  EXPECT_THAT(Paths("Endpoints", Field(2, "x"), Field(9, "y")), ElementsAre("field 9", "subsets"))
      << "a field of a later version";
}

TEST(ChangedProtobufPathsTest, NamesNothingOfAKindThatIsNotBuiltIn) {
  for (const auto& [version, path] :
       {std::pair("authorization.openshift.io/v1", "field 2"),
        std::pair("rbac.authorization.k8s.io/v1", "subjects"), std::pair("apps/v1", "subjects")}) {
    const auto changed = FindChangedProtobufPaths(Of("ClusterRoleBinding", Field(2, "a"), version),
                                                  Of("ClusterRoleBinding", Field(2, "b"), version));
    ASSERT_TRUE(changed.ok());
    EXPECT_THAT(changed->paths, ElementsAre(path)) << version;
  }
}

TEST(ChangedProtobufPathsTest, LooksIntoMetadata) {
  const auto meta = [](std::string_view label, std::string_view annotation, uint64_t generation) {
    return Meta(StrCat(Field(1, "a"), Field(kVersion, annotation), Number(kGeneration, generation),
                       Entry(kLabels, "color", label), Entry(kLabels, "size", "1"),
                       Entry(kAnnotations, "a.b/c", annotation), Field(kManaged, label)));
  };
  EXPECT_THAT(Paths("Pod", meta("red", "1", 1), meta("red", "1", 1)), IsEmpty());
  EXPECT_THAT(Paths("Pod", meta("red", "1", 1), meta("blue", "1", 1)),
              ElementsAre("metadata.labels.color"))
      << "and neither managedFields";
  EXPECT_THAT(Paths("Pod", meta("red", "1", 1), meta("red", "2", 2)),
              ElementsAre("metadata.annotations[\"a.b/c\"]", "metadata.generation"))
      << "and neither resourceVersion";
  EXPECT_THAT(Paths("Pod", Meta(Field(1, "a")), Meta(Field(1, "a") + Entry(kLabels, "x", "y"))),
              ElementsAre("metadata.labels.x"));
  EXPECT_THAT(Paths("Pod", Meta(Field(1, "a")), ""), ElementsAre("metadata"));
  EXPECT_THAT(Paths("Pod", Meta(Field(30, "a")), Meta(Field(30, "b"))),
              ElementsAre("metadata[\"field 30\"]"));
}

TEST(ChangedProtobufPathsTest, TheOrderOfAMapsEntriesIsNothing) {
  EXPECT_THAT(Paths("Pod", Meta(Entry(kLabels, "x", "1") + Entry(kLabels, "y", "2")),
                    Meta(Entry(kLabels, "y", "2") + Entry(kLabels, "x", "1"))),
              IsEmpty());
}

TEST(ChangedProtobufPathsTest, ThereIsABound) {
  std::string many;
  for (size_t i = 0; i <= ChangedPaths::kMaxPaths; ++i) {
    many += Entry(kLabels, StrCat("label-", i), "x");
  }
  const auto changed = FindChangedProtobufPaths(Of("Pod", Meta("")), Of("Pod", Meta(many)));
  ASSERT_TRUE(changed.ok());
  EXPECT_TRUE(changed->more);
  EXPECT_THAT(changed->paths, SizeIs(ChangedPaths::kMaxPaths));
  const std::string name(ChangedPaths::kMaxNameBytes + 1, 'n');
  EXPECT_THAT(Paths("Pod", Meta(Entry(kLabels, name, "1") + Entry(kLabels, name + "x", "1")),
                    Meta(Entry(kLabels, name, "2"))),
              ElementsAre("metadata.labels"));
}

TEST(ChangedProtobufPathsTest, RefusesWhatIsNotTwoObjectsOfOneKind) {
  const std::string pod = Of("Pod", Meta(Field(1, "a")));
  EXPECT_FALSE(FindChangedProtobufPaths(pod, "").ok());
  EXPECT_FALSE(FindChangedProtobufPaths(pod, "{}").ok());
  EXPECT_FALSE(FindChangedProtobufPaths(pod, Of("Node", Meta(Field(1, "a")))).ok());
  EXPECT_FALSE(FindChangedProtobufPaths(pod, Of("Pod", Meta(Number(kLabels, 1)))).ok());
  EXPECT_FALSE(FindChangedProtobufPaths(pod, Of("Pod", Field(2, "x") + "\x12\x7f")).ok());
}

}  // namespace
}  // namespace weir
