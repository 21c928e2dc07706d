// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "proxy/base/stats.h"
#include "proxy/base/strings.h"
#include "proxy/downstream/decision.h"

namespace weir {

// weir_downstream_requests_total{verb,resource,source,reason}: answers by source. Clients choose
// resource names freely, so only the first 500 combinations get a series, the rest are "other".
class RequestStats {
 public:
  explicit RequestStats(StatsRegistry& registry) : registry_(registry) {}
  void FromCache(const RequestInfo& info) { Count(info, "cache", ForwardReason::kNone); }
  void Forwarded(const RequestInfo& info, ForwardReason reason) {
    Count(info, "forwarded", reason);
  }

 private:
  void Count(const RequestInfo& info, std::string_view source, ForwardReason reason);

  StatsRegistry& registry_;
  StringMap<CounterHandle> counters_;
};

}  // namespace weir
