// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/json_scanner.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

constexpr size_t kNone = std::string_view::npos;

// Both forms; the second may be missing on this machine.
std::vector<JsonContainerScan> Scans() {
  std::vector<JsonContainerScan> scans = {ScanJsonContainerBytewise};
  if (JsonContainerScanByBlocks() != nullptr) scans.push_back(JsonContainerScanByBlocks());
  return scans;
}

size_t EndOf(JsonContainerScan scan, std::string_view text) {
  JsonContainerState state;
  return scan(text, state);
}

TEST(JsonScannerTest, FindsTheEndOfAContainer) {
  for (const JsonContainerScan scan : Scans()) {
    EXPECT_EQ(EndOf(scan, "{}x"), 2);
    EXPECT_EQ(EndOf(scan, "[]"), 2);
    EXPECT_EQ(EndOf(scan, R"({"a":[{"b":"}"}],"c":{}},"more":{}})"), 24);
    EXPECT_EQ(EndOf(scan, R"(["\"]","\\"],)"), 12);
  }
}

TEST(JsonScannerTest, HasNoEndWhenTheBytesAreCut) {
  const std::string text = R"({"a":[{"b":"}\\\""}],"c":{}})";
  for (const JsonContainerScan scan : Scans()) {
    for (size_t size = 1; size < text.size(); ++size) {
      EXPECT_EQ(EndOf(scan, text.substr(0, size)), kNone) << size;
    }
    EXPECT_EQ(EndOf(scan, text), text.size());
  }
}

TEST(JsonScannerTest, RefusesControlBytesAndStrayBackslashesBeforeTheEnd) {
  for (const JsonContainerScan scan : Scans()) {
    for (const std::string& text :
         {std::string("{\"a\":\n1}"), std::string("{\"a\nb\":1}"), std::string("{\"a\\\n\":1}"),
          std::string("[\\\"]"), std::string("[\0]", 3)}) {
      JsonContainerState state;
      EXPECT_EQ(scan(text, state), kNone) << text;
      EXPECT_TRUE(state.bad) << text;
    }
    EXPECT_EQ(EndOf(scan, "{}\n\\"), 2);
  }
}

TEST(JsonScannerTest, FollowsStringsAcrossBlocks) {
  for (const JsonContainerScan scan : Scans()) {
    for (size_t padding = 0; padding < 200; ++padding) {
      const std::string filler(padding, 'x');
      const std::string text =
          "{\"" + filler + "\\\\\\\"}\":\"" + filler + "]\",\"" + filler + "\":[]}";
      EXPECT_EQ(EndOf(scan, text + "}}"), text.size()) << padding;
    }
  }
}

TEST(JsonScannerTest, TellsOddRunsOfBackslashesFromEvenOnesAtEveryPlace) {
  for (const JsonContainerScan scan : Scans()) {
    for (size_t padding = 0; padding < 130; ++padding) {
      for (size_t run = 1; run < 140; run += 1 + run / 10) {
        const std::string start = "[\"" + std::string(padding, 'x') + std::string(run, '\\');
        // After an odd run the quote is part of the string.
        const std::string text = start + (run % 2 == 1 ? "\"]\"]" : "\"]");
        EXPECT_EQ(EndOf(scan, text + "]"), text.size()) << padding << " " << run;
      }
    }
  }
}

TEST(JsonScannerTest, GoesOnWhereItStoppedWhereverTheBytesAreCut) {
  const std::string text =
      R"({"a":"\\\"}","b":[1,{"c":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\\"}],)"
      R"("d":"\u007d","e":{"f":[[],[{}]]}})";
  for (const JsonContainerScan scan : Scans()) {
    for (size_t cut = 1; cut < text.size(); ++cut) {
      JsonContainerState state;
      ASSERT_EQ(scan(text.substr(0, cut), state), kNone) << cut;
      EXPECT_EQ(scan(text.substr(cut) + "}", state), text.size() - cut) << cut;
    }
  }
}

TEST(JsonScannerTest, BothFormsAgreeOnRandomBytes) {
  if (JsonContainerScanByBlocks() == nullptr) GTEST_SKIP() << "this processor has no AVX2";
  constexpr std::string_view kAlphabet = "{}[]\"\"\\\\ax,: \n\x80";
  uint64_t random = 1;
  for (int round = 0; round < 20000; ++round) {
    std::string text = "{";
    // Few kinds of bytes in some rounds, so that deep and long ones come up.
    const size_t kinds = 4 + round % (kAlphabet.size() - 3);
    for (int i = 0; i < round % 300; ++i) {
      random = random * 6364136223846793005 + 1442695040888963407;
      text.push_back(kAlphabet[(random >> 33) % kinds]);
    }
    JsonContainerState a;
    JsonContainerState b;
    ASSERT_EQ(ScanJsonContainerBytewise(text, a), JsonContainerScanByBlocks()(text, b)) << text;
    ASSERT_EQ(a.bad, b.bad) << text;
  }
}

TEST(JsonScannerTest, FindsSpecialBytesInStrings) {
  for (size_t at = 0; at < 40; ++at) {
    for (const char special : {'"', '\\', '\n', '\0', '\x1f'}) {
      std::string text(60, '!');
      text[at] = special;
      text[50] = '"';
      EXPECT_EQ(FindInJsonString(text, 0), at);
      EXPECT_EQ(FindInJsonString(text, at + 1), 50);
    }
  }
  EXPECT_EQ(FindInJsonString("\xff\x80\x7f plain \xc3\xa9", 0), 12);
}

struct ValueCase {
  std::string_view value, rest;
};

TEST(JsonScannerTest, FindsTheEndOfValuesOfEveryKindWhereverTheyAreCut) {
  for (const ValueCase& c :
       {ValueCase{"{\"a\":[]}", ","}, ValueCase{"[1,\"]\"]", "]"}, ValueCase{R"("a\"\\")", ":"},
        ValueCase{"null", ","}, ValueCase{"-12.5e+7", "}"}, ValueCase{"true", " "}}) {
    const std::string text = std::string(c.value) + std::string(c.rest);
    for (size_t cut = 1; cut < text.size(); ++cut) {
      JsonValueScan scan;
      size_t size = scan.Advance(text.substr(0, cut));
      if (!scan.done()) size += scan.Advance(text.substr(cut));
      EXPECT_TRUE(scan.done()) << text;
      EXPECT_FALSE(scan.bad()) << text;
      EXPECT_EQ(size, c.value.size()) << text << " cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace weir
