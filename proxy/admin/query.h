// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

// Hands each parameter of what follows '?' in a target to `take`, unescaped. Error: one that is
// there twice, a bad escape, or the first that `take` refuses.
absl::Status ReadQuery(
    std::string_view text,
    const std::function<absl::Status(std::string_view name, const std::string& value)>& take);

}  // namespace weir
