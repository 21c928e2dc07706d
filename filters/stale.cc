// SPDX-License-Identifier: Apache-2.0

// Drops events that repeat what is known, as come after a watch was resumed on a server that
// replays. Versions are compared only within one object, never across objects.

#include <memory>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/filter/event_filter.h"

namespace weir {
namespace {

class Stale final : public EventFilter {
 public:
  bool IsStale(const WatchEvent& event, const IngestContext& context) override {
    return RepeatsWhatIsKnown(event, context);
  }
};

}  // namespace

absl::StatusOr<EventFilterPtr> NewStale(const FilterParams& params) {
  if (!params.empty()) {
    return InvalidArgumentError(
        StrCat("filter \"stale\" takes no parameters, but has ", Quoted(params.begin()->first)));
  }
  return std::make_unique<Stale>();
}

}  // namespace weir
