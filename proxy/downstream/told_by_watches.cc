// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/told_by_watches.h"

#include <algorithm>

namespace weir {
namespace {

bool Shows(const EventView* view, const CacheEvent& event) {
  if (view == nullptr || view->Includes(*event.object)) return true;
  return event.previous != nullptr && view->Includes(*event.previous);
}

// When a deletion that a relist found out about happened is not known: by the relist's version.
ResourceVersion VersionOf(const CacheEvent& event, const Revision& revision) {
  return event.inferred ? revision.version : event.version;
}

}  // namespace

ResourceVersion NewestToldByWatches(const CacheReplica& cache, const EventView* view,
                                    ResourceVersion known) {
  const WatchWindow& window = cache.window();
  ResourceVersion newest;
  bool complete = false;
  window.ForEachBackwards([&](const Revision& revision) {
    complete = revision.version <= known;
    if (complete) return false;
    for (const CacheEvent& event : revision.events) {
      const ResourceVersion version = VersionOf(event, revision);
      if (version > known && Shows(view, event)) newest = std::max(newest, version);
    }
    return !newest.is_set();
  });
  // What has left the window was told as well. The first state is not what watches tell of: its
  // readers note it.
  const bool left = window.begin_sequence() > 1 && window.begin() > known;
  if (!newest.is_set() && !complete && left) return window.begin();
  return newest;
}

}  // namespace weir
