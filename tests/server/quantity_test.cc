// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/quantity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using testing::Optional;

TEST(QuantityTest, ReadsDurations) {
  EXPECT_THAT(ParseDurationText("10s"), Optional(absl::Seconds(10)));
  EXPECT_THAT(ParseDurationText("1m30s"), Optional(absl::Seconds(90)));
  EXPECT_THAT(ParseDurationText("500ms"), Optional(absl::Milliseconds(500)));
  EXPECT_THAT(ParseDurationText("1.5h"), Optional(absl::Minutes(90)));
  EXPECT_THAT(ParseDurationText("0s"), Optional(absl::ZeroDuration()));
}

TEST(QuantityTest, RefusesOtherDurations) {
  for (const char* text : {"", "10", "0", "s", "-1s", "+1s", "inf", "1s ", " 1s", "1d", "1 s", "1S",
                           "1s2", "..s", "1e3s", "99999999999999999999h"}) {
    EXPECT_EQ(ParseDurationText(text), std::nullopt) << text;
  }
}

TEST(QuantityTest, ReadsByteSizes) {
  EXPECT_THAT(ParseByteSize("4096"), Optional(4096u));
  EXPECT_THAT(ParseByteSize("16Mi"), Optional(16u << 20));
  EXPECT_THAT(ParseByteSize("1Gi"), Optional(1u << 30));
  EXPECT_THAT(ParseByteSize("2Ti"), Optional(uint64_t{2} << 40));
  EXPECT_THAT(ParseByteSize("500k"), Optional(500000u));
  EXPECT_THAT(ParseByteSize("3M"), Optional(3000000u));
  EXPECT_THAT(ParseByteSize("0"), Optional(0u));
}

TEST(QuantityTest, RefusesOtherByteSizes) {
  for (const char* text : {"", "Mi", "-1", "1.5Gi", "16mi", "16MB", "16 Mi", "1K", "0x10", "1e3",
                           "18446744073709551616", "18446744073709551615Ki"}) {
    EXPECT_EQ(ParseByteSize(text), std::nullopt) << text;
  }
}

TEST(QuantityTest, WritesWhatItReads) {
  for (const char* text : {"16Mi", "512Mi", "1Gi", "2Ti", "64Ki", "1000", "0"}) {
    EXPECT_EQ(ByteSizeText(*ParseByteSize(text)), text);
  }
  for (const char* text : {"10s", "1m30s", "500ms", "0s"}) {
    EXPECT_EQ(DurationText(*ParseDurationText(text)), text);
  }
}

}  // namespace
}  // namespace weir
