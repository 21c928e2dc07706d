// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "absl/container/inlined_vector.h"

#include "proxy/cache/revision.h"
#include "proxy/kube/selector.h"

namespace weir {

// What one reader may see of a Cacher's objects: a namespace, a name, a label selector. Turns the
// Cacher's events into the reader's (apiserver cacher convertToWatchEvent): entering the view is
// ADDED, leaving it DELETED with the last matching content and the version of the leaving event.
class EventView {
 public:
  EventView() = default;  // Everything.
  // REQUIRES: `fields`.OnlyMetadata().
  EventView(std::string namespace_name, LabelSelector labels, FieldSelector fields);

  bool everything() const { return everything_; }
  bool Includes(const Object& object) const;

  struct Event {
    WatchEventType type;
    ObjectPtr object;
    ResourceVersion version;
  };
  std::optional<Event> Translate(const CacheEvent& event) const;
  // The events of a reader that saw `before` and is to see `after` (either may be null), for which
  // no published event is at hand: none, one, or DELETED and ADDED when the uid is another. A
  // DELETED whose own version is not known carries none (version not set, `before` as object).
  using Events = absl::InlinedVector<Event, 2>;
  Events Difference(const ObjectPtr& before, const ObjectPtr& after) const;

 private:
  bool everything_ = true;
  std::string namespace_name_;
  LabelSelector labels_;
  FieldSelector fields_;
};

}  // namespace weir
