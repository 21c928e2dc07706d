// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/metrics_format.h"

#include "gtest/gtest.h"

namespace weir {
namespace {

TEST(MetricsFormatTest, PrometheusItselfGetsOpenMetrics) {
  // As versions 2.42, 2.55 and 3 send it.
  EXPECT_TRUE(WantsOpenMetrics(
      "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
      "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"));
  EXPECT_TRUE(WantsOpenMetrics(
      "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;"
      "version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"));
  EXPECT_TRUE(
      WantsOpenMetrics("application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
                       "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;"
                       "escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"));
}

TEST(MetricsFormatTest, PeopleAndOldScrapersGetText) {
  EXPECT_FALSE(WantsOpenMetrics(""));
  EXPECT_FALSE(WantsOpenMetrics("*/*"));
  EXPECT_FALSE(WantsOpenMetrics("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
  EXPECT_FALSE(WantsOpenMetrics("text/plain;version=0.0.4;q=1,*/*;q=0.1"));
}

TEST(MetricsFormatTest, TheBetterQualityWins) {
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;q=0.4,text/plain;q=0.5"));
  EXPECT_TRUE(WantsOpenMetrics("text/plain;q=0.5, application/openmetrics-text;q=0.6"));
  EXPECT_TRUE(WantsOpenMetrics("text/plain,application/openmetrics-text"));
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;q=0.4,text/*;q=0.5"));
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;q=0.4,*/*"));
  EXPECT_TRUE(WantsOpenMetrics("application/openmetrics-text;q=0.4,text/plain;q=0,*/*"));
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;q=0"));
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;q=2"));
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;q=1x"));
}

TEST(MetricsFormatTest, AVersionThatWeirDoesNotHaveDoesNotCount) {
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;version=0.0.1"));
  EXPECT_FALSE(WantsOpenMetrics("application/openmetrics-text;version=2.0.0,*/*;q=0.1"));
  EXPECT_TRUE(WantsOpenMetrics("Application/OpenMetrics-Text; Version=\"1.0.0\"; Q=0.9"));
  EXPECT_TRUE(
      WantsOpenMetrics("application/openmetrics-text;q=0.4,text/plain;version=1.0.0;q=0.5"));
}

}  // namespace
}  // namespace weir
