// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/stats.h"

namespace weir {

// What is counted of one resource.
struct ResourceRecord {
  ResourceRecord(StatsRegistry& registry, std::string name);

  const std::string name;
  bool acts = false;
  int64_t stuck_now = 0, loops_now = 0;  // While they are counted.
  HistogramHandle write_to_watch, write_to_watch_others, event_to_action, conflict_lag;
  CounterHandle own_events, no_op_writes, conflicts;
  GaugeHandle stuck, loops;
};

}  // namespace weir
