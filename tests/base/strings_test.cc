// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/strings.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using testing::ElementsAre;

TEST(StringsTest, ConcatenatesTextAndIntegers) {
  EXPECT_EQ(StrCat("a", std::string("b"), std::string_view("c"), 7, -1, uint64_t{1} << 63,
                   int64_t{INT64_MIN}),
            "abc7-19223372036854775808-9223372036854775808");
  EXPECT_EQ(StrCat("a", '=', uint8_t{7}), "a=7");
  std::string out = "x";
  StrAppend(out, "=", 5, ";");
  EXPECT_EQ(out, "x=5;");
}

TEST(StringsTest, TrimsWhiteSpaceOffBothEnds) {
  EXPECT_EQ(Trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(Trim("  "), "");
  EXPECT_EQ(Trim(""), "");
}

TEST(StringsTest, FoldsCaseOfAsciiOnly) {
  EXPECT_EQ(Lower("Content-LENGTH \xC3\x84"), "content-length \xC3\x84");
  EXPECT_TRUE(EqualsIgnoreCase("Host", "hOST"));
  EXPECT_FALSE(EqualsIgnoreCase("Host", "Hos"));
  EXPECT_FALSE(EqualsIgnoreCase("@", "`"));
}

TEST(StringsTest, SplitsAtEverySeparator) {
  EXPECT_THAT(Split("a,,b,", ','), ElementsAre("a", "", "b", ""));
  EXPECT_THAT(Split("", ','), ElementsAre(""));
  EXPECT_EQ(Join({"a", "", "b"}, ", "), "a, , b");
  EXPECT_EQ(Join({}, ","), "");
}

TEST(StringsTest, ParsesWholeDecimalNumbersInRangeOnly) {
  EXPECT_EQ(ParseInt64("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(ParseInt64("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseUint64("18446744073709551615"), UINT64_MAX);
  for (const std::string_view wrong :
       {"", "-", "+1", " 1", "1 ", "0x1", "1.0", "1e3", "abc", "99999999999999999999999"}) {
    EXPECT_EQ(ParseInt64(wrong), std::nullopt) << wrong;
    EXPECT_EQ(ParseUint64(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(ParseUint64("-1"), std::nullopt);
  EXPECT_EQ(ParseInt64("9223372036854775808"), std::nullopt);
}

TEST(StringsTest, QuotesForMessages) {
  EXPECT_EQ(Quoted("plain"), R"("plain")");
  EXPECT_EQ(Quoted("a\"b\\c\n\r\t"), R"("a\"b\\c\n\r\t")");
  EXPECT_EQ(Quoted(std::string_view("\0\x1b[31m\x7f", 7)), R"("\x00\x1b[31m\x7f")");
  EXPECT_EQ(Quoted("gr\xC3\xBC\xC3\x9F"), "\"gr\xC3\xBC\xC3\x9F\"");
  EXPECT_EQ(Quoted("\xff\xC2\x9b\xC3"), R"("\xff\xc2\x9b\xc3")");
}

TEST(StringsTest, CutsQuotedTextAtWholeCharacters) {
  EXPECT_EQ(Quoted("abcdef", 3), "\"abc\"...");
  EXPECT_EQ(Quoted("abc", 3), "\"abc\"");
  EXPECT_EQ(Quoted("ab\xC3\xBC", 3), "\"ab\"...");
}

TEST(StringsTest, WritesJsonStringsAsGoDoes) {
  EXPECT_EQ(JsonString("a\"b\\c\n\x01"), R"("a\"b\\c\n\u0001")");
  EXPECT_EQ(JsonString("<a>&"), R"("\u003ca\u003e\u0026")");
  EXPECT_EQ(JsonString("\xE2\x80\xA8\xE2\x80\xA9"), R"("\u2028\u2029")");
  EXPECT_EQ(JsonString("\xF0\x9F\x98\x80"), "\"\xF0\x9F\x98\x80\"");
}

TEST(StringsTest, ReplacesInvalidUtf8InJsonStrings) {
  EXPECT_EQ(JsonString("a\xff"), R"("a\ufffd")");
  EXPECT_EQ(JsonString("\xC0\xAF"), R"("\ufffd\ufffd")");            // Overlong.
  EXPECT_EQ(JsonString("\xED\xA0\x80"), R"("\ufffd\ufffd\ufffd")");  // Surrogate.
  EXPECT_EQ(JsonString("\xF4\x90\x80\x80"), R"("\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(JsonString("\xE2\x82"), R"("\ufffd\ufffd")");  // Cut short.
}

TEST(StringsTest, SuggestsTheNearestName) {
  const std::vector<std::string> names = {"listen", "admin", "clientDir", "filters"};
  EXPECT_EQ(NearestOf("lisetn", names), "listen");
  EXPECT_EQ(NearestOf("clientdir", names), "clientDir");
  EXPECT_EQ(NearestOf("filter", names), "filters");
  EXPECT_EQ(NearestOf("xyzzy", names), "");
  EXPECT_EQ(NearestOf("", names), "");
  EXPECT_EQ(NearestOf("a", {}), "");
}

TEST(StringsTest, FindsByViewInStringMaps) {
  StringMap<int> map = {{"one", 1}};
  EXPECT_TRUE(map.contains(std::string_view("one")));
  EXPECT_FALSE(map.contains(std::string_view("two")));
  EXPECT_TRUE(StringSet({"a"}).contains(std::string_view("a")));
}

}  // namespace
}  // namespace weir
