// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

#include "proxy/cache/revision.h"
#include "proxy/filter/filter_chain.h"

namespace weir {

// Makes Revisions of what a Reflector brings, and keeps them true: what it publishes never goes
// back, is in version order, and leads from each state to the next. Pure state, no I/O.
class RevisionBuilder {
 public:
  // Of objects that came and went before a proof so much is held until they have gone. What is more
  // is let go: nobody is told of them, as after a relist.
  static constexpr size_t kMaxLateBytes = 16 << 20;

  // REQUIRES: `filters` outlives it.
  explicit RevisionBuilder(FilterChain& filters) : filters_(filters) {}

  // One event of the watch, bookmarks too. Error: it is older than what was published and yet
  // news, so the source has gone back in time or lost something: list again. Events before it
  // stay good. Or it contradicts what was proved.
  absl::Status Add(WatchEvent event);
  // A whole list. The first one is the first state; a later one is compared with what there is.
  // Error, and no change: it is older than what was published. REQUIRES: all was Taken before.
  absl::Status Replace(ResourceVersion version, SnapshotMap objects);
  // What `objects` has with the uid and version of an object of the state, and other bytes, takes
  // that one's place; nothing else is looked at. Says whether there was any. REQUIRES: all was
  // Taken before.
  bool Rewrite(const SnapshotMap& objects);
  // The state is known to be the API server's at `version`, although not all that led there may
  // have been seen. REQUIRES: all was Taken before.
  void Prove(ResourceVersion version);
  // Everything since the last call, which came at `arrived`, as one Revision; nullptr if nothing
  // has moved.
  RevisionPtr Take(MonotonicTime arrived, MonotonicTime now);

  uint64_t let_go() const { return let_go_; }  // Events, so far.
  bool has_state() const { return version_.is_set(); }
  ResourceVersion version() const { return version_; }
  const SnapshotMap& objects() const { return objects_; }
  uint64_t object_bytes() const { return object_bytes_; }

 private:
  struct Changes {
    std::vector<ObjectPtr> deleted;
    std::vector<std::pair<ObjectPtr, ObjectPtr>> updated;  // Before (nullptr: none), after.
    std::vector<ObjectPtr> rewritten;  // Same uid and version, other bytes: no event.
  };
  absl::Status AddBookmark(ResourceVersion version);
  absl::Status AddLate(WatchEvent event);
  // What a late event contradicts, if anything. `known`: as it was before, if it was seen.
  absl::Status CheckLate(const WatchEvent& event, const Object* known) const;
  void HoldLate(WatchEvent event, ObjectPtr known);
  void ReleaseLate();
  void LetGoOfLate();
  void ForgetLate();
  void Hear(ResourceVersion version);
  absl::Status FindChanges(const SnapshotMap& objects, Changes& changes);
  void Publish(WatchEventType type, ObjectPtr object, ObjectPtr previous, ResourceVersion version,
               bool inferred = false);
  void PublishUpdate(ObjectPtr object, ObjectPtr previous);
  void Put(ObjectPtr object);
  void Erase(ObjectKeyView key);
  void Retire(const ObjectPtr& object);  // May be null.

  FilterChain& filters_;
  SnapshotMap objects_;
  uint64_t object_bytes_ = 0;
  uint64_t retired_bytes_ = 0;
  uint64_t events_total_ = 0;
  ResourceVersion version_, content_;
  ResourceVersion proved_;  // What happened up to here is in the state, seen or not.
  ResourceVersion heard_;   // What happened up to here has been seen.

  // What happened between the two and has been seen since: of objects that came and went, which the
  // state never held. Published once all of them have gone: nobody is to be told half of it.
  std::vector<CacheEvent> late_;
  SnapshotMap passing_;  // Those that have not gone yet.
  size_t late_bytes_ = 0;
  uint64_t let_go_ = 0;
  ResourceVersion let_go_through_;  // What comes up to here is let go, too.

  // Of the next Revision.
  uint64_t sequence_ = 0;
  ResourceVersion after_, heard_before_;
  std::vector<CacheEvent> events_;
  size_t event_bytes_ = 0;
  bool relisted_ = false;
  bool rewritten_ = false;  // Other bytes, same versions.
};

}  // namespace weir
