// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/cache/cache_replica.h"
#include "proxy/cache/event_view.h"
#include "proxy/cache/snapshot_map.h"
#include "proxy/downstream/decision.h"

namespace weir {

// What a request selects of what a cache holds; nullopt: only the API server can tell. REQUIRES:
// the cache was given for decision.key, or holds the same resource and is synced.
std::optional<EventView> RequestView(const Decision& decision, const CacheReplica& replica);

// How many of `objects` it shows; stops counting once that is more than `up_to`.
uint64_t CountUpTo(uint64_t up_to, const SnapshotMap& objects, const EventView& view);

}  // namespace weir
