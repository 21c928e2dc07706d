// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "proxy/cache/cache_replica.h"
#include "proxy/cache/event_view.h"
#include "proxy/cache/view_class.h"

namespace weir {

// One reader's place in a cache: what it is to be sent next. Pulled only when the reader can take
// more, so a slow reader costs its place: the root it last saw and, once the window has passed it
// by, one event per changed object (coalescing under backpressure) instead of one per change.
//
// Order of what it yields: the initial objects in key order (if asked for), then
// InitialEventsEnd, then events in version order. A difference sends first the deletions whose
// own version is no longer known, with the version the reader has already seen (one that resumes
// there loses nothing), then updates and deletions by version, then a bookmark. A relist
// begins so, too: with who left the view in it, whenever that was. A bookmark follows its events: a
// reader that came back with the version of one of those could not be told the rest, since nobody
// knows whether it has seen the others.
class WatchCursor {
 public:
  struct Item {
    enum class Kind {
      kEvent,
      kBookmark,
      kInitialEventsEnd,
      // What the reader has not seen can no longer be told: end cleanly, so that it comes back and
      // is answered by the API server. Only after a start beyond what the cache had. Next() says it
      // again and again.
      kExpired,
      // An object is to be shown as the API server would write it, and that is not known (see
      // EventView::Show): end. Next() says it again and again.
      kNotShowable,
    };
    Kind kind = Kind::kEvent;
    WatchEventType type = WatchEventType::kAdded;
    ObjectPtr object = nullptr;
    ResourceVersion version = {};
    MonotonicTime published = {};  // Of the Revision it comes from (initial: that of the snapshot).
  };

  // Begins with every object of the newest Revision (watch from "0", stream-list).
  // REQUIRES (both): replica outlives this and has been synced.
  static WatchCursor WithInitialEvents(const CacheReplica& replica, EventView view);
  // Begins after `position`; events up to `skip_through` are not sent.
  static WatchCursor After(const CacheReplica& replica, EventView view, WatchPosition position,
                           ResourceVersion skip_through);

  // The next thing to send; nullopt when the reader has everything there is.
  std::optional<Item> Next();
  // Everything up to here has been yielded: what a bookmark may say when Next() has said nullopt.
  ResourceVersion complete_through() const;
  // For /streams. However many there are, those that the window has lost among them; what a
  // difference is still to tell counts once.
  uint64_t events_behind() const;
  // That were not yielded one by one but folded into differences, so far; those that the view
  // leaves out among them.
  uint64_t events_folded() const { return folded_; }
  std::optional<MonotonicTime> oldest_pending() const;  // When the oldest not yet yielded came.
  uint64_t differences_sent() const { return differences_; }  // Times it was passed by.
  // All events of the Revisions up to this one have been yielded, or were seen before it began; but
  // what is still to come of the initial objects, or of a difference, leads to them.
  uint64_t seen_sequence() const {
    const Revision& revision = *position_.revision;
    return position_.index == revision.events.size() ? revision.sequence : revision.sequence - 1;
  }
  bool in_difference() const { return difference_bookmark_due_; }
  const CacheReplica& replica() const { return *replica_; }
  const EventView& view() const;

  // The window no longer has what comes after the Revision it is in: unless it is beyond that, its
  // next event but those of this Revision is of a difference.
  bool passed_by() const;
  // What has been replaced and deleted since that Revision; 0 unless passed by.
  uint64_t retired_since() const;
  // At most so many bytes of objects live for this cursor, which neither the newest Revision nor
  // the window holds.
  struct Pinned {
    uint64_t by_place = 0;       // Replaced since its Revision, but no more than that has.
    uint64_t by_difference = 0;  // Deleted, and a difference has yet to tell of them.
    uint64_t bytes() const { return by_place + by_difference; }
  };
  Pinned pinned() const;

 private:
  WatchCursor(const CacheReplica& replica, EventView view, WatchPosition position,
              ResourceVersion seen, ResourceVersion skip_through);

  std::optional<Item> NextInitial();
  std::optional<Item> NextDifference();
  // The next event of the Revision the reader is in, if it has one left for this reader.
  std::optional<Item> NextOfRevision();
  // That event as the reader is sent it; nullopt: it sees nothing of it.
  std::optional<EventView::Event> Seen(size_t index) const;
  // Of a relist: who has left the view in it, before all others and with the version from before
  // it.
  std::optional<Item> NextLeaving();
  bool LeftInRelist(const CacheEvent& event, const EventView::Event& seen) const;
  // The bookmark behind the events of a relist, unless the last that was told says as much.
  std::optional<Item> EndOfRelist();
  // Goes to the next Revision; false if there is none.
  bool NextRevision();
  bool Skips(const CacheEvent& event) const;
  void BeginDifference();
  Item End(Item::Kind kind);

  const CacheReplica* replica_;
  ViewClassPtr view_class_;  // Null: everything.
  WatchPosition position_;
  ResourceVersion seen_;  // Everything up to here has been yielded, of what the cache had.
  ResourceVersion skip_through_;
  size_t leaving_ = 0;               // Of a relist: events so far looked at for who leaves.
  ResourceVersion relist_told_;      // Of the last event of a relist, until that has ended.
  std::optional<Item::Kind> ended_;  // kExpired or kNotShowable.

  bool initial_ = false;
  ObjectPtr initial_last_;  // The last object looked at of the initial ones.

  // A difference that is being sent leads to position_.
  std::deque<EventView::Event> difference_;
  uint64_t difference_deleted_bytes_ = 0;
  bool difference_bookmark_due_ = false;
  uint64_t differences_ = 0, folded_ = 0;
};

}  // namespace weir
