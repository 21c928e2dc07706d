// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/check.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(CheckDeathTest, StopsAndSaysWhere) {
  const int number = 1;
  WEIR_CHECK(number == 1);
  EXPECT_DEATH(WEIR_CHECK(number == 2), "check_test.cc.*number == 2");
}

}  // namespace
}  // namespace weir
