// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/event_view.h"

#include <utility>

#include "proxy/base/check.h"
#include "proxy/kube/object_patch.h"
#include "proxy/kube/partial_metadata.h"

namespace weir {

EventView::EventView(ViewShape shape, LabelSelector labels, FieldMatcher fields)
    : everything_(shape.namespace_name.empty() && labels.empty() && fields.empty() &&
                  !shape.to_metadata),
      shape_(std::move(shape)),
      labels_(std::move(labels)),
      fields_(std::move(fields)) {
  WEIR_DCHECK(labels_.empty() || !shape_.label_selector.empty());
  WEIR_DCHECK(fields_.empty() || !shape_.field_selector.empty());
}

bool EventView::Includes(const Object& object) const {
  if (everything_) return true;
  if (!shape_.namespace_name.empty() && object.namespace_name() != shape_.namespace_name) {
    return false;
  }
  if (!fields_.empty() && !fields_.Matches(object)) return false;
  return labels_.empty() ||
         labels_.Matches([&object](std::string_view key) { return object.Label(key); });
}

std::optional<EventView::Event> EventView::Select(const CacheEvent& event) const {
  if (everything_) return Event{event.type, event.object, event.version};
  const bool was = event.previous != nullptr && Includes(*event.previous);
  const bool is = Includes(*event.object);
  if (event.type == WatchEventType::kDeleted) {
    if (!was) return std::nullopt;
    if (is) return Event{event.type, event.object, event.version};
  } else if (is) {
    const WatchEventType type = was ? WatchEventType::kModified : WatchEventType::kAdded;
    return Event{type, event.object, event.version};
  } else if (!was) {
    return std::nullopt;
  }
  return Event{WatchEventType::kDeleted, event.previous, event.version};
}

EventView::Events EventView::Difference(const ObjectPtr& before, const ObjectPtr& after) const {
  const bool was = before != nullptr && Includes(*before);
  const bool is = after != nullptr && Includes(*after);
  const bool same = before != nullptr && after != nullptr && before->uid() == after->uid();
  Events events;
  if (was && is && same) {
    if (before->version() == after->version()) return events;
    events.push_back({WatchEventType::kModified, after, after->version()});
    return events;
  }
  if (was) events.push_back({WatchEventType::kDeleted, before, ResourceVersion()});
  if (is) events.push_back({WatchEventType::kAdded, after, after->version()});
  return events;
}

ObjectPtr EventView::Show(const ObjectPtr& object) const {
  return shape_.to_metadata ? ToPartialMetadata(*object) : object;
}

// The metadata first: the fewer bytes to write a version into.
ObjectPtr EventView::Show(const Event& event) const {
  ObjectPtr shown = Show(event.object);
  if (shown == nullptr || shown->version() == event.version) return shown;
  return WithResourceVersion(*shown, event.version);
}

}  // namespace weir
