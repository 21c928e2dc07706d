// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "proxy/server/config.h"

namespace weir {

// Exit codes of the command.
inline constexpr int kExitOk = 0;       // Drained, or nothing wrong.
inline constexpr int kExitFailure = 1;  // At run time.
inline constexpr int kExitUsage = 2;    // Bad usage or configuration.

// `weir check FILE`: prints every mistake of a configuration file to stderr, or "FILE: ok".
int CheckConfig(const std::string& path, const ValidateFilter& validate);

}  // namespace weir
