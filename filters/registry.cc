// SPDX-License-Identifier: Apache-2.0
#include "filters/registry.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {

absl::StatusOr<EventFilterPtr> NewStale(const FilterParams& params);

namespace {

struct Entry {
  std::string_view name;
  EventFilterFactory create;
};

constexpr Entry kFilters[] = {
    {"stale", NewStale},
};

}  // namespace

absl::StatusOr<EventFilterPtr> CreateFilter(std::string_view name, const FilterParams& params) {
  for (const Entry& entry : kFilters) {
    if (entry.name == name) return entry.create(params);
  }
  return NotFoundError(
      StrCat("there is no filter ", Quoted(name), "; there are: ", Join(FilterNames(), ", ")));
}

std::vector<std::string> FilterNames() {
  std::vector<std::string> names;
  for (const Entry& entry : kFilters) names.emplace_back(entry.name);
  return names;
}

}  // namespace weir
