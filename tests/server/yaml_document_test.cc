// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/yaml_document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

YamlNode MustParse(std::string_view text) {
  auto node = ParseYaml("f.yaml", text);
  EXPECT_TRUE(node.ok()) << node.status().ToString();
  return node.ok() ? *std::move(node) : YamlNode{};
}

std::string Mistake(std::string_view text) {
  const auto node = ParseYaml("f.yaml", text);
  EXPECT_FALSE(node.ok());
  return std::string(MessageOf(node.status()));
}

// JSON-like, quoted scalars in quotes.
std::string Describe(const YamlNode& node) {
  std::string out;
  switch (node.kind) {
    case YamlNode::Kind::kNull:
      return "null";
    case YamlNode::Kind::kScalar:
      return node.quoted ? Quoted(node.scalar) : node.scalar;
    case YamlNode::Kind::kSequence:
      for (const YamlNode& item : node.items)
        StrAppend(out, out.empty() ? "" : ",", Describe(item));
      return "[" + out + "]";
    case YamlNode::Kind::kMap:
      for (const auto& member : node.members) {
        StrAppend(out, out.empty() ? "" : ",", member.key, ":", Describe(member.value));
      }
      return "{" + out + "}";
  }
  return out;
}

TEST(YamlDocumentTest, ReadsMapsListsAndScalars) {
  EXPECT_EQ(Describe(MustParse("a: 1\nb:\n  - x\n  - 'y z'\n  - c: d\n    e: [f, {g: h}]\ni: ~\n")),
            R"({a:1,b:[x,"y z",{c:d,e:[f,{g:h}]}],i:null})");
}

TEST(YamlDocumentTest, ReadsJson) {
  EXPECT_EQ(Describe(MustParse(R"({"a": {"b": [1, "2", null, true]}, "c": ""})")),
            R"({a:{b:[1,"2",null,true]},c:""})");
}

TEST(YamlDocumentTest, AnEmptyDocumentIsNull) {
  for (const char* text : {"", "\n\n", "# nothing\n", "---\n", "null"}) {
    EXPECT_EQ(Describe(MustParse(text)), "null") << text;
  }
}

TEST(YamlDocumentTest, KeepsPlacesAndDuplicateKeys) {
  const YamlNode root = MustParse("a: 1\nbb:\n  c:  2\na: 3\n");
  ASSERT_EQ(root.members.size(), 3u);
  EXPECT_EQ(root.members[2].key, "a");
  EXPECT_EQ(root.members[2].line, 4);
  EXPECT_EQ(root.Find("a")->scalar, "1");
  EXPECT_EQ(root.Find("bb")->Find("c")->line, 3);
  EXPECT_EQ(root.Find("bb")->Find("c")->column, 7);
  EXPECT_EQ(root.Find("zz"), nullptr);
  EXPECT_EQ(root.Find("a")->Find("zz"), nullptr);
}

TEST(YamlDocumentTest, SaysWhereTheTextIsNotYaml) {
  EXPECT_THAT(Mistake("a: 1\nb: [1,\n"), StartsWith("f.yaml:"));
  EXPECT_THAT(Mistake("a: 1\n b: 2\n"), StartsWith("f.yaml:2:"));
  EXPECT_THAT(Mistake("a: 'x"), HasSubstr("not YAML"));
  EXPECT_THAT(Mistake("a: \t- b"), HasSubstr("f.yaml:1"));
}

TEST(YamlDocumentTest, RefusesAliasesSoThatBombsStaySmall) {
  EXPECT_THAT(Mistake("a: &x [1]\nb: *x\n"), StartsWith("f.yaml:2:4: aliases"));
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 60; ++i)
    StrAppend(bomb, "a", i, ": &a", i, " [*a", i - 1, ", *a", i - 1, "]\n");
  EXPECT_THAT(Mistake(bomb), StartsWith("f.yaml:2:"));
  // An anchor that nobody refers to does no harm.
  EXPECT_EQ(Describe(MustParse("a: &x 1")), "{a:1}");
}

TEST(YamlDocumentTest, RefusesDepth) {
  for (const char* open : {"[", "{a: ", "- ", "? "}) {
    std::string text;
    for (int i = 0; i < 20000; ++i) text += open;
    EXPECT_THAT(Mistake(text), StartsWith("f.yaml:1:")) << open;
  }
  EXPECT_THAT(Mistake(std::string(40, '[') + std::string(40, ']')),
              HasSubstr("nested deeper than 32 levels"));
  std::string indented;
  for (int i = 0; i < 100; ++i)
    StrAppend(indented, std::string(static_cast<size_t>(i), ' '), "a:\n");
  EXPECT_THAT(Mistake(indented), HasSubstr("nested deeper"));
}

TEST(YamlDocumentTest, RefusesSize) {
  EXPECT_THAT(Mistake(std::string((1 << 20) + 1, '#')), HasSubstr("is it the right file?"));
  EXPECT_TRUE(ParseYaml("f", std::string(1 << 20, '#')).ok());
}

TEST(YamlDocumentTest, RefusesTagsAndKeysThatAreNoWords) {
  EXPECT_THAT(Mistake("a: !!int 5"), HasSubstr("tags"));
  EXPECT_THAT(Mistake("a: !mine {b: c}"), HasSubstr("tags"));
  EXPECT_EQ(Describe(MustParse("a: !!str 5")), R"({a:"5"})");
  EXPECT_THAT(Mistake("? [a]\n: b\n"), HasSubstr("a key must be"));
  EXPECT_THAT(Mistake("? {a: b}\n: b\n"), HasSubstr("a key must be"));
  EXPECT_THAT(Mistake("~: b\n"), HasSubstr("a key must be"));
}

TEST(YamlDocumentTest, RefusesSeveralDocuments) {
  EXPECT_THAT(Mistake("a: 1\n---\nb: 2\n"), HasSubstr("more than one document"));
  EXPECT_EQ(Describe(MustParse("---\na: 1\n...\n")), "{a:1}");
}

TEST(YamlDocumentTest, TakesAnyBytesWithoutCrashing) {
  for (const std::string& text :
       {std::string("\0", 1), std::string("a: \0b", 5), std::string("\xff\xfe"),
        std::string("\xef\xbb\xbf") + "a: 1", std::string("%YAML 9.9\n---\na: 1"), std::string("&"),
        std::string("*"), std::string("!<"), std::string(": : :"), std::string("? ? ?"),
        std::string("- - -\n-")}) {
    ParseYaml("f.yaml", text).IgnoreError();
  }
}

}  // namespace
}  // namespace weir
