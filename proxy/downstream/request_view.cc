// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/request_view.h"

#include <utility>

#include "proxy/cache/view_class.h"
#include "proxy/kube/field_matcher.h"

namespace weir {

// What the cache's own request selected need not be looked at again.
std::optional<EventView> RequestView(const Decision& decision, const CacheReplica& replica) {
  const CacheKey& asked = decision.key;
  const CacheKey& held = replica.key();
  const bool other_fields = asked.field_selector != held.field_selector;
  const bool other_namespace = asked.namespace_name != held.namespace_name;
  std::optional<FieldMatcher> fields = FieldMatcher();
  if (other_fields) {
    fields = FieldMatcher::For(asked.resource, decision.fields, held.metadata_only);
    if (!fields.has_value()) return std::nullopt;
  }
  if ((other_namespace || fields->selects_namespace()) && !replica.namespaced()) {
    return std::nullopt;
  }
  ViewShape shape;
  shape.to_metadata = asked.metadata_only && !held.metadata_only;
  if (shape.to_metadata && replica.view_classes().not_showable()) return std::nullopt;
  LabelSelector labels;
  if (other_namespace) shape.namespace_name = asked.namespace_name;
  if (other_fields) shape.field_selector = asked.field_selector;
  if (asked.label_selector != held.label_selector) {
    shape.label_selector = asked.label_selector;
    labels = decision.labels;
  }
  return EventView(std::move(shape), std::move(labels), *std::move(fields));
}

uint64_t CountUpTo(uint64_t up_to, const SnapshotMap& objects, const EventView& view) {
  if (view.everything()) return objects.size();
  uint64_t count = 0;
  objects.Scan({}, false, [&](const ObjectPtr& object) {
    if (view.Includes(*object)) ++count;
    return count <= up_to;
  });
  return count;
}

}  // namespace weir
