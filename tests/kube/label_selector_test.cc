// SPDX-License-Identifier: Apache-2.0
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/selector.h"

namespace weir {
namespace {

using testing::HasSubstr;
using Labels = std::map<std::string, std::string, std::less<>>;

bool Matches(std::string_view text, const Labels& labels) {
  const auto selector = LabelSelector::Parse(text);
  EXPECT_TRUE(selector.ok()) << text << ": " << selector.status().ToString();
  if (!selector.ok()) return false;
  return selector->Matches([&](std::string_view key) -> std::optional<std::string_view> {
    const auto it = labels.find(key);
    if (it == labels.end()) return std::nullopt;
    return it->second;
  });
}

struct Case {
  const char* selector;
  Labels labels;
  bool matches;
};

class LabelSelectorTest : public testing::TestWithParam<Case> {};

TEST_P(LabelSelectorTest, MatchesAsApimachineryDoes) {
  EXPECT_EQ(Matches(GetParam().selector, GetParam().labels), GetParam().matches)
      << GetParam().selector;
}

INSTANTIATE_TEST_SUITE_P(
    Equality, LabelSelectorTest,
    testing::Values(
        Case{"", {{"x", "y"}}, true}, Case{"", {}, true}, Case{"  ", {}, true},
        Case{"x=y", {{"x", "y"}}, true}, Case{"x==y", {{"x", "y"}}, true},
        Case{"x=y", {{"x", "z"}}, false}, Case{"x=y", {}, false},
        Case{"x=y,z=w", {{"x", "y"}, {"z", "w"}}, true}, Case{"x=y,z=w", {{"x", "y"}}, false},
        Case{" x = y , z != w ", {{"x", "y"}}, true}, Case{"x!=y", {{"x", "y"}}, false},
        Case{"x!=y", {{"x", "z"}}, true}, Case{"x!=y", {}, true}, Case{"x=", {{"x", ""}}, true},
        Case{"x=", {}, false}, Case{"x= ,z= ", {{"x", ""}, {"z", ""}}, true},
        Case{"x!=", {{"x", ""}}, false}, Case{"x!=", {}, true}, Case{"x=in", {{"x", "in"}}, true},
        Case{"in=x", {{"in", "x"}}, true}, Case{"notin", {{"notin", ""}}, true},
        Case{"app.kubernetes.io/name=weir", {{"app.kubernetes.io/name", "weir"}}, true}));

INSTANTIATE_TEST_SUITE_P(
    Sets, LabelSelectorTest,
    testing::Values(Case{"x in (a,b)", {{"x", "b"}}, true}, Case{"x in (a,b)", {{"x", "c"}}, false},
                    Case{"x in (a,b)", {}, false}, Case{"x in(a)", {{"x", "a"}}, true},
                    Case{"x notin (a,b)", {{"x", "c"}}, true},
                    Case{"x notin (a,b)", {{"x", "a"}}, false}, Case{"x notin (a,b)", {}, true},
                    Case{"x in ()", {{"x", ""}}, true}, Case{"x in ()", {}, false},
                    Case{"x in ()", {{"x", "a"}}, false}, Case{"x notin ()", {{"x", ""}}, false},
                    Case{"x in (,a)", {{"x", ""}}, true}, Case{"x in (a,)", {{"x", ""}}, true},
                    Case{"x in (a,,b)", {{"x", ""}}, true}, Case{"x in (,)", {{"x", ""}}, true},
                    Case{"x in (a,b)", {{"x", ""}}, false},
                    Case{"x in (in,notin)", {{"x", "notin"}}, true},
                    Case{"in in (in)", {{"in", "in"}}, true},
                    Case{"x notin (abc,,def),bar,z in (),w",
                         {{"x", "a"}, {"bar", "1"}, {"z", ""}, {"w", ""}},
                         true}));

INSTANTIATE_TEST_SUITE_P(
    ExistenceAndOrder, LabelSelectorTest,
    testing::Values(Case{"x", {{"x", ""}}, true}, Case{"x", {}, false}, Case{"!x", {}, true},
                    Case{"!x", {{"x", ""}}, false}, Case{"! x,y", {{"y", "1"}}, true},
                    Case{"x>1", {{"x", "2"}}, true}, Case{"x>1", {{"x", "1"}}, false},
                    Case{"x>1,z<5", {{"x", "7"}, {"z", "4"}}, true},
                    Case{"x<1", {{"x", "0"}}, true}, Case{"x>1", {{"x", "many"}}, false},
                    Case{"x<1", {}, false}, Case{"x<10", {{"x", "9"}}, true},
                    Case{"x<9223372036854775807", {{"x", "9223372036854775808"}}, false}));

TEST(LabelSelectorParseTest, RefusesWhatApimachineryRefuses) {
  for (const char* text :
       {"x=a||y=b",   "x==a==b",    "!x=a",       "x<a",     "x>",         "x>1.5",  "x>-1",
        ",",          "x,",         ",x",         "x,,y",    "=",          "!",      "!!x",
        "x y",        "x in",       "x in (",     "x in (a", "x in (a b)", "x in a", "x in (a,,)",
        "x in (,,)",  "x in (a))",  "x in (=)",   "(a)",     "x notin",    "x=(",    "x===y",
        "x=!y",       "!x in (a)",  "x in (a) y", "x <> y",  "x.in.",      "-x",     "x-",
        "/x",         "a/b/c",      "A/x",        "a..b/x",  "x=-y",       "x=y-",   "x=y/z",
        "x=\xc3\xa4", "\xc3\xa4=x", "x in (a,b-)"}) {
    EXPECT_TRUE(IsInvalidArgument(LabelSelector::Parse(text).status())) << text;
  }
  EXPECT_FALSE(LabelSelector::Parse(std::string_view("a\0b", 3)).ok());
  EXPECT_FALSE(LabelSelector::Parse(std::string_view("a=b\0", 4)).ok());
}

TEST(LabelSelectorParseTest, HoldsKeysAndValuesToTheirLengths) {
  const std::string n63(63, 'a'), n64(64, 'a');
  EXPECT_TRUE(LabelSelector::Parse(n63 + "=" + n63).ok());
  EXPECT_FALSE(LabelSelector::Parse(n64 + "=a").ok());
  EXPECT_FALSE(LabelSelector::Parse("a=" + n64).ok());
  EXPECT_TRUE(LabelSelector::Parse("a=" + std::string(31, '-').insert(0, "b") + "c").ok());
  std::string domain;
  while (domain.size() < 252) domain += "a.";
  EXPECT_TRUE(LabelSelector::Parse(domain + "a/" + n63).ok());
  EXPECT_FALSE(LabelSelector::Parse(domain + "aa/x").ok());
}

TEST(LabelSelectorParseTest, SaysWhatItFoundAndWhatItExpected) {
  const absl::Status status = LabelSelector::Parse("app in weir").status();
  EXPECT_THAT(std::string(MessageOf(status)), HasSubstr("found \"weir\", expected '('"));
}

TEST(LabelSelectorParseTest, OnlyTheEmptySelectorIsEmpty) {
  EXPECT_TRUE(LabelSelector::Parse("").value().empty());
  EXPECT_FALSE(LabelSelector::Parse("x").value().empty());
}

}  // namespace
}  // namespace weir
