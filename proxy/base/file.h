// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// The whole of a file that people wrote: small, read at start, blocking. The error names path and
// cause, and a file of more than `max_bytes` is one.
absl::StatusOr<std::string> ReadSmallFile(const std::string& path, size_t max_bytes);

}  // namespace weir
