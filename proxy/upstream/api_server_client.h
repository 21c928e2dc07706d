// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/cache/cache_key.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/kube/user_info.h"
#include "proxy/upstream/upstream.h"

namespace weir {

// The ListerWatcher of production: GETs with Weir's own credential. Asks for no compression.
// REQUIRES: `upstream` outlives the source.
ListerWatcherPtr NewApiServerSource(Upstream& upstream, const CacheKey& key);

// Who a credential is, as the API server says (SelfSubjectReview, authentication.k8s.io/v1).
using Identity = UserInfo;
// `authorization`: the header's value to review; "" for Weir's own credential.
// IsUnauthenticated(): the API server does not know it.
using ReviewCallback = std::function<void(absl::StatusOr<Identity>)>;
[[nodiscard]] RequestHandle ReviewIdentity(Upstream& upstream, const std::string& authorization,
                                           ReviewCallback done);

}  // namespace weir
