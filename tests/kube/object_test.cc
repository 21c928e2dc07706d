// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/object.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "proxy/base/status.h"
#include "tests/kube/object_samples.h"

namespace weir {
namespace {

using testing::HasSubstr;

constexpr char kRequired[] = R"("name":"a","uid":"u","resourceVersion":"7")";

absl::Status ParseError(Representation representation, std::string_view raw) {
  return Object::Parse(representation, std::string(raw)).status();
}

TEST(ObjectTest, ReadsABuiltInObject) {
  const ObjectPtr object = MustParse(Representation::kJson, kConfigMapJson);
  EXPECT_EQ(object->kind(), "ConfigMap");
  EXPECT_EQ(object->api_version(), "v1");
  EXPECT_EQ(object->name(), "a");
  EXPECT_EQ(object->namespace_name(), "ns");
  EXPECT_EQ(object->uid(), "u-1");
  EXPECT_EQ(object->version(), ResourceVersion(107));
  EXPECT_EQ(object->raw(), kConfigMapJson);
  EXPECT_EQ(object->Label("app"), "web");
  EXPECT_EQ(object->Label("tier"), "");
  EXPECT_EQ(object->Label("ap"), std::nullopt);
  EXPECT_EQ(object->raw().substr(object->version_offset(), object->version_size()), "107");
}

TEST(ObjectTest, ReadsACustomResourceWhoseKeysAreSorted) {
  const ObjectPtr object = MustParse(Representation::kJson, kWidgetJson);
  EXPECT_EQ(object->kind(), "Widget");
  EXPECT_EQ(object->api_version(), "example.com/v1");
  EXPECT_EQ(object->key(), (ObjectKeyView{"ns", "w"}));
  EXPECT_EQ(object->uid(), "u-2");
  EXPECT_EQ(object->version(), ResourceVersion(12));
  EXPECT_EQ(object->Label("app"), std::nullopt);
}

TEST(ObjectTest, ReadsAProtobufObject) {
  const ObjectPtr object = MustParse(Representation::kProtobuf, ConfigMapProtobuf());
  EXPECT_EQ(object->kind(), "ConfigMap");
  EXPECT_EQ(object->api_version(), "v1");
  EXPECT_EQ(object->key(), (ObjectKeyView{"ns", "a"}));
  EXPECT_EQ(object->uid(), "u-1");
  EXPECT_EQ(object->version(), ResourceVersion(107));
  EXPECT_EQ(object->raw().substr(object->version_offset(), object->version_size()), "107");
  EXPECT_EQ(object->Label("app"), std::nullopt);
}

TEST(ObjectTest, ReadsProtobufLabels) {
  const std::string raw =
      InEnvelope(SampleProtobufMessage({.labels = {{"app", "web"}, {"tier", ""}}}));
  const ObjectPtr object = MustParse(Representation::kProtobuf, raw);
  EXPECT_EQ(object->Label("app"), "web");
  EXPECT_EQ(object->Label("tier"), "");
  EXPECT_EQ(object->Label("web"), std::nullopt);
}

TEST(ObjectTest, OnlyMetadataItselfCounts) {
  const ObjectPtr object =
      MustParse(Representation::kJson,
                R"({"spec":{"metadata":{"name":"x"},"kind":"X"},"kind":"Pod","apiVersion":"v1",)"
                R"("metadata":{"ownerReferences":[{"name":"owner","uid":"o","kind":"K"}],)"
                R"("annotations":{"name":"n","uid":"{\"uid\":\"y\"}"},"name":"a","uid":"u",)"
                R"("resourceVersion":"7","labels":{"name":"l"}},"status":{"uid":"z"}})");
  EXPECT_EQ(object->name(), "a");
  EXPECT_EQ(object->uid(), "u");
  EXPECT_EQ(object->kind(), "Pod");
  EXPECT_EQ(object->namespace_name(), "");
  EXPECT_EQ(object->Label("name"), "l");
}

TEST(ObjectTest, UnescapesWhatItReads) {
  const ObjectPtr object = MustParse(
      Representation::kJson,
      R"({"kind":"Po\u0064","apiVersion":"v\u0031","metadata":{"name":"a\u003cb\"","namespace":"n\\s",)"
      R"("uid":"\u00e9","resourceVersion":"7","labels":{"plain":"p","esc\u0061ped":"\u0026","e":"\""}}})");
  EXPECT_EQ(object->kind(), "Pod");
  EXPECT_EQ(object->api_version(), "v1");
  EXPECT_EQ(object->name(), "a<b\"");
  EXPECT_EQ(object->namespace_name(), "n\\s");
  EXPECT_EQ(object->uid(), "\u00e9");
  EXPECT_EQ(object->Label("plain"), "p");
  EXPECT_EQ(object->Label("escaped"), "&");
  EXPECT_EQ(object->Label("e"), "\"");
  EXPECT_EQ(object->Label("x"), std::nullopt);
}

TEST(ObjectTest, KnowsItsFieldsWhenTheirKeysAreEscaped) {
  const ObjectPtr object = MustParse(
      Representation::kJson,
      R"({"\u006bind":"Pod","apiVersion":"v1","met\u0061data":{"n\u0061me":"a","uid":"u","resourceVersion":"7"}})");
  EXPECT_EQ(object->name(), "a");
  EXPECT_EQ(object->kind(), "Pod");
}

TEST(ObjectTest, TheLastOfTwoEqualLabelsCounts) {
  const ObjectPtr object =
      MustParse(Representation::kJson,
                WithMetadata(StrCat(kRequired, R"(,"labels":{"a":"1","b":"2","a":"3"})")));
  EXPECT_EQ(object->Label("a"), "3");
}

TEST(ObjectTest, TakesNullLabels) {
  const ObjectPtr object =
      MustParse(Representation::kJson, WithMetadata(StrCat(kRequired, R"(,"labels":null)")));
  EXPECT_EQ(object->Label("a"), std::nullopt);
}

TEST(ObjectTest, RefusesEveryCutObject) {
  for (const std::string& raw : {std::string(kConfigMapJson), std::string(kWidgetJson)}) {
    for (size_t size = 0; size < raw.size(); ++size) {
      EXPECT_FALSE(ParseError(Representation::kJson, raw.substr(0, size)).ok()) << size;
    }
  }
  const std::string raw = ConfigMapProtobuf();
  for (size_t size = 0; size < raw.size(); ++size) {
    // The envelope's last two fields are empty and may be missing.
    const bool whole = size == raw.size() - 4 || size == raw.size() - 2;
    EXPECT_EQ(ParseError(Representation::kProtobuf, raw.substr(0, size)).ok(), whole) << size;
  }
}

TEST(ObjectTest, RefusesMetadataThatLacksOrRepeatsWhatItNeeds) {
  const std::pair<const char*, const char*> cases[] = {
      {R"("uid":"u","resourceVersion":"7")", "metadata.name"},
      {R"("name":"","uid":"u","resourceVersion":"7")", "metadata.name"},
      {R"("name":"a","resourceVersion":"7")", "metadata.uid"},
      {R"("name":"a","uid":"u")", "metadata.resourceVersion"},
      {R"("name":"a","uid":"u","resourceVersion":"0")", "resourceVersion \"0\""},
      {R"("name":"a","uid":"u","resourceVersion":"7x")", "not a decimal number"},
      {R"("name":"a","uid":"u","resourceVersion":"\u0037")", "not a decimal number"},
      {R"("name":"a","uid":"u","resourceVersion":7)", "expected a string"},
      {R"("name":null,"uid":"u","resourceVersion":"7")", "expected a string"},
      {R"("name":"a","uid":"u","resourceVersion":"7","name":"a")", "second value"},
      {R"("name":"a","uid":"u","resourceVersion":"7","resourceVersion":"8")", "second value"},
      {R"("name":"a","uid":"u","resourceVersion":"7","labels":{},"labels":{})", "second value"},
      {R"("name":"a","uid":"u","resourceVersion":"7","labels":[])", "expected an object"},
      {R"("name":"a","uid":"u","resourceVersion":"7","labels":{"a":1})", "expected a string"},
      {R"("name":"a\x","uid":"u","resourceVersion":"7")", "bad escape"},
      {R"("name":"a","uid":"u","resourceVersion":"7","labels":{"a":"\ud"})", "bad escape"},
  };
  for (const auto& [metadata, message] : cases) {
    const absl::Status status = ParseError(Representation::kJson, WithMetadata(metadata));
    EXPECT_TRUE(weir::IsInvalidArgument(status)) << metadata;
    EXPECT_THAT(MessageOf(status), HasSubstr(message)) << metadata;
  }
}

TEST(ObjectTest, RefusesWhatIsNotOneObject) {
  const std::string good = WithMetadata(kRequired);
  ASSERT_TRUE(ParseError(Representation::kJson, good).ok());
  for (const std::string& raw :
       {std::string(), std::string("null"), std::string("[]"), StrCat(" ", good),
        StrCat(good, "\n"), StrCat(good, good), StrCat("[", good, "]"), good.substr(1),
        StrCat(R"({"metadata":{"name":"a","uid":"u","resourceVersion":"7"}})"),
        StrCat(R"({"kind":"Pod","metadata":{)", kRequired, "}}"),
        StrCat(R"({"apiVersion":"v1","metadata":{)", kRequired, "}}"),
        StrCat(R"({"kind":"Pod","apiVersion":"v1","metadata":[]})"),
        StrCat(R"({"kind":"Pod","apiVersion":"v1","metadata":null})"),
        StrCat(R"({"kind":"Pod","apiVersion":"v1","metadata":{)", kRequired, R"(},"metadata":{}})"),
        StrCat(R"({"kind":"Pod","kind":"Pod","apiVersion":"v1","metadata":{)", kRequired, "}}"),
        StrCat(R"({"kind":1,"apiVersion":"v1","metadata":{)", kRequired, "}}"),
        StrCat("{\n", good.substr(1))}) {
    EXPECT_TRUE(weir::IsInvalidArgument(ParseError(Representation::kJson, raw))) << raw;
  }
}

TEST(ObjectTest, RefusesMalformedProtobuf) {
  const std::string message = SampleProtobufMessage({});
  ASSERT_TRUE(ParseError(Representation::kProtobuf, InEnvelope(message)).ok());
  std::string second_metadata = message;
  AppendBytesField(second_metadata, 1, "");
  std::string wrong_type;
  AppendVarintField(wrong_type, 1, 7);
  std::string encoded = InEnvelope(message).substr(0, InEnvelope(message).size() - 4);
  AppendBytesField(encoded, 3, "gzip");
  for (const std::string& raw :
       {message, InEnvelope(""), InEnvelope("\x0a"), InEnvelope(second_metadata),
        InEnvelope(wrong_type), InEnvelope(message, ""), encoded, InEnvelope(message) + "\x12\x01",
        InEnvelope(SampleProtobufMessage({.name = ""})),
        InEnvelope(SampleProtobufMessage({.uid = ""})),
        InEnvelope(SampleProtobufMessage({.version = "x"})),
        InEnvelope(SampleProtobufMessage({.version = "0"}))}) {
    EXPECT_TRUE(weir::IsInvalidArgument(ParseError(Representation::kProtobuf, raw)));
  }
}

TEST(ObjectTest, NeverPutsTheContentIntoAnError) {
  const absl::Status status =
      ParseError(Representation::kJson, R"({"kind":"Secret","data":{"password":"hunter2"},)");
  EXPECT_THAT(MessageOf(status), Not(HasSubstr("hunter2")));
}

TEST(ObjectTest, ABuiltInListItemIsTheObjectWithoutItsType) {
  const ObjectPtr object = MustParse(Representation::kJson, kConfigMapJson);
  EXPECT_TRUE(object->list_item_needs_brace());
  const std::string item = StrCat("{", object->list_item_tail());
  EXPECT_THAT(item, testing::StartsWith(R"({"metadata":{"name":"a")"));
  const ObjectPtr again =
      Object::ParseListItem(Representation::kJson, item, "v1", "ConfigMap").value();
  EXPECT_EQ(again->raw(), kConfigMapJson);
  EXPECT_EQ(again->list_item_tail(), object->list_item_tail());
}

TEST(ObjectTest, ACustomResourceIsItsOwnListItem) {
  const ObjectPtr object =
      Object::ParseListItem(Representation::kJson, kWidgetJson, "other/v1", "Other").value();
  EXPECT_FALSE(object->list_item_needs_brace());
  EXPECT_EQ(object->list_item_tail(), kWidgetJson);
  EXPECT_EQ(object->raw(), kWidgetJson);
  EXPECT_EQ(object->kind(), "Widget");
}

TEST(ObjectTest, AnObjectWithAnEscapedKindIsItsOwnListItem) {
  const std::string raw =
      StrCat(R"({"kind":"Po\u0064","apiVersion":"v1","metadata":{)", kRequired, "}}");
  const ObjectPtr object = MustParse(Representation::kJson, raw);
  EXPECT_FALSE(object->list_item_needs_brace());
  EXPECT_EQ(object->list_item_tail(), raw);
}

TEST(ObjectTest, PartialMetadataKeepsItsTypeInLists) {
  const std::string raw =
      StrCat(R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":{)",
             kRequired, "}}");
  const ObjectPtr object = MustParse(Representation::kJson, raw);
  EXPECT_FALSE(object->list_item_needs_brace());
  EXPECT_EQ(object->list_item_tail(), raw);
}

TEST(ObjectTest, AProtobufListItemIsTheBareMessage) {
  const ObjectPtr object = MustParse(Representation::kProtobuf, ConfigMapProtobuf());
  EXPECT_FALSE(object->list_item_needs_brace());
  EXPECT_EQ(object->list_item_tail(), ConfigMapProtobuf().substr(23, 27));
  const ObjectPtr again =
      Object::ParseListItem(Representation::kProtobuf, object->list_item_tail(), "v1", "ConfigMap")
          .value();
  EXPECT_EQ(again->raw(), ConfigMapProtobuf());
}

TEST(ObjectTest, RefusesListItemsThatAreNoObjects) {
  for (const char* item :
       {"", "{}", "null", "[]", "{", R"({"metadata":{}})", R"({"kind":"Pod"})"}) {
    EXPECT_FALSE(Object::ParseListItem(Representation::kJson, item, "v1", "Pod").ok()) << item;
  }
  EXPECT_FALSE(Object::ParseListItem(Representation::kProtobuf, "", "v1", "Pod").ok());
  EXPECT_FALSE(Object::ParseListItem(Representation::kProtobuf, "\x0a\x05", "v1", "Pod").ok());
}

TEST(ObjectTest, KeepsNoMoreMemoryThanItsBytesNeed) {
  std::string raw(kConfigMapJson);
  raw.reserve(100000);
  const ObjectPtr object = Object::Parse(Representation::kJson, std::move(raw)).value();
  EXPECT_LE(object->footprint(), kConfigMapJson.size() + 300);
  const ObjectPtr item =
      Object::ParseListItem(Representation::kProtobuf, SampleProtobufMessage({}), "v1", "ConfigMap")
          .value();
  EXPECT_LE(item->footprint(), item->raw().size() + 300);
}

TEST(ObjectKeyTest, SortsAsTheJoinedKeyDoes) {
  // '-' and '.' come before '/', letters and digits after it.
  const std::vector<ObjectKeyView> sorted = {{"a-b", "z"}, {"a.b", "x"}, {"a", "a"},  {"a", "a-b"},
                                             {"a", "b"},   {"a0", "a"},  {"ab", "a"}, {"b", ""}};
  for (size_t i = 0; i < sorted.size(); ++i) {
    for (size_t j = 0; j < sorted.size(); ++j) {
      EXPECT_EQ(sorted[i] <=> sorted[j], i <=> j) << i << " " << j;
      EXPECT_EQ(sorted[i] == sorted[j], i == j);
    }
  }
  const std::vector<ObjectKeyView> cluster = {{"", "a"}, {"", "a-b"}, {"", "b"}};
  for (size_t i = 0; i < cluster.size(); ++i) {
    for (size_t j = 0; j < cluster.size(); ++j) EXPECT_EQ(cluster[i] <=> cluster[j], i <=> j);
  }
}

// Random objects whose fields an independent parser reads too.
class RandomObjects {
 public:
  nlohmann::ordered_json Next() {
    nlohmann::ordered_json object = {{"kind", "Pod"}, {"apiVersion", "v1"}};
    nlohmann::ordered_json metadata = {{"name", Text(1)}, {"namespace", Text(0)}};
    if (Below(2) == 0) metadata["managedFields"] = Value(4);
    metadata["uid"] = Text(1);
    metadata["resourceVersion"] = std::to_string(1 + Below(1 << 30));
    if (Below(4) != 0) {
      metadata["labels"] = nlohmann::ordered_json::object();
      for (uint32_t i = Below(6); i > 0; --i) metadata["labels"][Text(1)] = Text(0);
    }
    if (Below(2) == 0) metadata["annotations"] = Object(3);
    object["metadata"] = std::move(metadata);
    object["spec"] = Value(5);
    return object;
  }

 private:
  uint32_t Below(uint32_t limit) {
    state_ = state_ * 6364136223846793005 + 1442695040888963407;
    return static_cast<uint32_t>(state_ >> 33) % limit;
  }
  std::string Text(size_t at_least) {
    constexpr const char* kPieces[] = {"a", "-",  "\"",     "\\",   "{", "}",
                                       "[", "\n", "\u00e9", "\x01", "<", "name"};
    std::string text;
    for (size_t i = at_least + Below(8); i > 0; --i)
      text.append(kPieces[Below(std::size(kPieces))]);
    return text;
  }
  nlohmann::ordered_json Value(int depth) {
    switch (Below(depth > 0 ? 6 : 4)) {
      case 0:
        return Below(1000000);
      case 1:
        return Text(0);
      case 2:
        return nullptr;
      case 3:
        return true;
      case 4: {
        auto array = nlohmann::ordered_json::array();
        for (uint32_t i = Below(5); i > 0; --i) array.push_back(Value(depth - 1));
        return array;
      }
      default:
        return Object(depth);
    }
  }
  nlohmann::ordered_json Object(int depth) {
    auto object = nlohmann::ordered_json::object();
    for (uint32_t i = Below(5); i > 0; --i) object[Text(0)] = Value(depth - 1);
    return object;
  }

  uint64_t state_ = 42;
};

TEST(ObjectTest, AgreesWithAnotherParserOnRandomObjects) {
  RandomObjects objects;
  for (int round = 0; round < 3000; ++round) {
    const nlohmann::ordered_json expected = objects.Next();
    const std::string raw = expected.dump();
    const auto object = Object::Parse(Representation::kJson, raw);
    ASSERT_TRUE(object.ok()) << object.status() << "\n" << raw;
    const nlohmann::ordered_json& metadata = expected["metadata"];
    EXPECT_EQ((*object)->name(), metadata["name"].get<std::string>());
    EXPECT_EQ((*object)->namespace_name(), metadata["namespace"].get<std::string>());
    EXPECT_EQ((*object)->uid(), metadata["uid"].get<std::string>());
    EXPECT_EQ((*object)->version().ToString(), metadata["resourceVersion"].get<std::string>());
    const auto labels = metadata.value("labels", nlohmann::ordered_json::object());
    for (const auto& [key, value] : labels.items()) {
      EXPECT_EQ((*object)->Label(key), value.get<std::string>()) << raw;
    }
    EXPECT_FALSE(
        ParseError(Representation::kJson, raw.substr(0, raw.size() - 1 - round % 20)).ok());
  }
}

}  // namespace
}  // namespace weir
