// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/json_writer.h"

#include <nlohmann/json.hpp>

namespace weir {
namespace {

TEST(JsonWriterTest, WritesWhatCanBeRead) {
  JsonWriter json;
  json.BeginObject();
  json.String("text", "a \"quoted\"\n\xc3\xbc \x01");
  json.Int("number", -7);
  json.Double("fraction", 1.5);
  json.Bool("yes", true);
  json.BeginArray("rows");
  json.BeginObject();
  json.Int("id", 1);
  json.EndObject();
  json.BeginObject();
  json.EndObject();
  json.EndArray();
  json.BeginArray("none");
  json.EndArray();
  json.EndObject();
  const auto read = nlohmann::json::parse(json.Take());
  EXPECT_EQ(read["text"], "a \"quoted\"\n\xc3\xbc \x01");
  EXPECT_EQ(read["number"], -7);
  EXPECT_EQ(read["fraction"], 1.5);
  EXPECT_EQ(read["yes"], true);
  EXPECT_EQ(read["rows"].size(), 2u);
  EXPECT_TRUE(read["none"].empty());
}

TEST(JsonWriterTest, IndentsForPeople) {
  JsonWriter json;
  json.BeginObject();
  json.BeginArray("a");
  json.BeginObject();
  json.Int("b", 1);
  json.EndObject();
  json.EndArray();
  json.EndObject();
  EXPECT_EQ(json.Take(), "{\n  \"a\": [\n    {\n      \"b\": 1\n    }\n  ]\n}\n");
}

TEST(JsonWriterTest, EmptyObjectIsShort) {
  JsonWriter json;
  json.BeginObject();
  json.EndObject();
  EXPECT_EQ(json.Take(), "{}\n");
}

}  // namespace
}  // namespace weir
