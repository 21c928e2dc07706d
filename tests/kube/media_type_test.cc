// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/media_type.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace weir {
namespace {

#define PROTOBUF "application/vnd.kubernetes.protobuf"
#define METADATA ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
#define METADATA_LIST ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
#define TABLE ";as=Table;v=v1;g=meta.k8s.io"

// "objects protobuf json": kind, preferred, fallback.
std::string Describe(std::string_view accept, bool list) {
  const Negotiated negotiated = NegotiateAccept(accept, list);
  const auto name = [](Representation r) {
    return r == Representation::kJson ? "json" : "protobuf";
  };
  if (negotiated.kind == Negotiated::Kind::kOther) return "other";
  std::string out = negotiated.kind == Negotiated::Kind::kObjects ? "objects " : "metadata ";
  StrAppend(out, name(negotiated.preferred));
  if (negotiated.fallback) StrAppend(out, " ", name(*negotiated.fallback));
  return out;
}

struct Case {
  const char* accept;
  const char* expected;
};

class NegotiateAcceptTest : public testing::TestWithParam<Case> {};

// Of a watch, or a GET of one object.
TEST_P(NegotiateAcceptTest, ChoosesWhatTheApiServerChooses) {
  EXPECT_EQ(Describe(GetParam().accept, false), GetParam().expected) << GetParam().accept;
}

class NegotiateAcceptOfListTest : public testing::TestWithParam<Case> {};

TEST_P(NegotiateAcceptOfListTest, ChoosesWhatTheApiServerChooses) {
  EXPECT_EQ(Describe(GetParam().accept, true), GetParam().expected) << GetParam().accept;
}

INSTANTIATE_TEST_SUITE_P(
    RealClients, NegotiateAcceptTest,
    testing::Values(
        // Typed clientset up to 0.31, controller-runtime for custom resources, kubectl --raw.
        Case{"application/json, */*", "objects json"},
        // Typed clientset from 0.32.
        Case{PROTOBUF ",application/json", "objects protobuf json"},
        // ContentType protobuf, controller-runtime for built-in types.
        Case{PROTOBUF ", */*", "objects protobuf json"}, Case{PROTOBUF, "objects protobuf"},
        // Dynamic client, kubectl get -o yaml.
        Case{"application/json", "objects json"},
        // Metadata client.
        Case{PROTOBUF METADATA ",application/json" METADATA ",application/json",
             "metadata protobuf json"},
        Case{PROTOBUF METADATA_LIST ",application/json" METADATA_LIST ",application/json", "other"},
        // kubectl get.
        Case{"application/json" TABLE ",application/json;as=Table;v=v1beta1;g=meta.k8s.io,"
             "application/json",
             "other"},
        // Discovery.
        Case{"application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,"
             "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,"
             "application/json",
             "other"},
        // A client that opted into CBOR.
        Case{"application/json;q=0.9,application/cbor;q=1", "other"},
        // curl; browsers.
        Case{"*/*", "objects json"}, Case{"", "objects json"},
        Case{"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "objects json"}));

INSTANTIATE_TEST_SUITE_P(
    Order, NegotiateAcceptTest,
    testing::Values(Case{"application/json," PROTOBUF, "objects json"},
                    Case{"application/json;q=0.8," PROTOBUF ";q=0.9", "objects protobuf json"},
                    Case{"application/json;q=1.000, " PROTOBUF, "objects json"},
                    Case{PROTOBUF ";q=0.5,application/json;q=0.5", "objects protobuf json"},
                    // A range with stars comes after one without, whatever the order in the header.
                    Case{"*/*," PROTOBUF, "objects protobuf json"},
                    Case{"application/*," PROTOBUF, "objects protobuf"},
                    Case{"application/*", "other"}, Case{"*", "other"},
                    Case{"*/*;q=0.9,application/json;q=0.5", "objects json"},
                    Case{"text/plain,image/*," PROTOBUF, "objects protobuf"},
                    Case{PROTOBUF ",application/json" TABLE ",application/json",
                         "objects protobuf"},
                    Case{PROTOBUF ",application/yaml,application/json", "objects protobuf"},
                    Case{PROTOBUF METADATA ",application/json", "metadata protobuf"}));

INSTANTIATE_TEST_SUITE_P(
    Parameters, NegotiateAcceptTest,
    testing::Values(
        Case{"application/json;stream=watch", "objects json"},
        Case{PROTOBUF ";stream=watch", "objects protobuf"},
        Case{"application/json;stream=other", "other"},
        Case{"application/json;charset=utf-8", "objects json"},
        Case{"application/json;pretty=0", "objects json"},
        Case{"application/json;pretty=1", "other"},
        Case{"application/json ; as = PartialObjectMetadata ; g=meta.k8s.io;v=v1", "metadata json"},
        Case{"application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1beta1", "other"},
        Case{"application/json;as=PartialObjectMetadata;v=v1", "other"},
        Case{"application/json;g=meta.k8s.io", "other"}, Case{"*/*" METADATA, "metadata json"},
        Case{"application/json;drop=metadata.managedFields", "other"},
        Case{"application/json;drop=x,application/json", "other"},
        Case{"application/json;sv=x", "other"}, Case{"application/json;export=1", "other"},
        Case{"application/json;profile=nopeer", "other"},
        Case{"application/json;as=X;as=PartialObjectMetadata;g=meta.k8s.io;v=v1", "metadata json"},
        Case{"application/json;ignored", "objects json"},
        Case{"application/json;", "objects json"}));

INSTANTIATE_TEST_SUITE_P(
    NothingUsable, NegotiateAcceptTest,
    testing::Values(Case{"text/plain", "other"}, Case{" ", "other"}, Case{",", "other"},
                    Case{"application/yaml", "other"}, Case{"application/cbor", "other"},
                    Case{"*/json", "other"}, Case{"application/json/x", "other"},
                    Case{"application/json/,*/*", "other"}, Case{"*/,application/json", "other"},
                    Case{"Application/JSON", "other"}, Case{"application/jsonx", "other"},
                    Case{"application/json;q=x", "other"}, Case{"application/json;q=2", "other"},
                    Case{"application/json;q=1.5", "other"},
                    Case{"application/json;q=0.1234", "other"},
                    Case{"application/json;q= 1", "other"}, Case{"application/json;q=", "other"},
                    Case{"application/json\t", "other"}, Case{"application/json;q=1x", "other"}));

INSTANTIATE_TEST_SUITE_P(
    Metadata, NegotiateAcceptOfListTest,
    testing::Values(
        // Metadata client.
        Case{PROTOBUF METADATA_LIST ",application/json" METADATA_LIST ",application/json",
             "metadata protobuf json"},
        Case{"application/json" METADATA_LIST, "metadata json"},
        Case{PROTOBUF METADATA_LIST, "metadata protobuf"},
        // The form of one object is chosen all the same, and then refused.
        Case{PROTOBUF METADATA ",application/json" METADATA ",application/json", "other"},
        Case{PROTOBUF METADATA_LIST ",application/json" METADATA ",application/json",
             "metadata protobuf"},
        Case{PROTOBUF METADATA "," PROTOBUF METADATA_LIST, "other"},
        // Whole objects only after metadata.
        Case{PROTOBUF METADATA_LIST ",application/json", "metadata protobuf"},
        Case{PROTOBUF ",application/json" METADATA_LIST, "objects protobuf"}));

TEST(NegotiateAcceptLimitTest, ForwardsMoreClausesThanAnyClientSends) {
  std::string accept = "application/json";
  for (int i = 1; i < 12; ++i) accept += ",text/plain";
  EXPECT_EQ(Describe(accept, false), "objects json");
  EXPECT_EQ(Describe(accept + ",text/plain", false), "other");
}

TEST(MediaTypeTest, ContentTypesRoundTrip) {
  for (const Representation r : {Representation::kJson, Representation::kProtobuf}) {
    EXPECT_EQ(RepresentationOf(ContentType(r)), r);
    EXPECT_EQ(RepresentationOf(WatchContentType(r)), r);
  }
  EXPECT_EQ(WatchContentType(Representation::kJson), "application/json");
  EXPECT_EQ(WatchContentType(Representation::kProtobuf), PROTOBUF ";stream=watch");
}

TEST(MediaTypeTest, ReadsContentTypesOfAnswers) {
  EXPECT_EQ(RepresentationOf("application/json; charset=utf-8"), Representation::kJson);
  EXPECT_EQ(RepresentationOf(" Application/Json "), Representation::kJson);
  EXPECT_EQ(RepresentationOf("text/plain"), std::nullopt);
  EXPECT_EQ(RepresentationOf("application/json-patch+json"), std::nullopt);
  EXPECT_EQ(RepresentationOf("application/cbor"), std::nullopt);
  EXPECT_EQ(RepresentationOf(""), std::nullopt);
}

}  // namespace
}  // namespace weir
