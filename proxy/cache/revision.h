// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/cache/snapshot_map.h"
#include "proxy/kube/watch_event.h"

namespace weir {

// One change as published: what the object was and what it is.
struct CacheEvent {
  WatchEventType type = WatchEventType::kAdded;  // kAdded, kModified or kDeleted.
  ObjectPtr object;    // After; for kDeleted the last state, with the version of the deletion.
  ObjectPtr previous;  // Before; nullptr for kAdded.
  ResourceVersion version;
  // A deletion that Weir found out about (by a relist, or by a uid that changed in place): when it
  // happened is not known, so it comes first, with the version published before. A reader that
  // resumes at that version is sent it again; it is never left out for its version alone.
  bool inferred = false;
};

// One published state of one resource: the objects at a version and the events that led there
// from the Revision before. Immutable once published; any thread. Links to its neighbours are the
// window's (by sequence), so that holding an old Revision holds nothing newer.
struct Revision {
  uint64_t sequence = 0;    // Counts up by one.
  ResourceVersion after;    // The version of the Revision before.
  ResourceVersion version;  // The state's: at least that of the last event; bookmarks move it too.
  // The watch has come to here: `version`, or less where a proof was faster. What it brings up to
  // `version` after all came and went; it is in the events of a later Revision, for readers that
  // have not been told of the state at `version`.
  ResourceVersion heard;
  // Of the last change that is known to have led here, however long ago: bookmarks do not move it.
  // Another cache of the resource that has reached it is not behind this one.
  ResourceVersion content;
  SnapshotMap objects;             // After all of `events`.
  std::vector<CacheEvent> events;  // In version order; may be empty (a bookmark).
  // Made of the difference of a relist: inferred deletions first, with the version `after`, then
  // updates by their own versions; or of a proof that nothing differs. What came and went between
  // `after` and `version` is not among them, so it serves readers that have seen `after`, and no
  // version between the two. After a proof it may follow (see `heard`).
  bool relisted = false;
  // When its bytes can have come to Weir, at the earliest: see Dispatcher::ReadySince().
  MonotonicTime arrived;
  MonotonicTime published;    // When.
  uint64_t events_total = 0;  // Of all Revisions up to and with this one, however long gone.
  size_t event_bytes = 0;     // What keeping the events costs beyond `objects`.
  uint64_t object_bytes = 0;  // Of `objects`.
  // Of all objects replaced or deleted so far, since the first Revision. What came to it between
  // two Revisions is the most that holding the first one holds beyond the second, nodes left out.
  uint64_t retired_bytes = 0;
};
using RevisionPtr = std::shared_ptr<const Revision>;

}  // namespace weir
