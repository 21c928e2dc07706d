// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "absl/container/inlined_vector.h"

#include "proxy/cache/revision.h"
#include "proxy/kube/field_matcher.h"
#include "proxy/kube/selector.h"

namespace weir {

// What a view is of, in the words of the request: equal shapes show the same of one cache.
struct ViewShape {
  std::string namespace_name = {};  // "" for all.
  // As sent; "" for what the cache's own request has already selected.
  std::string label_selector = {}, field_selector = {};
  bool to_metadata = false;  // Whole objects are shown as PartialObjectMetadata.

  friend bool operator==(const ViewShape&, const ViewShape&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const ViewShape& s) {
    return H::combine(std::move(h), s.namespace_name, s.label_selector, s.field_selector,
                      s.to_metadata);
  }
};

// What one reader may see of a Cacher's objects: a namespace, a field and a label selector, whole
// or only their metadata. Turns the Cacher's events into the reader's (apiserver cacher
// convertToWatchEvent): entering the view is ADDED, leaving it DELETED with the last matching
// content and the version of the leaving event.
class EventView {
 public:
  EventView() = default;  // Everything.
  // REQUIRES: `labels` and `fields` are what the shape's selectors say.
  EventView(ViewShape shape, LabelSelector labels, FieldMatcher fields);

  // Everything, as it is: there is nothing to evaluate and nothing to derive.
  bool everything() const { return everything_; }
  const ViewShape& shape() const { return shape_; }
  bool Includes(const Object& object) const;

  struct Event {
    WatchEventType type;
    ObjectPtr object;
    ResourceVersion version;
  };
  // What the event is to the reader, with the object as the cache has it: to be Shown.
  std::optional<Event> Select(const CacheEvent& event) const;
  // The events of a reader that saw `before` and is to see `after` (either may be null), for which
  // no published event is at hand: none, one, or DELETED and ADDED when the uid is another. To be
  // Shown. A DELETED carries no version: when the object left the view neither of the two says.
  using Events = absl::InlinedVector<Event, 2>;
  Events Difference(const ObjectPtr& before, const ObjectPtr& after) const;

  // What the reader is sent: with the event's version in its bytes, or only its metadata. Null
  // where the API server's own bytes cannot be told (see ToPartialMetadata).
  ObjectPtr Show(const Event& event) const;
  ObjectPtr Show(const ObjectPtr& object) const;

 private:
  bool everything_ = true;
  ViewShape shape_;
  LabelSelector labels_;
  FieldMatcher fields_;
};

}  // namespace weir
