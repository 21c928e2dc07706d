// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/base/stats.h"

namespace weir {

// Written by the Cacher's thread. Labels: resource, representation; Cachers of several namespaces
// add up.
struct CacherStats {
  CacherStats(StatsRegistry& registry, const StatsLabels& labels);
  CounterHandle lists, stream_lists, watches, watch_ends, relists, expired, time_travel_refused,
      events, bookmarks, decode_errors;
  GaugeHandle objects, object_bytes, window_events, window_bytes, synced;
};

}  // namespace weir
