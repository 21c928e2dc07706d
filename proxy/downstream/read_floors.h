// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "proxy/base/clock.h"
#include "proxy/base/strings.h"
#include "proxy/cache/snapshot_map.h"
#include "proxy/kube/resource.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// What clients have been told of each resource, by answers to writes and reads that were forwarded
// and by answers from the caches: no later answer from a cache may be older. Kept by namespace, ""
// for what was told of all of them or of a cluster's own; the versions of a group are one. Shared
// by the workers; any thread. Asked once per answer, not on the path of an event.
class ReadFloors {
 public:
  // An object of this version, or a list, was shown.
  void Raise(const GroupVersionResource& resource, std::string_view namespace_name,
             ResourceVersion version);
  // The object of this key and uid, or ("") whatever has this key, was said to be gone: an answer
  // that has no version.
  void Gone(const GroupVersionResource& resource, ObjectKeyView key, std::string uid,
            MonotonicTime now);
  // One of this key was shown: what was said of whatever has it is over.
  void Shown(const GroupVersionResource& resource, ObjectKeyView key);
  // Something was told by now whose version is not known.
  void Unclear(const GroupVersionResource& resource, std::string_view namespace_name,
               MonotonicTime now);

  struct Told {
    ResourceVersion version;               // At least of this version must be what is shown...
    std::optional<MonotonicTime> unclear;  // ...and proved current not before then.
  };
  // What was told of a namespace, or of all ("").
  Told Get(const GroupVersionResource& resource, std::string_view namespace_name) const;
  // When it was last said by `by` of one of `objects` that it is gone.
  std::optional<MonotonicTime> SaidGone(const GroupVersionResource& resource,
                                        const SnapshotMap& objects, MonotonicTime by) const;

 private:
  using Key = std::pair<std::string, std::string>;  // Group and resource.
  struct GoneObject {
    std::string namespace_name, name, uid;
    MonotonicTime since;
  };
  struct Resource {
    Told any;  // The highest of all.
    Told all;  // Of all namespaces together.
    StringMap<Told> by_namespace;
    std::vector<GoneObject> gone;  // Oldest first.
  };
  static Key KeyOf(const GroupVersionResource& resource) {
    return {resource.group, resource.resource};
  }
  static void Raise(Told& told, const Told& by);
  // What was said of whatever has the key, not of one uid.
  static void ForgetWhatever(std::vector<GoneObject>& gone, ObjectKeyView key);
  void Note(const GroupVersionResource& resource, std::string_view namespace_name,
            const Told& told);

  mutable std::mutex mutex_;
  absl::flat_hash_map<Key, Resource> resources_;  // Guarded by mutex_.
};

}  // namespace weir
