// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/read_floors.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

// A watch that is up brings a deletion within moments, and one that is dead is found out within a
// minute. What is older, or more, counts as unclear: the caches must be proved current since.
constexpr absl::Duration kRememberGone = absl::Minutes(2);
constexpr size_t kMaxGone = 1000;

}  // namespace

void ReadFloors::Raise(const GroupVersionResource& resource, ResourceVersion version) {
  const std::lock_guard lock(mutex_);
  Resource& known = resources_[resource];
  known.version = std::max(known.version, version);
}

void ReadFloors::Unclear(const GroupVersionResource& resource, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  Resource& known = resources_[resource];
  known.unclear = known.unclear ? std::max(*known.unclear, now) : now;
}

void ReadFloors::Gone(const GroupVersionResource& resource, ObjectKeyView key, std::string uid,
                      MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  Resource& known = resources_[resource];
  known.gone.push_back(
      {std::string(key.namespace_name), std::string(key.name), std::move(uid), now});
  Forget(known, now);
}

void ReadFloors::Forget(Resource& resource, MonotonicTime now) {
  auto kept = resource.gone.begin();
  if (resource.gone.size() > kMaxGone) kept = resource.gone.end() - kMaxGone;
  while (kept != resource.gone.end() && now - kept->since > kRememberGone) ++kept;
  if (kept == resource.gone.begin()) return;
  const MonotonicTime last = std::prev(kept)->since;
  resource.unclear = resource.unclear ? std::max(*resource.unclear, last) : last;
  resource.gone.erase(resource.gone.begin(), kept);
}

ReadFloors::Floor ReadFloors::Check(const GroupVersionResource& resource,
                                    const SnapshotMap& objects, MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  const auto it = resources_.find(resource);
  if (it == resources_.end()) return {};
  Resource& known = it->second;
  Forget(known, now);
  const bool shows_gone =
      std::any_of(known.gone.begin(), known.gone.end(), [&objects](const GoneObject& gone) {
        const ObjectPtr* const found = objects.Find({gone.namespace_name, gone.name});
        return found != nullptr && (*found)->uid() == gone.uid;
      });
  return {.version = known.version, .proved_from = known.unclear, .shows_gone = shows_gone};
}

}  // namespace weir
