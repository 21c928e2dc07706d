// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/json_cursor.h"

#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;

// "key=value" for each member, or nothing when the text is not an object.
std::optional<std::vector<std::string>> Members(std::string_view text) {
  JsonCursor cursor(text);
  std::vector<std::string> members;
  FieldSpan key;
  FieldSpan value;
  for (cursor.EnterObject(); cursor.NextKey(key);) {
    if (!cursor.SkipValue(value)) break;
    members.push_back(std::string(key.In(text)) + "=" + std::string(value.In(text)));
  }
  if (!cursor.ok()) return std::nullopt;
  return members;
}

TEST(JsonCursorTest, WalksTheMembersOfAnObject) {
  EXPECT_THAT(*Members(R"({"a":1,"b":"x","c":{"d":[]},"e":[{}],"f":null,"g":-1.5e+3})"),
              ElementsAre("a=1", "b=\"x\"", "c={\"d\":[]}", "e=[{}]", "f=null", "g=-1.5e+3"));
  EXPECT_THAT(*Members(R"({ "a" : 1 , "b" : [ ] })"), ElementsAre("a=1", "b=[ ]"));
  EXPECT_THAT(*Members("{}"), ElementsAre());
}

TEST(JsonCursorTest, RefusesWhatIsNotAnObject) {
  for (const char* text : {"",
                           "[]",
                           "\"a\"",
                           "{",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,",
                           "{\"a\":1,}",
                           "{,\"a\":1}",
                           "{\"a\":1 \"b\":2}",
                           "{\"a\" 1}",
                           "{a:1}",
                           "{\"a\":}",
                           "{\"a\":x}",
                           "{\"a\":nul}",
                           "{\"a\":[}",
                           "{\"a\":\"x}",
                           "{\"a\":\"x\\",
                           "{\"a\":\"x\\\"",
                           "{\n}",
                           "{\"a\":\"\n\"}",
                           "{\"a\":\"\\\n\"}",
                           "{\"a\":[\n]}",
                           "\xef\xbb\xbf{}"}) {
    EXPECT_FALSE(Members(text).has_value()) << text;
  }
}

TEST(JsonCursorTest, ReturnsToTheObjectAroundOneThatHasEnded) {
  const std::string_view text = R"({"a":{"b":1},"c":{},"d":2})";
  JsonCursor cursor(text);
  FieldSpan key;
  FieldSpan value;
  ASSERT_TRUE(cursor.EnterObject() && cursor.NextKey(key) && cursor.EnterObject());
  ASSERT_TRUE(cursor.NextKey(key) && cursor.SkipValue(value));
  EXPECT_FALSE(cursor.NextKey(key));
  ASSERT_TRUE(cursor.NextKey(key) && cursor.EnterObject());
  EXPECT_FALSE(cursor.NextKey(key));
  ASSERT_TRUE(cursor.NextKey(key));
  EXPECT_EQ(key.In(text), "d");
  ASSERT_TRUE(cursor.SkipValue(value));
  EXPECT_FALSE(cursor.NextKey(key));
  EXPECT_TRUE(cursor.ok());
  EXPECT_EQ(cursor.pos(), text.size());
}

// The strings of an array, or nothing if it is none.
std::optional<std::vector<std::string>> Elements(std::string_view text) {
  std::vector<std::string> out;
  JsonCursor cursor(text);
  FieldSpan value;
  for (cursor.EnterArray(); cursor.NextElement();) {
    if (!cursor.ReadString(value)) break;
    out.emplace_back(value.In(text));
  }
  if (!cursor.ok() || cursor.pos() != text.size()) return std::nullopt;
  return out;
}

TEST(JsonCursorTest, WalksArrays) {
  EXPECT_THAT(Elements("[]"), Optional(IsEmpty()));
  EXPECT_THAT(Elements(R"(["a"])"), Optional(ElementsAre("a")));
  EXPECT_THAT(Elements(R"([ "a" , "" ])"), Optional(ElementsAre("a", "")));
}

TEST(JsonCursorTest, RefusesWhatIsNoArray) {
  for (const char* text : {"", "[", "]", "{}", "[,]", R"(["a",])", R"(["a")", R"(["a" "b"])",
                           R"([,"a"])", R"(["a"}])", "null"}) {
    EXPECT_EQ(Elements(text), std::nullopt) << text;
  }
}

TEST(JsonCursorTest, ReturnsToWhatIsAroundAnArray) {
  const std::string_view text = R"({"a":[{"b":[]},{}],"c":1})";
  JsonCursor cursor(text);
  FieldSpan key;
  FieldSpan value;
  ASSERT_TRUE(cursor.EnterObject() && cursor.NextKey(key) && cursor.EnterArray());
  ASSERT_TRUE(cursor.NextElement() && cursor.EnterObject() && cursor.NextKey(key));
  ASSERT_TRUE(cursor.EnterArray());
  EXPECT_FALSE(cursor.NextElement());
  EXPECT_FALSE(cursor.NextKey(key));
  ASSERT_TRUE(cursor.NextElement() && cursor.EnterObject());
  EXPECT_FALSE(cursor.NextKey(key));
  EXPECT_FALSE(cursor.NextElement());
  ASSERT_TRUE(cursor.NextKey(key));
  EXPECT_EQ(key.In(text), "c");
  ASSERT_TRUE(cursor.SkipValue(value));
  EXPECT_FALSE(cursor.NextKey(key));
  EXPECT_TRUE(cursor.ok());
}

TEST(JsonCursorTest, SaysWhatIsWrongAndWhere) {
  JsonCursor cursor(R"({"a":1;)");
  FieldSpan key;
  FieldSpan value;
  for (cursor.EnterObject(); cursor.NextKey(key);) cursor.SkipValue(value);
  EXPECT_THAT(MessageOf(cursor.status()), HasSubstr("expected ',' or '}' at byte 6"));
}

TEST(JsonCursorTest, MarksStringsWithEscapes) {
  const std::string_view text = R"({"a\u0062":"x","c":"\""})";
  JsonCursor cursor(text);
  FieldSpan key;
  FieldSpan value;
  ASSERT_TRUE(cursor.EnterObject() && cursor.NextKey(key) && cursor.ReadString(value));
  EXPECT_TRUE(key.escaped);
  EXPECT_FALSE(value.escaped);
  ASSERT_TRUE(cursor.NextKey(key) && cursor.ReadString(value));
  EXPECT_FALSE(key.escaped);
  EXPECT_TRUE(value.escaped);
}

std::string Unescaped(std::string_view text) {
  std::string out;
  return UnescapeJson(text, out) ? out : "(error)";
}

TEST(JsonCursorTest, UnescapesStrings) {
  EXPECT_EQ(Unescaped(""), "");
  EXPECT_EQ(Unescaped("plain"), "plain");
  EXPECT_EQ(Unescaped(R"(\"\\\/\b\f\n\r\t)"), "\"\\/\b\f\n\r\t");
  EXPECT_EQ(Unescaped(R"(a\u003cb\u003E)"), "a<b>");
  EXPECT_EQ(Unescaped(R"(\u00e9\u20ac)"), "\u00e9\u20ac");
  EXPECT_EQ(Unescaped(R"(\ud83d\ude00!)"), "\U0001F600!");
}

TEST(JsonCursorTest, ReplacesHalfSurrogatePairsAsGoDoes) {
  EXPECT_EQ(Unescaped(R"(\ud83dx)"), "\uFFFDx");
  EXPECT_EQ(Unescaped(R"(\ud83d\u0041)"), "\uFFFDA");
  EXPECT_EQ(Unescaped(R"(\ude00)"), "\uFFFD");
  EXPECT_EQ(Unescaped(R"(\ud83d\ud83d\ude00)"), "\uFFFD\U0001F600");
}

TEST(JsonCursorTest, RefusesBadEscapes) {
  for (const char* text : {"\\", "\\x", "\\u", "\\u12", "\\u12g4", "\"", "\\u 123", "\n"}) {
    EXPECT_EQ(Unescaped(text), "(error)") << text;
  }
}

}  // namespace
}  // namespace weir
