// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/partial_metadata.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/kube/watch_decoder.h"
#include "tests/kube/metadata_samples.h"
#include "tests/kube/object_samples.h"

namespace weir {
namespace {

using testing::HasSubstr;

std::string Derive(Representation representation, std::string_view whole) {
  const ObjectPtr derived = ToPartialMetadata(*MustParse(representation, whole));
  return derived == nullptr ? "(none)" : std::string(derived->raw());
}

std::string DeriveJson(std::string_view whole) { return Derive(Representation::kJson, whole); }

// The derived metadata of a custom resource with these members besides the required ones.
std::string DeriveCustom(std::string_view members) {
  constexpr std::string_view kHead =
      R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)";
  const std::string raw =
      DeriveJson(StrCat(R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{)", members,
                        R"("name":"w","resourceVersion":"1","uid":"u"},"spec":{}})"));
  if (!raw.starts_with(kHead)) return raw;
  return raw.substr(kHead.size(), raw.size() - kHead.size() - 1);
}

constexpr std::string_view kTime = R"("creationTimestamp":"2026-08-01T10:00:00Z",)";
constexpr std::string_view kPlain =
    R"({"name":"w","uid":"u","resourceVersion":"1","creationTimestamp":"2026-08-01T10:00:00Z"})";

struct Sample {
  const char* name;
  std::string_view whole, metadata;
};

class PartialMetadataTest : public testing::TestWithParam<Sample> {};

TEST_P(PartialMetadataTest, HasTheBytesOfTheApiServersAnswer) {
  EXPECT_EQ(DeriveJson(GetParam().whole), GetParam().metadata);
}

TEST_P(PartialMetadataTest, OfMetadataIsTheSame) {
  EXPECT_EQ(DeriveJson(GetParam().metadata), GetParam().metadata);
}

INSTANTIATE_TEST_SUITE_P(
    Json, PartialMetadataTest,
    testing::Values(Sample{"config_map", samples::kConfigMap, samples::kConfigMapMetadata},
                    Sample{"widget", samples::kWidget, samples::kWidgetMetadata},
                    Sample{"dying", samples::kDyingWidget, samples::kDyingWidgetMetadata},
                    Sample{"generated", samples::kGeneratedWidget,
                           samples::kGeneratedWidgetMetadata},
                    Sample{"cluster_scoped", samples::kGear, samples::kGearMetadata}),
    [](const auto& info) { return info.param.name; });

TEST(PartialMetadataProtobufTest, HasTheBytesOfTheApiServersAnswer) {
  EXPECT_EQ(Derive(Representation::kProtobuf, Hex(samples::kConfigMapHex)),
            Hex(samples::kConfigMapMetadataHex));
}

TEST(PartialMetadataProtobufTest, KeepsWhatIsReadOfAnObject) {
  const std::string message = SampleProtobufMessage({.labels = {{"app", "web"}}}, "body");
  const ObjectPtr derived =
      ToPartialMetadata(*MustParse(Representation::kProtobuf, InEnvelope(message, "Pod")));
  ASSERT_NE(derived, nullptr);
  EXPECT_EQ(derived->kind(), kPartialMetadataKind);
  EXPECT_EQ(derived->api_version(), kPartialMetadataApiVersion);
  EXPECT_EQ(derived->key(), (ObjectKeyView{"ns", "a"}));
  EXPECT_EQ(derived->uid(), "u-1");
  EXPECT_EQ(derived->version(), ResourceVersion(107));
  EXPECT_EQ(derived->Label("app"), "web");
}

// The whole object has annotations that its metadata does not have.
TEST(PartialMetadataTest, IsNotDerivedWhereTheApiServerConvertsAnnotations) {
  const auto derive = [](std::string_view kind, std::string_view api_version,
                         std::string_view annotation) {
    return DeriveJson(StrCat(R"({"kind":")", kind, R"(","apiVersion":")", api_version,
                             R"(","metadata":{"name":"a","uid":"u","resourceVersion":"1",)",
                             R"("annotations":{")", annotation, R"(":"1"}},"spec":{}})"));
  };
  EXPECT_EQ(derive("DaemonSet", "apps/v1", "deprecated.daemonset.template.generation"), "(none)");
  EXPECT_EQ(derive("Deployment", "apps/v1", "deprecated.deployment.rollback.to"), "(none)");
  EXPECT_EQ(derive("HorizontalPodAutoscaler", "autoscaling/v1",
                   "autoscaling.alpha.kubernetes.io/conditions"),
            "(none)");
  EXPECT_THAT(derive("Deployment", "apps/v1", "deployment.kubernetes.io/revision"),
              HasSubstr("PartialObjectMetadata"));
  EXPECT_THAT(derive("HorizontalPodAutoscaler", "autoscaling/v2", "x"),
              HasSubstr("PartialObjectMetadata"));
  EXPECT_THAT(derive("Pod", "v1", "deprecated.deployment.rollback.to"),
              HasSubstr("PartialObjectMetadata"));
}

TEST(PartialMetadataTest, IsNotDerivedOfConvertedProtobufEither) {
  std::string metadata;
  AppendBytesField(metadata, 1, "a");
  AppendBytesField(metadata, 5, "u");
  AppendBytesField(metadata, 6, "1");
  std::string entry;
  AppendBytesField(entry, 1, "deprecated.daemonset.template.generation");
  AppendBytesField(entry, 2, "1");
  AppendBytesField(metadata, 12, entry);
  std::string message;
  AppendBytesField(message, 1, metadata);
  const auto raw = [&](std::string_view kind) {
    std::string out = ProtobufEnvelopeHead("apps/v1", kind);
    AppendBytesField(out, 2, message);
    return out.append(kProtobufUnknownTail);
  };
  EXPECT_EQ(Derive(Representation::kProtobuf, raw("DaemonSet")), "(none)");
  EXPECT_NE(Derive(Representation::kProtobuf, raw("StatefulSet")), "(none)");
}

TEST(PartialMetadataTest, SaysOfWhichKindsItCanBeDerived) {
  EXPECT_TRUE(DerivesPartialMetadata({"", "v1", "pods"}));
  EXPECT_TRUE(DerivesPartialMetadata({"example.com", "v1", "widgets"}));
  EXPECT_TRUE(DerivesPartialMetadata({"apps", "v1", "deployments"}));
  EXPECT_TRUE(DerivesPartialMetadata({"autoscaling", "v2", "horizontalpodautoscalers"}));
  EXPECT_FALSE(DerivesPartialMetadata({"autoscaling", "v1", "horizontalpodautoscalers"}));
  EXPECT_FALSE(DerivesPartialMetadata({"apps", "v1", "daemonsets"}));
}

TEST(PartialMetadataOfCustomResourceTest, LeavesOutWhatIsEmpty) {
  EXPECT_EQ(DeriveCustom(kTime), kPlain);
  EXPECT_EQ(DeriveCustom(StrCat(R"("annotations":{},)", kTime,
                                R"("finalizers":[],"generateName":"","generation":0,)",
                                R"("labels":{},"managedFields":[],"ownerReferences":[],)")),
            kPlain);
}

TEST(PartialMetadataOfCustomResourceTest, KeepsWhatOnlyLooksEmpty) {
  EXPECT_THAT(DeriveCustom(StrCat(kTime, R"("deletionGracePeriodSeconds":0,"labels":{"a":""},)")),
              HasSubstr(R"("deletionGracePeriodSeconds":0,"labels":{"a":""}})"));
  EXPECT_THAT(DeriveCustom(StrCat(kTime, R"("finalizers":[""],"managedFields":[{}],)")),
              HasSubstr(R"("finalizers":[""],"managedFields":[{}]})"));
  EXPECT_THAT(DeriveCustom(StrCat(kTime, R"("managedFields":[{"fieldsV1":{}}],)")),
              HasSubstr(R"("managedFields":[{"fieldsV1":{}}]})"));
}

class UnknownMetadataTest : public testing::TestWithParam<const char*> {};

TEST_P(UnknownMetadataTest, IsNotDerived) {
  EXPECT_EQ(DeriveCustom(StrCat(kTime, GetParam(), ",")), "(none)");
}

INSTANTIATE_TEST_SUITE_P(Members, UnknownMetadataTest,
                         testing::Values(R"("clusterName":"x")", R"("x":1)",
                                         R"("generat\u0069on":1)",
                                         R"("generation":1,"generation":1)"));
INSTANTIATE_TEST_SUITE_P(
    Values, UnknownMetadataTest,
    testing::Values(R"("generation":1.0)", R"("generation":-1)", R"("generation":"1")",
                    R"("generation":null)", R"("generation":01)", R"("generation":1e3)",
                    R"("generation":9999999999999999999)", R"("generateName":1)",
                    R"("generateName":null)", R"("selfLink":{})", R"("annotations":null)",
                    R"("annotations":{"a":null})", R"("annotations":{"a":{}})",
                    R"("finalizers":null)", R"("finalizers":{})", R"("finalizers":[1])",
                    R"("finalizers":["a",])", R"("deletionGracePeriodSeconds":null)"));
INSTANTIATE_TEST_SUITE_P(Times, UnknownMetadataTest,
                         testing::Values(R"("deletionTimestamp":"2026-08-01T10:00:00.5Z")",
                                         R"("deletionTimestamp":"2026-08-01T10:00:00+01:00")",
                                         R"("deletionTimestamp":"2026-13-01T10:00:00Z")",
                                         R"("deletionTimestamp":"2026-00-01T10:00:00Z")",
                                         R"("deletionTimestamp":"2026-08-32T10:00:00Z")",
                                         R"("deletionTimestamp":"2026-08-01T24:00:00Z")",
                                         R"("deletionTimestamp":"2026-08-01T10:60:00Z")",
                                         R"("deletionTimestamp":"2026-08-01T10:00:60Z")",
                                         R"("deletionTimestamp":"0001-01-01T00:00:00Z")",
                                         R"("deletionTimestamp":"2026-08-01t10:00:00Z")",
                                         R"("deletionTimestamp":"2026-08-01T10:00:0xZ")",
                                         R"("deletionTimestamp":"")", R"("deletionTimestamp":null)",
                                         R"("deletionTimestamp":1)"));
INSTANTIATE_TEST_SUITE_P(
    Entries, UnknownMetadataTest,
    testing::Values(
        R"("ownerReferences":null)", R"("ownerReferences":[null])", R"("ownerReferences":[{}])",
        R"("ownerReferences":[{"kind":"Pod","name":"p","uid":"u"}])",
        R"("ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u","x":1}])",
        R"("ownerReferences":[{"apiVersion":"v1","controller":null,"kind":"P","name":"p","uid":"u"}])",
        R"("ownerReferences":[{"apiVersion":"v1","kind":"Pod","name":1,"uid":"u"}])",
        R"("managedFields":[1])", R"("managedFields":[{"fields":{}}])",
        R"("managedFields":[{"fieldsV1":null}])", R"("managedFields":[{"time":"now"}])"));

TEST(PartialMetadataOfCustomResourceTest, IsNotDerivedWithoutATimeOfCreation) {
  EXPECT_EQ(DeriveCustom(""), "(none)");
  EXPECT_EQ(DeriveCustom(R"("creationTimestamp":null,)"), "(none)");
}

struct WatchSample {
  Representation representation;
  std::string bytes;
};

class PartialMetadataWatchTest : public testing::TestWithParam<WatchSample> {};

TEST_P(PartialMetadataWatchTest, IsRead) {
  WatchDecoder decoder(GetParam().representation);
  std::vector<WatchEvent> events;
  ASSERT_TRUE(decoder.Decode(GetParam().bytes, events).ok());
  ASSERT_EQ(events.size(), 2);
  EXPECT_EQ(events[0].type, WatchEventType::kAdded);
  EXPECT_EQ(events[0].object->kind(), kPartialMetadataKind);
  EXPECT_EQ(events[0].object->key(), (ObjectKeyView{"", "g1"}));
  EXPECT_EQ(events[1].type, WatchEventType::kBookmark);
  EXPECT_EQ(events[1].kind, kPartialMetadataKind);
  EXPECT_EQ(events[1].api_version, kPartialMetadataApiVersion);
  EXPECT_TRUE(events[1].initial_events_end);
  const Object& object = *events[0].object;
  EXPECT_THAT(GetParam().bytes,
              HasSubstr(StrCat(WatchFramePrefix(WatchEventType::kAdded, object), object.raw(),
                               WatchFrameSuffix(object.representation()))));
}

TEST(PartialMetadataWatchTest, JsonBookmarksAreTheApiServers) {
  EXPECT_THAT(std::string(samples::kMetadataWatch),
              HasSubstr(BookmarkFrame(Representation::kJson, kPartialMetadataApiVersion,
                                      kPartialMetadataKind, ResourceVersion(294), true)));
}

INSTANTIATE_TEST_SUITE_P(
    Representations, PartialMetadataWatchTest,
    testing::Values(WatchSample{Representation::kJson, std::string(samples::kMetadataWatch)},
                    WatchSample{Representation::kProtobuf, Hex(samples::kMetadataWatchHex)}));

}  // namespace
}  // namespace weir
