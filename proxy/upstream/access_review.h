// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/cache/cache_key.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/upstream/upstream.h"

namespace weir {

// Asks the API server whether Weir's own credential may `verb` what `key` names
// (SelfSubjectAccessReview, authorization.k8s.io/v1). Private to upstream/.
RequestHandle StartAccessReview(Upstream& upstream, const CacheKey& key, ReadVerb verb,
                                ListerWatcher::AccessCallback done);

}  // namespace weir
