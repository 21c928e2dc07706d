// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "proxy/cache/lister_watcher.h"
#include "proxy/http/message.h"

namespace weir {

// The head of an answer from the cache: what the API server's own has, `warnings` among it, but for
// the headers of its flow control (X-Kubernetes-Pf-*), which name what has not been asked.
ResponseHead CachedHead(const HeaderList& request, std::string_view content_type,
                        const Warnings& warnings);

}  // namespace weir
