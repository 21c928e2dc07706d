// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace weir {

// A resource as the API server's paths name it. `group` is "" for core/v1.
struct GroupVersionResource {
  std::string group;
  std::string version;
  std::string resource;  // Plural, lower case: "deployments".

  // "/api/v1" or "/apis/<group>/<version>".
  std::string ApiPath() const;
  // "deployments.apps", "pods": what kubectl prints and what metrics are labelled with.
  std::string Name() const;

  friend auto operator<=>(const GroupVersionResource&, const GroupVersionResource&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const GroupVersionResource& r) {
    return H::combine(std::move(h), r.group, r.version, r.resource);
  }
};

}  // namespace weir
