// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/field_matcher.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "tests/kube/object_samples.h"

namespace weir {
namespace {

const GroupVersionResource kPods = {"", "v1", "pods"};
const GroupVersionResource kNodes = {"", "v1", "nodes"};
const GroupVersionResource kSecrets = {"", "v1", "secrets"};
const GroupVersionResource kJobs = {"batch", "v1", "jobs"};
const GroupVersionResource kWidgets = {"example.com", "v1", "widgets"};

std::optional<FieldMatcher> Bind(const GroupVersionResource& resource, std::string_view selector,
                                 bool metadata_only = false) {
  return FieldMatcher::For(resource, FieldSelector::Parse(selector).value(), metadata_only);
}

bool Knows(const GroupVersionResource& resource, std::string_view selector,
           bool metadata_only = false) {
  return Bind(resource, selector, metadata_only).has_value();
}

bool Matches(const GroupVersionResource& resource, std::string_view selector,
             const ObjectPtr& object) {
  const auto matcher = Bind(resource, selector);
  EXPECT_TRUE(matcher.has_value()) << selector;
  return matcher.has_value() && matcher->Matches(*object);
}

// An object in JSON with these members after its metadata.
ObjectPtr JsonWith(std::string_view members) {
  return MustParse(
      Representation::kJson,
      StrCat(R"({"kind":"K","apiVersion":"v1","metadata":{"name":"a","namespace":"ns",)",
             R"("uid":"u","resourceVersion":"1"})", members.empty() ? "" : ",", members, "}"));
}

// An object in protobuf with `value` as field `path`.
struct ProtobufField {
  uint32_t outer = 0, inner = 0;
  std::optional<std::string> text = {};
  uint64_t number = 0;
};
ObjectPtr ProtobufWith(const ProtobufField& field) {
  const auto append = [&](std::string& out, uint32_t number) {
    if (field.text.has_value()) {
      AppendBytesField(out, number, *field.text);
    } else {
      AppendVarintField(out, number, field.number);
    }
  };
  std::string message = SampleProtobufMessage({});
  if (field.inner != 0) {
    std::string inner;
    AppendBytesField(inner, 20, "another field");
    append(inner, field.inner);
    AppendBytesField(message, field.outer, inner);
  } else if (field.outer != 0) {
    append(message, field.outer);
  }
  return MustParse(Representation::kProtobuf, InEnvelope(message));
}

TEST(FieldMatcherTest, MatchesEverythingWhenEmpty) {
  EXPECT_TRUE(FieldMatcher().empty());
  EXPECT_TRUE(FieldMatcher().Matches(*JsonWith("")));
  EXPECT_TRUE(Bind(kPods, "")->empty());
  EXPECT_FALSE(Bind(kPods, "metadata.name=a")->empty());
}

TEST(FieldMatcherTest, ComparesNameAndNamespaceOfEveryKind) {
  for (const GroupVersionResource& resource : {kPods, kWidgets}) {
    for (const ObjectPtr& object : {JsonWith(""), ProtobufWith({})}) {
      EXPECT_TRUE(Matches(resource, "metadata.name=a", object));
      EXPECT_FALSE(Matches(resource, "metadata.name!=a", object));
      EXPECT_TRUE(Matches(resource, "metadata.name=a,metadata.namespace=ns", object));
      EXPECT_FALSE(Matches(resource, "metadata.name=a,metadata.namespace=x", object));
      EXPECT_FALSE(Matches(resource, "metadata.name=a,metadata.name!=a", object));
    }
  }
}

TEST(FieldMatcherTest, KnowsWhetherANamespaceIsSelected) {
  EXPECT_TRUE(Bind(kWidgets, "metadata.name=a,metadata.namespace!=x")->selects_namespace());
  EXPECT_FALSE(Bind(kPods, "metadata.name=a,spec.nodeName=n")->selects_namespace());
  EXPECT_FALSE(FieldMatcher().selects_namespace());
}

// A row of the table: the field's name in a selector, and an object in both representations in
// which it has the value.
struct Case {
  GroupVersionResource resource;
  const char* selector;
  const char* value;
  const char* json;
  ProtobufField protobuf;
  const char* absent = "";  // The value where the object does not have the field.
};

class SelectableFieldTest : public testing::TestWithParam<Case> {
 protected:
  bool Matches(const char* comparison, std::string_view value, const ObjectPtr& object) const {
    return weir::Matches(GetParam().resource, StrCat(GetParam().selector, comparison, value),
                         object);
  }
};

TEST_P(SelectableFieldTest, IsComparedWithTheObjects) {
  for (const ObjectPtr& object : {JsonWith(GetParam().json), ProtobufWith(GetParam().protobuf)}) {
    EXPECT_TRUE(Matches("=", GetParam().value, object));
    EXPECT_TRUE(Matches("==", GetParam().value, object));
    EXPECT_FALSE(Matches("!=", GetParam().value, object));
    EXPECT_FALSE(Matches("=", "other", object));
    EXPECT_TRUE(Matches("!=", "other", object));
    EXPECT_FALSE(Matches("=", GetParam().absent, object));
  }
}

TEST_P(SelectableFieldTest, HasAValueWhenItIsAbsent) {
  const std::string_view json = GetParam().json;
  const std::string outer(json.substr(0, json.find(':')));
  for (const ObjectPtr& object :
       {JsonWith(""), JsonWith(R"("other":{"x":1})"), JsonWith(StrCat(outer, ":null")),
        ProtobufWith({}), ProtobufWith({.outer = 30, .text = "x"}),
        ProtobufWith({.outer = GetParam().protobuf.outer + 7, .inner = 1, .text = "x"})}) {
    EXPECT_TRUE(Matches("=", GetParam().absent, object)) << object->raw();
    EXPECT_FALSE(Matches("!=", GetParam().absent, object)) << object->raw();
    EXPECT_FALSE(Matches("=", GetParam().value, object)) << object->raw();
  }
}

TEST_P(SelectableFieldTest, IsNotInMetadata) {
  EXPECT_FALSE(Knows(GetParam().resource, StrCat(GetParam().selector, "=x"), true));
}

INSTANTIATE_TEST_SUITE_P(
    Text, SelectableFieldTest,
    testing::Values(
        Case{kPods,
             "spec.nodeName",
             "n",
             R"("spec":{"containers":[{"nodeName":"x"}],"nodeName":"n"})",
             {2, 10, "n"}},
        Case{kPods, "spec.host", "n", R"("spec":{"nodeName":"n"})", {2, 10, "n"}},
        Case{kPods,
             "spec.restartPolicy",
             "Never",
             R"("spec":{"restartPolicy":"Never"})",
             {2, 3, "Never"}},
        Case{kPods, "spec.schedulerName", "s", R"("spec":{"schedulerName":"s"})", {2, 19, "s"}},
        Case{kPods,
             "spec.serviceAccountName",
             "s",
             R"("spec":{"serviceAccountName":"s"})",
             {2, 8, "s"}},
        Case{kPods,
             "status.phase",
             "Running",
             R"("spec":{"phase":"x"},"status":{"phase":"Running"})",
             {3, 1, "Running"}},
        Case{kPods,
             "status.podIP",
             "10.0.0.1",
             R"("status":{"podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}]})",
             {3, 6, "10.0.0.1"}},
        Case{kPods,
             "status.nominatedNodeName",
             "n",
             R"("status":{"nominatedNodeName":"n"})",
             {3, 11, "n"}},
        Case{{"", "v1", "namespaces"},
             "status.phase",
             "Active",
             R"("spec":{"finalizers":["kubernetes"]},"status":{"phase":"Active"})",
             {3, 1, "Active"}},
        Case{kSecrets, "type", "Opaque", R"("type":"Opaque")", {3, 0, "Opaque"}},
        Case{{"certificates.k8s.io", "v1", "certificatesigningrequests"},
             "spec.signerName",
             "example.com/s",
             R"("spec":{"signerName":"example.com/s"})",
             {2, 7, "example.com/s"}},
        Case{{"resource.k8s.io", "v1", "resourceslices"},
             "spec.nodeName",
             "n",
             R"("spec":{"nodeName":"n"})",
             {2, 3, "n"}},
        Case{{"resource.k8s.io", "v1", "resourceslices"},
             "spec.driver",
             "d",
             R"("spec":{"driver":"d"})",
             {2, 1, "d"}}));
INSTANTIATE_TEST_SUITE_P(Others, SelectableFieldTest,
                         testing::Values(Case{kPods,
                                              "spec.hostNetwork",
                                              "true",
                                              R"("spec":{"hostNetwork":true})",
                                              {2, 11, std::nullopt, 1},
                                              "false"},
                                         Case{kNodes,
                                              "spec.unschedulable",
                                              "true",
                                              R"("spec":{"unschedulable":true})",
                                              {2, 4, std::nullopt, 1},
                                              "false"},
                                         Case{{"", "v1", "replicationcontrollers"},
                                              "status.replicas",
                                              "12",
                                              R"("status":{"replicas":12})",
                                              {3, 1, std::nullopt, 12},
                                              "0"},
                                         Case{kJobs,
                                              "status.successful",
                                              "3",
                                              R"("status":{"succeeded":3})",
                                              {3, 5, std::nullopt, 3},
                                              "0"}));

TEST(FieldMatcherTest, ReadsWrittenDefaultsAsAbsentOnes) {
  EXPECT_TRUE(
      Matches(kNodes, "spec.unschedulable=false", JsonWith(R"("spec":{"unschedulable":false})")));
  EXPECT_TRUE(Matches(kNodes, "spec.unschedulable=false", ProtobufWith({2, 4, std::nullopt, 0})));
  EXPECT_TRUE(Matches(kJobs, "status.successful=0", ProtobufWith({3, 5, std::nullopt, 0})));
  EXPECT_TRUE(Matches(kPods, "spec.nodeName=", JsonWith(R"("spec":{"nodeName":""})")));
  EXPECT_TRUE(Matches(kPods, "spec.nodeName=", JsonWith(R"("spec":{"nodeName":null})")));
  EXPECT_TRUE(Matches(kPods, "spec.nodeName=", ProtobufWith({2, 10, ""})));
}

TEST(FieldMatcherTest, ComparesWhatEscapedTextMeans) {
  const ObjectPtr secret = JsonWith(R"("type":"a\u003cb\"\\")");
  EXPECT_TRUE(Matches(kSecrets, R"(type=a<b"\\)", secret));
  EXPECT_FALSE(Matches(kSecrets, R"(type=a\\u003cb"\\)", secret));
  EXPECT_TRUE(Matches(kPods, "spec.nodeName=n", JsonWith(R"("sp\u0065c":{"nodeN\u0061me":"n"})")));
}

TEST(FieldMatcherTest, NeedsEveryTerm) {
  const ObjectPtr pod = JsonWith(R"("spec":{"nodeName":"n"},"status":{"phase":"Running"})");
  EXPECT_TRUE(Matches(kPods, "spec.nodeName=n,status.phase!=Failed,metadata.name=a", pod));
  EXPECT_FALSE(Matches(kPods, "spec.nodeName=n,status.phase!=Running", pod));
  EXPECT_FALSE(Matches(kPods, "spec.nodeName=n,metadata.name=b", pod));
}

TEST(FieldMatcherTest, LeavesToTheApiServerWhatItDoesNotKnow) {
  for (const char* selector :
       {"spec.nodename=n", "metadata.uid=u", "metadata.labels.a=b", "spec.nodeName =n", "=x",
        "status.podIPs=", "metadata.name=a,spec.unschedulable=true"}) {
    EXPECT_FALSE(Knows(kPods, selector)) << selector;
  }
  EXPECT_FALSE(Knows(kSecrets, "status.phase=x"));
  EXPECT_FALSE(Knows(kWidgets, "spec.nodeName=n"));
  EXPECT_FALSE(Knows({"apps", "v1", "replicasets"}, "status.replicas=1"));
  EXPECT_FALSE(Knows({"", "v1", "services"}, "spec.type=ClusterIP"));
  EXPECT_FALSE(Knows({"example.com", "v1", "pods"}, "spec.nodeName=n"));
  EXPECT_FALSE(Knows({"batch", "v2", "jobs"}, "status.successful=1"));
}

TEST(FieldMatcherTest, KnowsWhichKindsRefuseANamespace) {
  for (const GroupVersionResource& resource :
       {kNodes, GroupVersionResource{"", "v1", "namespaces"},
        GroupVersionResource{"certificates.k8s.io", "v1", "certificatesigningrequests"},
        GroupVersionResource{"resource.k8s.io", "v1", "resourceslices"}}) {
    EXPECT_FALSE(Knows(resource, "metadata.namespace=")) << resource.resource;
    EXPECT_FALSE(Knows(resource, "metadata.name=a,metadata.namespace!=x", true));
    EXPECT_TRUE(Knows(resource, "metadata.name=a"));
  }
  EXPECT_TRUE(Knows({"", "v1", "persistentvolumes"}, "metadata.namespace=x"));
}

TEST(FieldMatcherTest, EvaluatesMetadataOfMetadata) {
  const ObjectPtr metadata =
      MustParse(Representation::kJson,
                R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)"
                R"({"name":"a","namespace":"ns","uid":"u","resourceVersion":"1"}})");
  EXPECT_TRUE(Bind(kPods, "metadata.name=a", true)->Matches(*metadata));
  EXPECT_FALSE(Bind(kPods, "metadata.namespace!=ns", true)->Matches(*metadata));
}

}  // namespace
}  // namespace weir
