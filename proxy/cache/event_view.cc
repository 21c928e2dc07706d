// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/event_view.h"

#include <utility>

#include "proxy/kube/object_patch.h"

namespace weir {

EventView::EventView(std::string namespace_name, LabelSelector labels, FieldSelector fields)
    : everything_(namespace_name.empty() && labels.empty() && fields.empty()),
      namespace_name_(std::move(namespace_name)),
      labels_(std::move(labels)),
      fields_(std::move(fields)) {}

bool EventView::Includes(const Object& object) const {
  if (everything_) return true;
  if (!namespace_name_.empty() && object.namespace_name() != namespace_name_) return false;
  if (!fields_.empty() && !fields_.Matches(object.name(), object.namespace_name())) return false;
  return labels_.empty() ||
         labels_.Matches([&object](std::string_view key) { return object.Label(key); });
}

std::optional<EventView::Event> EventView::Translate(const CacheEvent& event) const {
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
  return Event{WatchEventType::kDeleted, WithResourceVersion(*event.previous, event.version),
               event.version};
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
  if (was && !is && after != nullptr) {
    // What is there now is as good a place for the deletion as any before.
    events.push_back({WatchEventType::kDeleted, WithResourceVersion(*before, after->version()),
                      after->version()});
    return events;
  }
  if (was) events.push_back({WatchEventType::kDeleted, before, ResourceVersion()});
  if (is) events.push_back({WatchEventType::kAdded, after, after->version()});
  return events;
}

}  // namespace weir
