// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"

#include "proxy/base/strings.h"
#include "proxy/kube/watch_event.h"

namespace weir {

// What is known when an event arrives.
struct IngestContext {
  ResourceVersion published;      // Everything up to here has been published.
  const Object* known = nullptr;  // The cached version of the same key, if any.
};

// Whether an added, modified or deleted event is not news: an older one of its object, or the
// deletion of one that is not there. Never true for what is newer than all that was published.
bool RepeatsWhatIsKnown(const WatchEvent& event, const IngestContext& context);

// Sees every event of the resources it is configured for, once, on its way from the API server
// into the cache (ingest). Runs on the thread that owns the cache; must not block. Override what
// you need. A filter has no way to drop an add or a delete that is news: the chain itself checks
// what IsStale() claims.
class EventFilter {
 public:
  virtual ~EventFilter() = default;

  // Whether the event repeats what is known already. Believed only if RepeatsWhatIsKnown().
  virtual bool IsStale(const WatchEvent& /*event*/, const IngestContext& /*context*/) {
    return false;
  }
  // The object to store and send in place of one that was added, modified, deleted or listed.
  // Must keep its key, uid and version, and give the same bytes for the same bytes.
  virtual absl::StatusOr<ObjectPtr> Rewrite(ObjectPtr object) { return object; }
};
using EventFilterPtr = std::unique_ptr<EventFilter>;

// The "config" object of a filter in the configuration file.
using FilterParams = StringMap<std::string>;
using EventFilterFactory = absl::StatusOr<EventFilterPtr> (*)(const FilterParams& params);

}  // namespace weir
