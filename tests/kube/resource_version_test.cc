// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/resource_version.h"

#include <gtest/gtest.h>

#include "proxy/base/status.h"

namespace weir {
namespace {

constexpr char kLargest[] = "340282366920938463463374607431768211455";  // 2^128-1

TEST(ResourceVersionTest, ReadsAndWritesDecimalNumbers) {
  for (const char* text : {"1", "9", "10", "107", "9999999999999999999", "18446744073709551615",
                           "18446744073709551616", "100000000000000000000", kLargest}) {
    const auto version = ResourceVersion::Parse(text);
    ASSERT_TRUE(version.ok()) << text;
    EXPECT_EQ(version->ToString(), text);
    EXPECT_TRUE(version->is_set());
  }
}

TEST(ResourceVersionTest, RefusesWhatIsNotWellFormed) {
  for (const char* text :
       {"", "0", "00", "01", "-1", "+1", " 1", "1 ", "1a", "0x1", "abc", "1.0", "\\u0031",
        "340282366920938463463374607431768211456", "999999999999999999999999999999999999999",
        "1000000000000000000000000000000000000000"}) {
    const auto version = ResourceVersion::Parse(text);
    EXPECT_FALSE(version.ok()) << text;
    EXPECT_TRUE(weir::IsInvalidArgument(version.status())) << text;
  }
}

TEST(ResourceVersionTest, SaysWhatIsWrong) {
  EXPECT_EQ(MessageOf(ResourceVersion::Parse("12x").status()),
            "resourceVersion \"12x\" is not a decimal number");
}

TEST(ResourceVersionTest, ComparesAsNumbers) {
  const auto parse = [](const char* text) { return ResourceVersion::Parse(text).value(); };
  EXPECT_LT(parse("9"), parse("10"));
  EXPECT_LT(parse("18446744073709551615"), parse("18446744073709551616"));
  EXPECT_LT(parse("99"), parse(kLargest));
  EXPECT_EQ(parse("107"), ResourceVersion(107));
}

TEST(ResourceVersionTest, DefaultIsBeforeEveryVersion) {
  EXPECT_LT(ResourceVersion(), ResourceVersion(1));
  EXPECT_FALSE(ResourceVersion().is_set());
  EXPECT_EQ(ResourceVersion().ToString(), "0");
}

}  // namespace
}  // namespace weir
