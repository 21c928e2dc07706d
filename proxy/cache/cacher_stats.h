// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/base/stats.h"

namespace weir {

// Written by the Cacher's thread. Labels: resource, representation; Cachers of several namespaces
// add up.
struct CacherStats {
  CacherStats(StatsRegistry& registry, const StatsLabels& labels);
  CounterHandle lists, stream_lists, watches, watch_ends, relists, expired, time_travel_refused,
      events, let_go, bookmarks, decode_errors, repairs;
  // Proofs of being current, by what came of them: the cache was further than the list; as far;
  // had to wait for its watch; was listed anew; nothing was proved.
  CounterHandle proofs_ahead, proofs_equal, proofs_waited, proofs_repaired, proofs_failed;
  HistogramHandle ingest;
  GaugeHandle objects, object_bytes, window_events, window_bytes, synced, healthy;
};

}  // namespace weir
