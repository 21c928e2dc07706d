// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/list_decoder.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/kube/api_status.h"
#include "proxy/kube/partial_metadata.h"
#include "tests/kube/metadata_samples.h"
#include "tests/kube/object_samples.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::string_view kBuiltInList =
    R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"105"},"items":[)"
    R"({"metadata":{"name":"a","namespace":"ns","uid":"u-1","resourceVersion":"7"},"data":{"k":"]}"}},)"
    R"({"metadata":{"name":"b\"","namespace":"ns","uid":"u-2","resourceVersion":"8"}}]})"
    "\n";

constexpr std::string_view kCustomList =
    R"({"apiVersion":"g/v1","items":[)"
    R"({"apiVersion":"g/v1","kind":"Foo","metadata":{"name":"a","resourceVersion":"7","uid":"u-1"}},)"
    R"({"apiVersion":"g/v1","kind":"Foo","metadata":{"name":"b","resourceVersion":"8","uid":"u-2"}}],)"
    R"("kind":"FooList","metadata":{"continue":"","resourceVersion":"105"}})"
    "\n";

std::string ProtobufList() {
  const std::string items[] = {
      SampleProtobufMessage({.name = "a", .version = "7"}),
      SampleProtobufMessage({.name = "b", .version = "8"}, std::string(300, 'x'))};
  std::string message = Hex("0a 09 0a 00 12 03 31 30 35 1a 00");
  for (const std::string& item : items) AppendBytesField(message, 2, item);
  std::string body = ProtobufEnvelopeHead("v1", "ConfigMapList");
  AppendBytesField(body, 2, message);
  return body + Hex("1a 00 22 00");
}

struct Answer {
  absl::Status status;
  std::vector<ObjectPtr> items;
  ListEnvelope envelope;
  ResourceVersion version;
  std::string continue_token;
};

Answer Read(Representation representation, std::string_view body, size_t chunk = 1 << 20,
            size_t limit = 16 << 20) {
  ListDecoder decoder(representation, limit);
  Answer answer;
  for (size_t pos = 0; pos < body.size() && answer.status.ok(); pos += chunk) {
    answer.status = decoder.Decode(body.substr(pos, chunk), answer.items);
  }
  if (answer.status.ok()) answer.status = decoder.Finish();
  answer.envelope = decoder.envelope();
  answer.version = decoder.version();
  answer.continue_token = decoder.continue_token();
  return answer;
}

std::string Encode(Representation representation, const Answer& list) {
  uint64_t size = 0;
  std::string items;
  for (size_t i = 0; i < list.items.size(); ++i) {
    const Object& item = *list.items[i];
    const size_t before = items.size();
    StrAppend(items, ListItemPrefix(item, i == 0), item.list_item_tail());
    EXPECT_EQ(ListItemSize(item), items.size() - before);
    size += ListItemSize(item);
  }
  return StrCat(ListHead(representation, list.envelope, list.version, size), items,
                ListTail(representation, list.envelope, list.version, list.items.empty()));
}

struct Sample {
  Representation representation;
  std::string body;
  ListEnvelope envelope;
};

class ListDecoderTest : public testing::TestWithParam<Sample> {};

TEST_P(ListDecoderTest, ReadsTheListHoweverItIsCut) {
  const Sample& sample = GetParam();
  for (size_t chunk = 1; chunk <= sample.body.size() + 1; chunk += 1 + chunk / 16) {
    const Answer answer = Read(sample.representation, sample.body, chunk);
    ASSERT_TRUE(answer.status.ok()) << answer.status << " in chunks of " << chunk;
    ASSERT_EQ(answer.items.size(), 2);
    EXPECT_EQ(answer.items[0]->name(), "a");
    EXPECT_EQ(answer.items[1]->version(), ResourceVersion(8));
    EXPECT_EQ(answer.version, ResourceVersion(105));
    EXPECT_EQ(answer.continue_token, "");
    EXPECT_EQ(answer.envelope.api_version, sample.envelope.api_version);
    EXPECT_EQ(answer.envelope.list_kind, sample.envelope.list_kind);
    EXPECT_EQ(answer.envelope.custom_resource, sample.envelope.custom_resource);
  }
}

TEST_P(ListDecoderTest, WritesTheSameBytesAgain) {
  const Sample& sample = GetParam();
  EXPECT_EQ(Encode(sample.representation, Read(sample.representation, sample.body)), sample.body);
}

TEST_P(ListDecoderTest, ReadsAndWritesAnEmptyList) {
  const Sample& sample = GetParam();
  Answer empty;
  empty.envelope = sample.envelope;
  empty.version = ResourceVersion(105);
  const std::string body = Encode(sample.representation, empty);
  const Answer answer = Read(sample.representation, body);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.items, IsEmpty());
  EXPECT_EQ(Encode(sample.representation, answer), body);
}

TEST_P(ListDecoderTest, RefusesEveryCutList) {
  const Sample& sample = GetParam();
  const bool json = sample.representation == Representation::kJson;
  for (size_t size = 0; size < sample.body.size(); ++size) {
    // The line end, and the envelope's last two fields, may be missing.
    const size_t missing = sample.body.size() - size;
    const bool whole = json ? missing == 1 : missing == 2 || missing == 4;
    const Answer answer = Read(sample.representation, sample.body.substr(0, size));
    EXPECT_EQ(answer.status.ok(), whole) << size << answer.status;
  }
}

TEST_P(ListDecoderTest, RefusesAnItemThatIsTooLarge) {
  const Sample& sample = GetParam();
  EXPECT_TRUE(weir::IsLimit(Read(sample.representation, sample.body, 5, 60).status));
  EXPECT_TRUE(weir::IsLimit(Read(sample.representation, sample.body, 1000, 60).status));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, ListDecoderTest,
    testing::Values(
        Sample{Representation::kJson, std::string(kBuiltInList), {"v1", "ConfigMapList", false}},
        Sample{Representation::kJson, std::string(kCustomList), {"g/v1", "FooList", true}},
        Sample{Representation::kProtobuf, ProtobufList(), {"v1", "ConfigMapList", false}}));

TEST(JsonListDecoderTest, ItemsBecomeWhatAWatchSends) {
  const Answer answer = Read(Representation::kJson, kBuiltInList);
  EXPECT_EQ(
      answer.items[0]->raw(),
      R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"ns","uid":"u-1","resourceVersion":"7"},"data":{"k":"]}"}})");
  EXPECT_EQ(answer.items[1]->name(), "b\"");
}

TEST(JsonListDecoderTest, TakesMembersInAnyOrderAndSkipsTheUnknown) {
  const Answer answer = Read(
      Representation::kJson,
      R"( { "new" : [ {"items":[]} ] , "metadata" : {"x":{},"resourceVersion":"9","continue":"abc"} , "n":-1,
          "apiVersion":"v1","kind":"PodList", "items":[ {"metadata":{"name":"a","uid":"u","resourceVersion":"7"}} ,
          {"metadata":{"name":"b","uid":"v","resourceVersion":"8"}} ] } )");
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_EQ(answer.items.size(), 2);
  EXPECT_EQ(answer.continue_token, "abc");
  EXPECT_EQ(answer.items[0]->kind(), "Pod");
}

TEST(JsonListDecoderTest, TakesNullForNoItems) {
  const Answer answer = Read(
      Representation::kJson,
      R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":null})", 3);
  EXPECT_TRUE(answer.status.ok()) << answer.status;
  EXPECT_THAT(answer.items, IsEmpty());
}

TEST(JsonListDecoderTest, RefusesItemsOfAKindThatIsNotYetKnown) {
  const Answer answer = Read(
      Representation::kJson,
      R"({"items":[{"metadata":{"name":"a","uid":"u","resourceVersion":"7"}}],"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"}})");
  EXPECT_TRUE(weir::IsInvalidArgument(answer.status));
}

TEST(JsonListDecoderTest, RefusesWhatIsNotAList) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "ended before"},
      {"404 page not found", "unexpected \"4\""},
      {"[]", "unexpected"},
      {"{}", "no items"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"}})", "no items"},
      {R"({"kind":"Pod","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[]})",
       "\"Pod\""},
      {R"({"kind":"List","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[]})",
       "\"List\""},
      {R"({"kind":"PodList","metadata":{"resourceVersion":"9"},"items":[]})", "apiVersion"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]})", "resourceVersion"},
      {R"({"kind":"PodList","apiVersion":"v1","items":[]})", "resourceVersion"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"x"},"items":[]})",
       "\"x\""},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":9},"items":[]})",
       "string"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":{}})",
       "no array"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[1]})",
       "unexpected"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[,]})",
       "unexpected"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[{}]})",
       "metadata.name"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[]}{})",
       "after its end"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[],})",
       "unexpected"},
      {R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[],"items":[]})",
       "twice"},
      {R"({"kind":"PodList","kind":"PodList"})", "twice"},
      {R"({"kind":"PodList","apiVersion":"v1","items":[{"metadata":)"
       "\n{}}]}",
       "indented"},
  };
  for (const auto& [body, message] : cases) {
    for (const size_t chunk : {1, 1000}) {
      const absl::Status status = Read(Representation::kJson, body, chunk).status;
      EXPECT_FALSE(status.ok()) << body;
      EXPECT_THAT(MessageOf(status), HasSubstr(message)) << body;
    }
  }
}

TEST(JsonListDecoderTest, AStatusIsTheErrorItStates) {
  const absl::Status failure = ResourceExpiredError("The provided continue parameter is too old");
  for (const Representation representation : {Representation::kJson, Representation::kProtobuf}) {
    const std::string body = ToApiStatus(failure).Encode(representation);
    for (const size_t chunk : {size_t{1}, size_t{10}, body.size()}) {
      EXPECT_EQ(Read(representation, body, chunk).status, failure);
    }
  }
}

TEST(ProtobufListDecoderTest, SkipsFieldsItDoesNotKnow) {
  std::string message = Hex("08 05");
  message = Hex("48 96 01 55 01 02 03 04 59 01 02 03 04 05 06 07 08 0a 05 12 03 31 30 35");
  AppendBytesField(message, 50, std::string(500, 'x'));
  AppendBytesField(message, 50, "");
  AppendBytesField(message, 2, SampleProtobufMessage({}));
  std::string body = ProtobufEnvelopeHead("v1", "PodList");
  AppendBytesField(body, 2, message);
  AppendBytesField(body, 9, "later");
  for (const size_t chunk : {1, 7, 10000}) {
    const Answer answer = Read(Representation::kProtobuf, body, chunk);
    EXPECT_TRUE(answer.status.ok()) << answer.status;
    EXPECT_EQ(answer.items.size(), 1);
  }
}

TEST(ProtobufListDecoderTest, ReadsTheContinueToken) {
  std::string body = ProtobufEnvelopeHead("v1", "PodList");
  AppendBytesField(body, 2, Hex("0a 0a 12 03 31 30 35 1a 03 61 62 63"));
  EXPECT_EQ(Read(Representation::kProtobuf, body).continue_token, "abc");
}

TEST(ProtobufListDecoderTest, RefusesWhatIsNotAList) {
  const std::string head = ProtobufEnvelopeHead("v1", "PodList");
  for (const std::string& body : {
           std::string("{\"kind\":\"PodList\"}"), head, head + Hex("12 00"),
           head + Hex("12 02 0a 00"),                 // No version.
           head + Hex("12 05 0a 03 12 01 78"),        // A malformed one.
           head + Hex("12 06 0a 05 12 03 31 30 35"),  // Metadata longer than the list.
           head + Hex("12 07 0a 05 12 03 31 30 35 12 00"),
           head + Hex("12 09 0a 05 12 03 31 30 35 12 00"),  // An empty item.
           head + Hex("12 0e 0a 05 12 03 31 30 35 0a 05 12 03 31 30 35"),
           head + Hex("12 07 0a 05 12 03 31 30 35 1a 01 78"),  // A contentEncoding.
           head + Hex("12 07 0a 05 12 03 31 30 35 12 07 0a 05 12 03 31 30 35"),
           head + Hex("10 05"),  // Wrong type.
           head + Hex("12 02 10 05"),
           head + Hex("13"),  // A group.
           head + head.substr(4) + Hex("12 07 0a 05 12 03 31 30 35"),
           Hex("6b 38 73 00 12 07 0a 05 12 03 31 30 35"),  // No typeMeta.
       }) {
    for (const size_t chunk : {1, 1000}) {
      EXPECT_FALSE(Read(Representation::kProtobuf, body, chunk).status.ok());
    }
  }
}

struct MetadataList {
  Representation representation;
  std::string body;
  size_t size;
};

class MetadataListTest : public testing::TestWithParam<MetadataList> {};

TEST_P(MetadataListTest, IsReadAndWrittenAsTheApiServerDoes) {
  const auto& [representation, body, size] = GetParam();
  const Answer answer = Read(representation, body);
  ASSERT_TRUE(answer.status.ok()) << answer.status;
  ASSERT_EQ(answer.items.size(), size);
  const ListEnvelope envelope = PartialMetadataListEnvelope();
  EXPECT_EQ(answer.envelope.api_version, envelope.api_version);
  EXPECT_EQ(answer.envelope.list_kind, envelope.list_kind);
  EXPECT_EQ(answer.envelope.custom_resource, envelope.custom_resource);
  EXPECT_EQ(Encode(representation, answer), body);
  for (const ObjectPtr& item : answer.items) {
    EXPECT_EQ(item->kind(), kPartialMetadataKind);
    EXPECT_EQ(item->api_version(), kPartialMetadataApiVersion);
    // As a watch sends it.
    EXPECT_EQ(item->raw(), ToPartialMetadata(*item)->raw());
  }
}

INSTANTIATE_TEST_SUITE_P(
    Answers, MetadataListTest,
    testing::Values(
        MetadataList{Representation::kJson, StrCat(samples::kMetadataList, "\n"), 1},
        MetadataList{Representation::kJson, StrCat(samples::kEmptyMetadataList, "\n"), 0},
        MetadataList{Representation::kProtobuf, Hex(samples::kMetadataListHex), 1},
        MetadataList{Representation::kProtobuf, Hex(samples::kEmptyMetadataListHex), 0}));

TEST(ListEncoderTest, WritesProtobufListsAsTheApiServerDoes) {
  const ListEnvelope envelope = {"v1", "ConfigMapList", false};
  EXPECT_EQ(ListHead(Representation::kProtobuf, envelope, ResourceVersion(105), 0),
            Hex("6b 38 73 00 0a 13 0a 02 76 31 12 0d 43 6f 6e 66 69 67 4d 61 70 4c 69 73 74"
                "12 0b 0a 09 0a 00 12 03 31 30 35 1a 00"));
  EXPECT_EQ(ListTail(Representation::kProtobuf, envelope, ResourceVersion(105), true),
            Hex("1a 00 22 00"));
}

}  // namespace
}  // namespace weir
