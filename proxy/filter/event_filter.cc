// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter/event_filter.h"

namespace weir {

bool RepeatsWhatIsKnown(const WatchEvent& event, const IngestContext& context) {
  if (event.version > context.published) return false;
  if (context.known == nullptr) return event.type == WatchEventType::kDeleted;
  return event.version <= context.known->version();
}

}  // namespace weir
