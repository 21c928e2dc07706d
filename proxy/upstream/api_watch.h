// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "absl/time/time.h"

#include "proxy/cache/cache_key.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/upstream/upstream.h"

namespace weir {

// A watch of the API server, told to `handler`; `timeout` is how long the server is asked to keep
// it open. Private to upstream/. REQUIRES: `handler` and `upstream` outlive the handle.
RequestHandle StartApiWatch(Upstream& upstream, const CacheKey& key, const WatchRequest& request,
                            absl::Duration timeout, WatchHandler& handler);

}  // namespace weir
