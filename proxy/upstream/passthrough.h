// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "proxy/http/exchange.h"
#include "proxy/kube/media_type.h"
#include "proxy/upstream/upstream.h"

namespace weir {

struct PassthroughRequest {
  RequestHead head;
  bool as_self = false;  // The caller showed the token Weir made: replace it by Weir's credential.
  Representation error_representation = Representation::kJson;  // Of a Status that Weir words.
  std::string verb, resource;                                   // For the metric.
};

// Forwards one exchange byte for byte: head (without hop-by-hop headers), body as it comes,
// informational answers, trailers, tunnels after 101. Holds at most the two stream windows.
// Unreachable API server: 503 Status with Retry-After, before any answer byte was sent; after
// that, Reset(), so that nobody takes a cut answer for a whole one.
// REQUIRES: `writer` and `upstream` outlive the handler.
RequestHandlerPtr NewPassthrough(Upstream& upstream, PassthroughRequest request,
                                 ResponseWriter& writer);

}  // namespace weir
