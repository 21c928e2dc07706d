// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "proxy/cache/event_view.h"

namespace weir {

// The view that a request for config maps asks for.
inline EventView ViewOf(ViewShape shape) {
  LabelSelector labels = LabelSelector::Parse(shape.label_selector).value();
  const FieldSelector fields = FieldSelector::Parse(shape.field_selector).value();
  FieldMatcher matcher =
      FieldMatcher::For({.group = "", .version = "v1", .resource = "configmaps"}, fields, false)
          .value();
  return EventView(std::move(shape), std::move(labels), std::move(matcher));
}

}  // namespace weir
