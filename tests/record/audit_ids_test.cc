// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/audit_ids.h"

#include <string>

#include "gtest/gtest.h"

namespace weir {
namespace {

constexpr char kId[] = "af6a6c64-36df-41c3-9c4b-0123456789ab";

TEST(AuditIdsTest, GivesBackWhatItWasGiven) {
  AuditIds ids;
  EXPECT_EQ(ids.Of(0), "");
  const uint32_t first = ids.Add(kId);
  const uint32_t second = ids.Add("mine");
  EXPECT_EQ(ids.Of(first), kId);
  EXPECT_EQ(ids.Of(second), "mine");
  EXPECT_EQ(ids.Of(0), "");
}

TEST(AuditIdsTest, WhatIsNoIdHasNoNumber) {
  AuditIds ids;
  EXPECT_EQ(ids.Add(""), 0U);
  EXPECT_NE(ids.Add(std::string(AuditIds::kMaxLength, 'x')), 0U);
  EXPECT_EQ(ids.Add(std::string(AuditIds::kMaxLength + 1, 'x')), 0U);
}

TEST(AuditIdsTest, ForgetsTheOldest) {
  AuditIds ids;
  const uint32_t first = ids.Add(kId);
  uint32_t last = 0;
  for (size_t i = 1; i <= AuditIds::kIds; ++i) last = ids.Add(std::to_string(i));
  EXPECT_EQ(ids.Of(first), "");
  EXPECT_EQ(ids.Of(first + 1), "1");
  EXPECT_EQ(ids.Of(last), std::to_string(AuditIds::kIds));
}

}  // namespace
}  // namespace weir
