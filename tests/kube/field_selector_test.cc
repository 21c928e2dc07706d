// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/selector.h"

namespace weir {
namespace {

using testing::HasSubstr;

// "field=value;field!=value", or the error.
std::string Describe(std::string_view text) {
  const auto selector = FieldSelector::Parse(text);
  if (!selector.ok()) {
    EXPECT_TRUE(IsInvalidArgument(selector.status()));
    return "error";
  }
  std::string out;
  for (const FieldSelector::Term& term : selector->terms) {
    StrAppend(out, out.empty() ? "" : ";", term.field, term.negated ? "!=" : "=", term.value);
  }
  return out;
}

struct Case {
  const char* selector;
  const char* expected;
};

class FieldSelectorTest : public testing::TestWithParam<Case> {};

TEST_P(FieldSelectorTest, ParsesAsApimachineryDoes) {
  EXPECT_EQ(Describe(GetParam().selector), GetParam().expected) << GetParam().selector;
}

INSTANTIATE_TEST_SUITE_P(
    Forms, FieldSelectorTest,
    testing::Values(Case{"", ""}, Case{",,", ""}, Case{"a=b", "a=b"}, Case{"a==b", "a=b"},
                    Case{"a!=b", "a!=b"}, Case{"a=", "a="}, Case{"a!=", "a!="}, Case{"=b", "=b"},
                    Case{"=", ""}, Case{"b=1,a=2", "a=2;b=1"}, Case{"a=b,", "a=b"},
                    Case{"spec.nodeName=n-1,metadata.name!=x",
                         "metadata.name!=x;spec.nodeName=n-1"},
                    Case{"a = b", "a = b"}, Case{"a!b=c", "a!b=c"}, Case{"a=b!", "a=b!"},
                    Case{R"(a=b\,c)", "a=b,c"}, Case{R"(a=b\=c)", "a=b=c"},
                    Case{R"(a=\\)", R"(a=\)"}, Case{R"(a=\\,b=c)", R"(a=\;b=c)"},
                    Case{R"(a=b\,c,d=e)", "a=b,c;d=e"},
                    // Backslashes in a field's name are data.
                    Case{R"(a\x=b)", R"(a\x=b)"}));

INSTANTIATE_TEST_SUITE_P(Errors, FieldSelectorTest,
                         testing::Values(Case{"a", "error"}, Case{"a=b,c", "error"},
                                         Case{"a=b=c", "error"}, Case{"a===b", "error"},
                                         Case{R"(a=\x)", "error"}, Case{R"(a=b\)", "error"},
                                         Case{"a in (b)", "error"}, Case{"!a", "error"},
                                         Case{R"(a\,b)", "error"}));

TEST(FieldSelectorParseTest, SaysWhichTermIsWrong) {
  EXPECT_THAT(std::string(MessageOf(FieldSelector::Parse("a=b,c").status())),
              HasSubstr("term \"c\": no operator"));
}

TEST(FieldSelectorMatchTest, KnowsWhatOnlyMetadataSays) {
  EXPECT_TRUE(FieldSelector::Parse("").value().OnlyMetadata());
  EXPECT_TRUE(FieldSelector::Parse("metadata.name=a,metadata.namespace!=b").value().OnlyMetadata());
  EXPECT_FALSE(FieldSelector::Parse("metadata.name=a,status.phase=x").value().OnlyMetadata());
  EXPECT_FALSE(FieldSelector::Parse("metadata.name =a").value().OnlyMetadata());
}

TEST(FieldSelectorMatchTest, ComparesNameAndNamespace) {
  const auto matches = [](std::string_view text) {
    return FieldSelector::Parse(text).value().Matches("pod", "ns");
  };
  EXPECT_TRUE(matches(""));
  EXPECT_TRUE(matches("metadata.name=pod"));
  EXPECT_FALSE(matches("metadata.name!=pod"));
  EXPECT_FALSE(matches("metadata.name="));
  EXPECT_TRUE(matches("metadata.name!=x,metadata.namespace=ns"));
  EXPECT_FALSE(matches("metadata.name=pod,metadata.namespace=other"));
  EXPECT_FALSE(matches("metadata.name=pod,metadata.name=other"));
}

TEST(FieldSelectorMatchTest, TheAbsentNamespaceIsEmpty) {
  EXPECT_TRUE(FieldSelector::Parse("metadata.namespace=").value().Matches("node", ""));
  EXPECT_TRUE(FieldSelector::Parse("metadata.namespace!=x").value().Matches("node", ""));
}

}  // namespace
}  // namespace weir
