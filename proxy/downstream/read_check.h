// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/cache/cache_replica.h"
#include "proxy/downstream/decision.h"
#include "proxy/downstream/read_floors.h"

namespace weir {

// Whether one request may be answered from a cache at this moment, and if not, what is missing.
struct ReadVerdict {
  enum class Kind { kServe, kForward, kWait };
  // What to ask the cache for while waiting.
  enum class Want { kNothing, kEnvelope, kCurrent, kAccess };
  Kind kind = Kind::kServe;
  ForwardReason reason = ForwardReason::kNone;  // kWait: what to forward for if nothing changes.
  Want want = Want::kNothing;
  ResourceVersion version;  // kCurrent: at least; not set: the most recent.
  // An event that is under way will most likely do: ask for nothing yet.
  bool soon = false;

  friend bool operator==(const ReadVerdict&, const ReadVerdict&) = default;
};

struct ReadCheckOptions {
  // How old the API server's word may be that Weir's credential may read this.
  absl::Duration access_max_age = absl::Seconds(30);
  // The same while it does not answer that question although the cache's watch seems to be up:
  // until a missed PING shows that it hangs (45 s), and the API server is known to be out of reach.
  absl::Duration access_max_age_silent = absl::Seconds(90);
  // The same while it does not answer and the cache's watch is down, too.
  absl::Duration access_max_age_cut_off = absl::Minutes(10);
};

// The right that such an answer needs.
ReadVerb VerbOf(Decision::Kind kind);

// When a request came, what had been told by then, and now.
struct ReadMoment {
  const ReadFloors& floors;
  ReadFloors::Told told;  // Of the resource and namespace that are asked for.
  MonotonicTime arrived, now;
  // The API server was asked what Weir may read, and has been silent for as long as a request
  // waits.
  bool unanswered = false;
  uint64_t published = 0;  // Watches from this cache, on any worker, had told of no later Revision.
};

// Pure. REQUIRES: the replica is synced; decision.kind is not kForward. Does not look for the
// object of a kGet, nor for a place of a watch in the window.
ReadVerdict CheckRead(const Decision& decision, const CacheReplica& replica,
                      const ReadMoment& moment, const ReadCheckOptions& options);

}  // namespace weir
