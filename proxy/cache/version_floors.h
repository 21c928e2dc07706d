// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>

#include "absl/container/flat_hash_map.h"

#include "proxy/kube/resource.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// The highest version at which each resource has been shown to readers, so that a cache made anew
// never shows an older state than one that has gone (an API server that lags would). Any thread;
// not on the path of an event: written when a cache syncs, relists or goes.
class VersionFloors {
 public:
  void Raise(const GroupVersionResource& resource, ResourceVersion version) {
    if (!version.is_set()) return;  // Clients may ask for what there is not.
    const std::lock_guard lock(mutex_);
    ResourceVersion& floor = floors_[resource];
    if (floor < version) floor = version;
  }
  // Not set: nothing has been shown yet.
  ResourceVersion Get(const GroupVersionResource& resource) const {
    const std::lock_guard lock(mutex_);
    const auto it = floors_.find(resource);
    return it == floors_.end() ? ResourceVersion() : it->second;
  }

 private:
  mutable std::mutex mutex_;
  absl::flat_hash_map<GroupVersionResource, ResourceVersion> floors_;  // Guarded by mutex_.
};

}  // namespace weir
