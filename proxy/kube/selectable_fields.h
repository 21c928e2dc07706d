// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "proxy/kube/resource.h"

namespace weir {

// A field other than metadata.name and metadata.namespace that the API server selects objects of a
// built-in kind by, and where in the object it lies. At most two levels deep.
struct SelectableField {
  // How the value is written, and what it is when the object does not have it.
  enum class Type { kText, kBoolean, kInteger };  // "", "false", "0".

  std::string_view group, version, resource;
  std::string_view selector;             // What clients call it.
  std::array<std::string_view, 2> json;  // The second "": a field of the object itself.
  std::array<uint32_t, 2> protobuf;      // Likewise 0.
  Type type = Type::kText;
};

// Null if there is none that is known.
const SelectableField* FindSelectableField(const GroupVersionResource& resource,
                                           std::string_view selector);

// False for the kinds of which the API server refuses a selector on metadata.namespace although
// it has fields of its own for them. For cluster-scoped kinds without such fields it accepts one,
// and finds nothing.
bool SelectsNamespaceOf(const GroupVersionResource& resource);

}  // namespace weir
