// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/request_stats.h"

#include <string>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(RequestStatsTest, NamesThatNoResourceHasAreNotKept) {
  StatsRegistry registry;
  RequestStats stats(registry);
  for (int i = 0; i < 100; ++i) {
    const std::string target = StrCat("/api/v1/", i, std::string(1000, 'x'));
    stats.Forwarded(RequestInfo::Parse("GET", target), ForwardReason::kIdentity);
  }
  stats.Forwarded(RequestInfo::Parse("GET", "/api/v1/pods"), ForwardReason::kIdentity);
  EXPECT_EQ(registry.Sum("weir_downstream_requests_total", {{"resource", "other"}}), 100);
  EXPECT_EQ(registry.Sum("weir_downstream_requests_total", {{"resource", "pods"}}), 1);
  EXPECT_LT(registry.RenderPrometheus().size(), 1000u);
}

}  // namespace
}  // namespace weir
