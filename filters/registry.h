// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/filter/event_filter.h"

namespace weir {

// Makes a filter by its name in the configuration. Error: no such filter (names those there are),
// or parameters it does not take.
absl::StatusOr<EventFilterPtr> CreateFilter(std::string_view name, const FilterParams& params);
std::vector<std::string> FilterNames();

}  // namespace weir
