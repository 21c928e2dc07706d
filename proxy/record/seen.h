// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

#include "proxy/base/clock.h"
#include "proxy/kube/resource_version.h"
#include "proxy/kube/watch_event.h"

namespace weir {

// What workers tell the flight recorder: names and times, never a body.

struct SeenEvent {
  // Whether an operator is likely to do something about it.
  enum class Asks { kNothing, kCreated, kChanged, kDeleting };

  std::string resource;  // GroupVersionResource::Name().
  std::string namespace_name, name, uid;
  WatchEventType type = WatchEventType::kAdded;
  ResourceVersion version;
  MonotonicTime arrived, published;  // Its bytes, at the earliest; its Revision.
  // Handed to the first connection that it is for; unset: to none yet. Of what asks for something
  // a SeenDelivery follows then.
  std::optional<MonotonicTime> delivered = std::nullopt;
  Asks asks = Asks::kNothing;
  std::optional<absl::Time> written;  // By managedFields, if this change moved it.
};

// An event that was told of before is now delivered.
struct SeenDelivery {
  std::string uid;
  ResourceVersion version;
  MonotonicTime at;
};

// A write that a client made through Weir, once it was answered.
struct SeenWrite {
  std::string resource, namespace_name, name;
  int status = 0;
  MonotonicTime came, answered;  // Its head; the answer's head.
  // Of the answered object; unset where there is none, such as of a refused write.
  std::string uid;
  std::vector<std::string> owners;  // Uids of those whose child it is.
  ResourceVersion version;
  std::string audit_id = {};  // "": the answer had none.
};

// What one worker has seen since it last told.
struct SeenBatch {
  std::vector<SeenEvent> events;
  std::vector<SeenWrite> writes;
  std::vector<SeenDelivery> deliveries = {};        // Of events of earlier batches.
  uint64_t dropped_events = 0, dropped_writes = 0;  // For which there was no time or room.

  bool empty() const {
    return events.empty() && writes.empty() && deliveries.empty() &&
           dropped_events + dropped_writes == 0;
  }
};
// Takes it on the worker's thread and must be quick. Empty: nothing is recorded.
using SeenSink = std::function<void(SeenBatch)>;

}  // namespace weir
