// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

// How people write durations and sizes in configuration, and how Weir writes them back.

namespace weir {

// "10s", "1m30s", "500ms", "1.5h": as Go's time.ParseDuration, but never negative. A unit is
// needed.
std::optional<absl::Duration> ParseDurationText(std::string_view text);
std::string DurationText(absl::Duration duration);

// "16Mi", "1Gi", "500k", "4096": a Kubernetes quantity of bytes, whole numbers only.
std::optional<uint64_t> ParseByteSize(std::string_view text);
std::string ByteSizeText(uint64_t bytes);

}  // namespace weir
