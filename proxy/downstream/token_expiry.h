// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/time/time.h"

namespace weir {

// The `exp` claim of a bearer token that is a JWT; absl::InfiniteFuture() when there is none. The
// claim is not verified: it may only make Weir forget a proof sooner.
absl::Time TokenExpiry(std::string_view token);

// The token that the API server takes from an Authorization header, or "" if it takes none.
std::string_view BearerToken(std::string_view authorization);

}  // namespace weir
