// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/delivery_marks.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

MonotonicTime At(int ms) { return MonotonicTime() + absl::Milliseconds(ms); }

TEST(DeliveryMarksTest, SaysWhenARevisionAndAllBeforeHadBeenSent) {
  DeliveryMarks marks;
  EXPECT_EQ(marks.When(1), std::nullopt);
  marks.Reached(3, At(10));
  marks.Reached(3, At(20));  // Nothing was sent.
  marks.Reached(7, At(90));
  EXPECT_EQ(marks.When(2), At(10));
  EXPECT_EQ(marks.When(3), At(10));
  EXPECT_EQ(marks.When(4), At(90));
  EXPECT_EQ(marks.When(8), std::nullopt);
}

TEST(DeliveryMarksTest, IsEarlyByLessThanAStep) {
  DeliveryMarks marks;
  for (int ms = 0; ms <= 100; ++ms) marks.Reached(1 + ms, At(ms));
  for (int ms = 0; ms <= 100; ++ms) {
    EXPECT_LE(*marks.When(1 + ms), At(ms));
    EXPECT_GT(*marks.When(1 + ms) + DeliveryMarks::kStep, At(ms));
  }
}

TEST(DeliveryMarksTest, TakesLittle) {
  DeliveryMarks marks;
  for (int i = 0; i < 10'000; ++i) marks.Reached(1 + i, At(10 * i));
  EXPECT_EQ(marks.size(), DeliveryMarks::kMarks);
  EXPECT_EQ(marks.When(10'000), At(99'990));
  marks.Forget(10'000);
  EXPECT_EQ(marks.size(), 1U);
  EXPECT_EQ(marks.When(10'000), At(99'990)) << "the last one stays";
  marks.Forget(20'000);
  EXPECT_EQ(marks.size(), 1U);
}

}  // namespace
}  // namespace weir
