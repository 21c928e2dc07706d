// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/watch_cursor.h"

#include <algorithm>
#include <utility>

#include "proxy/cache/watch_difference.h"

namespace weir {

WatchCursor::WatchCursor(const CacheReplica& replica, EventView view, WatchPosition position,
                         ResourceVersion seen, ResourceVersion skip_through)
    : replica_(&replica),
      view_class_(replica.view_classes().Get(std::move(view))),
      position_(std::move(position)),
      seen_(seen),
      skip_through_(skip_through) {}

WatchCursor WatchCursor::WithInitialEvents(const CacheReplica& replica, EventView view) {
  const RevisionPtr& newest = replica.newest();
  WatchCursor cursor(replica, std::move(view), {newest, newest->events.size()}, ResourceVersion(),
                     ResourceVersion());
  cursor.initial_ = true;
  return cursor;
}

WatchCursor WatchCursor::After(const CacheReplica& replica, EventView view, WatchPosition position,
                               ResourceVersion skip_through) {
  const Revision& revision = *position.revision;
  const bool whole = position.index == revision.events.size();
  const ResourceVersion seen = whole ? revision.heard : revision.after;
  return WatchCursor(replica, std::move(view), std::move(position), seen, skip_through);
}

const EventView& WatchCursor::view() const {
  static const auto* const everything = new EventView();
  return view_class_ == nullptr ? *everything : view_class_->view();
}

// A difference is from the objects of position_.revision, which are those after all its events:
// it may begin only when none of them is left.
std::optional<WatchCursor::Item> WatchCursor::Next() {
  if (ended_.has_value()) return End(*ended_);
  if (initial_) return NextInitial();
  if (difference_bookmark_due_) return NextDifference();
  while (true) {
    if (std::optional<Item> item = NextOfRevision()) return item;
    if (std::optional<Item> item = EndOfRelist()) return item;
    if (!NextRevision()) return std::nullopt;
    if (ended_.has_value()) return End(*ended_);
    if (difference_bookmark_due_) return NextDifference();
  }
}

WatchCursor::Item WatchCursor::End(Item::Kind kind) {
  if (kind == Item::Kind::kNotShowable) replica_->view_classes().FoundNotShowable();
  ended_ = kind;
  return Item{.kind = kind};
}

std::optional<WatchCursor::Item> WatchCursor::NextInitial() {
  const Revision& revision = *position_.revision;
  Item item{.kind = Item::Kind::kInitialEventsEnd,
            .version = revision.version,
            .published = revision.published};
  const ObjectKeyView from = initial_last_ == nullptr ? ObjectKeyView{} : initial_last_->key();
  ObjectPtr next;
  revision.objects.Scan(from, initial_last_ != nullptr, [&](const ObjectPtr& object) {
    if (!view().Includes(*object)) return true;
    next = object;
    return false;
  });
  initial_last_ = next;
  if (next == nullptr) {
    initial_ = false;
    seen_ = revision.version;
    return item;
  }
  item.kind = Item::Kind::kEvent;
  item.version = next->version();
  item.object = view().Show(next);
  if (item.object == nullptr) return End(Item::Kind::kNotShowable);
  return item;
}

std::optional<WatchCursor::Item> WatchCursor::NextDifference() {
  Item item{.kind = Item::Kind::kBookmark,
            .version = position_.revision->version,
            .published = position_.revision->published};
  if (difference_.empty()) {
    difference_bookmark_due_ = false;
    seen_ = item.version;
    return item;
  }
  const EventView::Event& event = difference_.front();
  item.kind = Item::Kind::kEvent;
  item.type = event.type;
  item.version = event.version;
  item.object = view().Show(event);
  if (event.type == WatchEventType::kDeleted) {
    difference_deleted_bytes_ -= event.object->footprint();
  }
  difference_.pop_front();
  if (item.object == nullptr) return End(Item::Kind::kNotShowable);
  return item;
}

bool WatchCursor::Skips(const CacheEvent& event) const {
  if (position_.revision->relisted) return false;  // As a whole or not at all: NextRevision().
  // A reader that was told of a proved state needs nothing of how it came about.
  const ResourceVersion seen = complete_through();
  if (!event.inferred) return event.version <= seen;
  // What follows is the object that took its place: the reader has seen both or neither.
  return position_.revision->events[position_.index].version <= seen;
}

std::optional<EventView::Event> WatchCursor::Seen(size_t index) const {
  const Revision& revision = *position_.revision;
  return view_class_ == nullptr ? view().Select(revision.events[index])
                                : view_class_->Translate(revision, index);
}

bool WatchCursor::LeftInRelist(const CacheEvent& event, const EventView::Event& seen) const {
  return position_.revision->relisted && event.type != WatchEventType::kDeleted &&
         seen.type == WatchEventType::kDeleted;
}

// When it left is not known. Told at the version of its last change, it would be lost to who breaks
// off before: from a version within a relist the API server tells of nobody who had left by then.
std::optional<WatchCursor::Item> WatchCursor::NextLeaving() {
  const Revision& revision = *position_.revision;
  if (!revision.relisted || view_class_ == nullptr || position_.index > 0) return std::nullopt;
  while (leaving_ < revision.events.size()) {
    const size_t index = leaving_++;
    std::optional<EventView::Event> seen = Seen(index);
    if (!seen.has_value() || !LeftInRelist(revision.events[index], *seen)) continue;
    seen = view().Select(revision.events[index]);
    seen->version = revision.after;
    ObjectPtr shown = view().Show(*seen);
    if (shown == nullptr) return End(Item::Kind::kNotShowable);
    relist_told_ = seen->version;
    return Item{.kind = Item::Kind::kEvent,
                .type = seen->type,
                .object = std::move(shown),
                .version = seen->version,
                .published = revision.published};
  }
  return std::nullopt;
}

std::optional<WatchCursor::Item> WatchCursor::NextOfRevision() {
  if (std::optional<Item> leaving = NextLeaving()) return leaving;
  const Revision& revision = *position_.revision;
  while (position_.index < revision.events.size()) {
    const size_t index = position_.index++;
    const CacheEvent& event = revision.events[index];
    if (Skips(event)) continue;
    std::optional<EventView::Event> seen = Seen(index);
    if (seen.has_value() && seen->object == nullptr) return End(Item::Kind::kNotShowable);
    seen_ = std::max(seen_, event.version);
    if (!seen.has_value() || LeftInRelist(event, *seen)) continue;
    if (revision.relisted) relist_told_ = seen->version;
    return Item{.kind = Item::Kind::kEvent,
                .type = seen->type,
                .object = std::move(seen->object),
                .version = seen->version,
                .published = revision.published};
  }
  return std::nullopt;
}

std::optional<WatchCursor::Item> WatchCursor::EndOfRelist() {
  const ResourceVersion told = std::exchange(relist_told_, {});
  if (!told.is_set()) return std::nullopt;
  const Revision& revision = *position_.revision;
  seen_ = std::max(seen_, revision.heard);
  if (complete_through() <= told) return std::nullopt;
  return Item{.kind = Item::Kind::kBookmark,
              .version = complete_through(),
              .published = revision.published};
}

// What came and went between two versions that a relist or a difference joins is not known: it is
// complete for a reader that was at the first, needless for one that was beyond the second, and
// wrong for one between them. The two are one where a list has found at the state's own version
// what a watch had lost.
bool WatchCursor::NextRevision() {
  const ResourceVersion here = position_.revision->version;
  seen_ = std::max(seen_, position_.revision->heard);
  const RevisionPtr& newest = replica_->newest();
  if (position_.revision->sequence == newest->sequence) return false;
  RevisionPtr next = replica_->After(position_.revision->sequence);
  const bool passed_by = next == nullptr;
  if (passed_by) next = newest;
  const bool gap = passed_by || next->relisted;
  if (gap && skip_through_ > here && skip_through_ < next->version) {
    ended_ = Item::Kind::kExpired;
  } else if (gap && skip_through_ > here && skip_through_ >= next->version) {
    position_ = {next, next->events.size()};
  } else if (passed_by) {
    BeginDifference();
  } else {
    position_ = {std::move(next), 0};
    leaving_ = 0;
  }
  return true;
}

void WatchCursor::BeginDifference() {
  difference_ = WatchDifference(view(), *position_.revision, replica_->window());
  for (const EventView::Event& event : difference_) {
    if (event.type == WatchEventType::kDeleted) {
      difference_deleted_bytes_ += event.object->footprint();
    }
  }
  difference_bookmark_due_ = true;
  ++differences_;
  const uint64_t missed = replica_->EventsAfter(position_);
  folded_ += missed - std::min<uint64_t>(missed, difference_.size());
  const RevisionPtr& newest = replica_->newest();
  position_ = {newest, newest->events.size()};
}

ResourceVersion WatchCursor::complete_through() const { return std::max(seen_, skip_through_); }

bool WatchCursor::passed_by() const {
  return position_.revision->sequence < replica_->window().begin_sequence();
}

uint64_t WatchCursor::retired_since() const {
  return replica_->window().RetiredSince(*position_.revision);
}

WatchCursor::Pinned WatchCursor::pinned() const {
  return {.by_place = std::min(retired_since(), position_.revision->object_bytes),
          .by_difference = difference_deleted_bytes_};
}

uint64_t WatchCursor::events_behind() const {
  return difference_.size() + replica_->EventsAfter(position_);
}

std::optional<MonotonicTime> WatchCursor::oldest_pending() const {
  const Revision& revision = *position_.revision;
  if (initial_ || difference_bookmark_due_ || position_.index < revision.events.size()) {
    return revision.published;
  }
  if (revision.sequence == replica_->newest()->sequence) return std::nullopt;
  const RevisionPtr next = replica_->After(revision.sequence);
  if (next != nullptr) return next->published;
  // Passed by: at least as old as what the window begins with.
  return replica_->After(replica_->window().begin_sequence())->published;
}

}  // namespace weir
