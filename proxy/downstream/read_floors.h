// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "proxy/base/clock.h"
#include "proxy/cache/snapshot_map.h"
#include "proxy/kube/resource.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// What clients have been told of each resource, by answers to writes and reads that were forwarded
// and by answers from the caches: no later answer from a cache may be older. Shared by the workers;
// any thread. Asked once per answer, not on the path of an event.
class ReadFloors {
 public:
  // An object of this version, or a list, was shown.
  void Raise(const GroupVersionResource& resource, ResourceVersion version);
  // The object of this key and uid was said to be gone: an answer that has no version.
  void Gone(const GroupVersionResource& resource, ObjectKeyView key, std::string uid,
            MonotonicTime now);
  // Something was told by now whose version is not known.
  void Unclear(const GroupVersionResource& resource, MonotonicTime now);

  struct Floor {
    ResourceVersion version;  // The state shown must be of this version at least...
    std::optional<MonotonicTime> proved_from;  // ...and proved current not before then...
    bool shows_gone = false;  // ...and not hold an object that is gone, as `objects` does.
  };
  Floor Check(const GroupVersionResource& resource, const SnapshotMap& objects, MonotonicTime now);

 private:
  struct GoneObject {
    std::string namespace_name, name, uid;
    MonotonicTime since;
  };
  struct Resource {
    ResourceVersion version;
    std::optional<MonotonicTime> unclear;  // Since when at most.
    std::vector<GoneObject> gone;          // Oldest first.
  };
  static void Forget(Resource& resource, MonotonicTime now);

  std::mutex mutex_;
  absl::flat_hash_map<GroupVersionResource, Resource> resources_;  // Guarded by mutex_.
};

}  // namespace weir
