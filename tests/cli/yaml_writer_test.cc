// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/yaml_writer.h"

#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace weir {
namespace {

YamlNode Read(std::string_view text) {
  const absl::StatusOr<YamlNode> node = ParseYaml("test", text);
  EXPECT_TRUE(node.ok()) << node.status() << "\n" << text;
  return node.value_or(YamlNode());
}

YamlNode String(std::string_view text) {
  YamlNode node;
  node.kind = YamlNode::Kind::kScalar;
  node.scalar = text;
  node.quoted = true;
  return node;
}

// In a map, in a sequence, and in maps in sequences.
YamlNode Everywhere(const YamlNode& scalar) {
  YamlNode root = Read("{a: 1, b: [1, {c: 1, d: [[1]]}]}");
  root.members[0].value = scalar;
  YamlNode& items = root.members[1].value;
  items.items[0] = scalar;
  items.items[1].members[0].value = scalar;
  items.items[1].members[1].value.items[0].items[0] = scalar;
  return root;
}

TEST(YamlWriterTest, WritesAsPeopleDo) {
  EXPECT_EQ(
      WriteYaml(Read(R"({"a": [1, {"b": "x", "c": ["z"]}, []], "d": {}, "e": null, f: {g: h}})")),
      "a:\n"
      "- 1\n"
      "- b: x\n"
      "  c:\n"
      "  - z\n"
      "- []\n"
      "d: {}\n"
      "e: null\n"
      "f:\n"
      "  g: h\n");
}

TEST(YamlWriterTest, AStringStaysOne) {
  for (const std::string_view text : {"",
                                      "yes",
                                      "No",
                                      "ON",
                                      "y",
                                      "null",
                                      "Null",
                                      "~",
                                      "true",
                                      "6443",
                                      "1e3",
                                      "0x1F",
                                      "0o7",
                                      "1_000",
                                      "12:30:45",
                                      ".5",
                                      "-1",
                                      "+1",
                                      ".inf",
                                      "2026-01-01",
                                      "word",
                                      "a-b.c/d",
                                      " a",
                                      "a ",
                                      "a: b",
                                      "a #b",
                                      "- x",
                                      "? x",
                                      "|",
                                      ">",
                                      "@x",
                                      "%y",
                                      "!z",
                                      "&a",
                                      "*b",
                                      "'",
                                      "\"",
                                      "\\",
                                      "[x",
                                      "{x",
                                      "tab\there",
                                      "two\nlines",
                                      "two\nlines\n",
                                      "\nbegins",
                                      " begins\nso",
                                      "ends\n\n",
                                      "a\n\n b\n",
                                      "a\r\nb",
                                      "trailing \nspace\n",
                                      "\x01",
                                      "\xc3\xa9",
                                      "\xc3\xa9\nb",
                                      "<<",
                                      "=",
                                      "---",
                                      "...\n"}) {
    const std::string written = WriteYaml(Everywhere(String(text)));
    const YamlNode read = Read(written);
    const YamlNode& items = *read.Find("b");
    for (const YamlNode* node : {read.Find("a"), &items.items[0], items.items[1].Find("c"),
                                 &items.items[1].Find("d")->items[0].items[0]}) {
      EXPECT_EQ(node->scalar, text) << written;
      const bool word = text == "word" || text == "a-b.c/d";
      EXPECT_EQ(node->quoted, !word) << written;
    }
  }
}

TEST(YamlWriterTest, WhatWasPlainStaysPlain) {
  for (const std::string_view text :
       {"yes", "6443", "1e3", "0440", "true", "-1.5", "a b", "100m"}) {
    const YamlNode read = Read(WriteYaml(Read(StrCat("k: ", text))));
    EXPECT_EQ(read.Find("k")->scalar, text);
    EXPECT_FALSE(read.Find("k")->quoted) << text;
  }
}

// Some readers take these for the end of a line, for nothing, or for a mistake.
TEST(YamlWriterTest, WhatNobodySeesIsWrittenAsAnEscape) {
  for (const auto& [text, escape] :
       std::vector<std::pair<std::string, std::string>>{{"\x7f", "\\u007f"},
                                                        {"\xc2\x80", "\\u0080"},
                                                        {"\xc2\x85", "\\u0085"},
                                                        {"\xc2\x9f", "\\u009f"},
                                                        {"\xe2\x80\xa8", "\\u2028"},
                                                        {"\xe2\x80\xa9", "\\u2029"},
                                                        {"\xef\xbb\xbf", "\\ufeff"},
                                                        {"\xef\xbf\xbe", "\\ufffe"},
                                                        {"\xef\xbf\xbf", "\\uffff"}}) {
    for (const bool quoted : {true, false}) {
      YamlNode map = Read("a: 1");
      map.members[0].value = String(StrCat("x", text, "y"));
      map.members[0].value.quoted = quoted;
      EXPECT_EQ(WriteYaml(map), StrCat("a: \"x", escape, "y\"\n"));
      EXPECT_EQ(Read(WriteYaml(map)).members[0].value.scalar, StrCat("x", text, "y"));
    }
  }
  for (const std::string text : {"\xc2\xa0", "\xed\x9f\xbf", "\xef\xbf\xbd", "\xf0\x9f\x98\x80"}) {
    YamlNode map = Read("a: 1");
    map.members[0].value = String(text);
    EXPECT_EQ(WriteYaml(map), StrCat("a: \"", text, "\"\n"));
  }
}

TEST(YamlWriterTest, WhatIsPlainWithinBracketsAloneIsQuoted) {
  for (const std::string_view text : {"-", "?", ":", "a:", "- x", "---", "<<", "=", "~x", "a #b"}) {
    const absl::StatusOr<YamlNode> flow = ParseYaml("test", StrCat("{k: ", text, "}"));
    if (!flow.ok() || flow->members[0].value.kind != YamlNode::Kind::kScalar) continue;
    const std::string plain = flow->members[0].value.scalar;
    const YamlNode read = Read(WriteYaml(Everywhere(flow->members[0].value)));
    EXPECT_EQ(read.Find("a")->scalar, plain);
    EXPECT_EQ(read.Find("b")->items[0].scalar, plain);
  }
  EXPECT_EQ(WriteYaml(Read("{k: -}")), "k: \"-\"\n");
}

TEST(YamlWriterTest, AKeyIsAString) {
  EXPECT_EQ(WriteYaml(Read(R"({"on": 1, "6": 2, "a b": 3, "app.kubernetes.io/name": 4, "": 5})")),
            "\"on\": 1\n\"6\": 2\n\"a b\": 3\napp.kubernetes.io/name: 4\n\"\": 5\n");
}

TEST(YamlWriterTest, AKeyMayBeLong) {
  for (const std::string& key : {std::string(2000, 'k'), std::string(2000, '7')}) {
    YamlNode root = Read("- a: {k: {b: c}, d: e}\n- k: [1]\n");
    root.items[0].members[0].value.members[0].key = key;
    root.items[1].members[0].key = key;
    const YamlNode read = Read(WriteYaml(root));
    ASSERT_EQ(read.items.size(), 2U);
    EXPECT_EQ(read.items[0].Find("a")->Find(key)->Find("b")->scalar, "c");
    EXPECT_EQ(read.items[0].Find("a")->Find("d")->scalar, "e");
    EXPECT_EQ(read.items[1].Find(key)->items.size(), 1U);
  }
}

TEST(YamlWriterTest, PlainTextOfSeveralLinesIsAString) {
  const YamlNode folded = Read(WriteYaml(Read("k: one\n\n  two\nl: 1\n")));
  EXPECT_EQ(folded.Find("k")->scalar, "one\ntwo");
  YamlNode odd = Read("k: 1");
  odd.members[0].value.scalar = std::string("1\0\x7f", 3);
  EXPECT_EQ(WriteYaml(odd), "k: \"1\\u0000\\u007f\"\n");
}

TEST(YamlWriterTest, ADocumentNeedNotBeAMap) {
  for (const std::string_view text : {"[]", "{}", "null", "1", "[1, [2], {a: 3}]"}) {
    EXPECT_EQ(WriteYaml(Read(WriteYaml(Read(text)))), WriteYaml(Read(text))) << text;
  }
}

}  // namespace
}  // namespace weir
