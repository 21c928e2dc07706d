// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/cache/cache_replica.h"
#include "proxy/cache/event_view.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// Watches note nowhere what they tell, which would be on the path of every event. Instead, whoever
// is to be answered from one cache looks at the windows of the others: what they have published
// can have been told. This is the version of the last change in the window of `cache` that a view
// shows (nullptr: any change may be in it), if that is beyond `known`; else not set. REQUIRES: the
// cache is or was synced.
ResourceVersion NewestToldByWatches(const CacheReplica& cache, const EventView* view,
                                    ResourceVersion known);

}  // namespace weir
