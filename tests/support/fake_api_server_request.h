// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "proxy/http/exchange.h"
#include "tests/support/fake_api_server_state.h"

namespace weir {

// Answers one request as the API server does: who are you, may you, what do you want.
// `cut` breaks the connection that the request came on.
// REQUIRES: `state` and `writer` outlive the handler.
RequestHandlerPtr NewFakeApiRequest(FakeApiState& state, RequestHead head, ResponseWriter& writer,
                                    std::function<void()> cut);

}  // namespace weir
