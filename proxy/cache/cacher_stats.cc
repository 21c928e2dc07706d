// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/cacher_stats.h"

#include <utility>

namespace weir {
namespace {

CounterHandle AddProofs(StatsRegistry& registry, StatsLabels labels, const char* result) {
  labels.emplace_back("result", result);
  return registry.AddCounter("weir_cache_proofs_total",
                             "Lists of metadata that were to prove a cache current.",
                             std::move(labels));
}

}  // namespace

CacherStats::CacherStats(StatsRegistry& registry, const StatsLabels& labels)
    : lists(
          registry.AddCounter("weir_cache_lists_total", "LISTs asked of the API server.", labels)),
      stream_lists(registry.AddCounter("weir_cache_stream_lists_total",
                                       "Stream-lists asked of the API server.", labels)),
      watches(registry.AddCounter("weir_cache_watches_total",
                                  "Watches asked of the API server, stream-lists left out.",
                                  labels)),
      watch_ends(registry.AddCounter("weir_cache_watch_ends_total",
                                     "Watches of the API server that ended, in whatever way.",
                                     labels)),
      relists(registry.AddCounter(
          "weir_cache_relists_total",
          "Times a synced cache was read anew and the difference published.", labels)),
      expired(registry.AddCounter("weir_cache_expired_total",
                                  "Times the API server no longer knew a version (410).", labels)),
      time_travel_refused(registry.AddCounter(
          "weir_cache_time_travel_refused_total",
          "Lists and events refused because they were older than what was published.", labels)),
      events(registry.AddCounter("weir_cache_events_total",
                                 "Watch events received, bookmarks left out.", labels)),
      let_go(registry.AddCounter("weir_cache_events_let_go_total",
                                 "Watch events that no reader was told, of objects that came and "
                                 "went before a proof: there "
                                 "were too many to hold.",
                                 labels)),
      bookmarks(registry.AddCounter("weir_cache_bookmarks_total", "Bookmarks received.", labels)),
      decode_errors(registry.AddCounter("weir_cache_decode_errors_total",
                                        "Watches that ended because of bytes that made no sense.",
                                        labels)),
      repairs(registry.AddCounter(
          "weir_cache_repairs_total",
          "Caches listed anew because the watch had not brought what the API server had.", labels)),
      proofs_ahead(AddProofs(registry, labels, "ahead")),
      proofs_equal(AddProofs(registry, labels, "equal")),
      proofs_waited(AddProofs(registry, labels, "waited")),
      proofs_repaired(AddProofs(registry, labels, "repaired")),
      proofs_failed(AddProofs(registry, labels, "failed")),
      ingest(registry.AddHistogram("weir_cache_ingest_seconds",
                                   "From when an event can have been ready to be read, at the "
                                   "earliest, until it was published.",
                                   labels)),
      objects(registry.AddGauge("weir_cache_objects", "Objects cached.", labels)),
      object_bytes(registry.AddGauge("weir_cache_object_bytes",
                                     "Bytes of the objects cached, with what Weir keeps of each.",
                                     labels)),
      window_events(registry.AddGauge("weir_cache_window_events",
                                      "Events kept for readers that resume or lag.", labels)),
      window_bytes(registry.AddGauge("weir_cache_window_bytes",
                                     "Bytes that these events keep beyond the objects cached.",
                                     labels)),
      synced(registry.AddGauge("weir_cache_synced", "Caches that serve readers.", labels)),
      healthy(registry.AddGauge("weir_cache_healthy", "Caches whose watch of the API server is up.",
                                labels)) {}

}  // namespace weir
