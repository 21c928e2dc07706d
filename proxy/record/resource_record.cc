// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/resource_record.h"

#include <utility>

namespace weir {

ResourceRecord::ResourceRecord(StatsRegistry& registry, std::string resource)
    : name(std::move(resource)),
      write_to_watch(registry.AddHistogram(
          "weir_record_write_to_watch_seconds",
          "From the answer to a write (through Weir, or by managedFields: whole seconds) until its "
          "event came to Weir.",
          {{"resource", name}, {"writer", "weir"}})),
      write_to_watch_others(registry.AddHistogram("weir_record_write_to_watch_seconds", "",
                                                  {{"resource", name}, {"writer", "others"}})),
      event_to_action(
          registry.AddHistogram("weir_record_event_to_action_seconds",
                                "From an event that asks for something until the next write of "
                                "the object, or of one that it owns.",
                                {{"resource", name}})),
      conflict_lag(registry.AddHistogram(
          "weir_record_conflict_lag_seconds",
          "At a write refused with 409: how old the object's newest event was.",
          {{"resource", name}})),
      own_events(registry.AddCounter("weir_record_own_events_total",
                                     "Events that were a client's own write coming back.",
                                     {{"resource", name}})),
      no_op_writes(registry.AddCounter("weir_record_no_op_writes_total",
                                       "Writes through Weir that changed nothing.",
                                       {{"resource", name}})),
      conflicts(registry.AddCounter("weir_record_conflicts_total",
                                    "Writes through Weir that were refused with 409.",
                                    {{"resource", name}})),
      stuck(registry.AddGauge("weir_record_objects_stuck",
                              "Objects with an event that asks for something, about which nothing "
                              "has been done for longer than the threshold; of resources about "
                              "which something is done.",
                              {{"resource", name}})),
      loops(registry.AddGauge("weir_record_write_loops",
                              "Objects that are being written because they were written.",
                              {{"resource", name}})) {}

}  // namespace weir
