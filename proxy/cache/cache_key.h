// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "proxy/kube/media_type.h"
#include "proxy/kube/resource.h"

namespace weir {

// What one Cacher holds: exactly what one client asked for, in one encoding. All caches belong to
// the identity of Weir's own upstream credential (see downstream/authenticator.h).
struct CacheKey {
  GroupVersionResource resource;
  std::string namespace_name;  // "" for all namespaces and for cluster scope.
  std::string label_selector;  // As sent.
  std::string field_selector;  // As sent: the API server evaluates it.
  Representation representation = Representation::kJson;
  bool metadata_only = false;  // Objects are PartialObjectMetadata (meta.k8s.io/v1).

  friend bool operator==(const CacheKey&, const CacheKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const CacheKey& k) {
    return H::combine(std::move(h), k.resource, k.namespace_name, k.label_selector,
                      k.field_selector, k.representation, k.metadata_only);
  }
};

}  // namespace weir
