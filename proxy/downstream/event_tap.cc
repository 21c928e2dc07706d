// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/event_tap.h"

#include <algorithm>
#include <list>
#include <optional>
#include <utility>

#include "absl/container/inlined_vector.h"

#include "proxy/kube/meta_facts.h"

namespace weir {
namespace {

using Asks = SeenEvent::Asks;

// `type`: what it is to the streams, for some of which an object may come or go that is there
// before and after.
Asks AsksOf(const CacheEvent& event, WatchEventType type, const MetaFacts& now,
            const MetaFacts& before) {
  if (event.inferred || type == WatchEventType::kDeleted) return Asks::kNothing;
  if (type == WatchEventType::kAdded) return now.deleting ? Asks::kDeleting : Asks::kCreated;
  if (now.deleting && !before.deleting) return Asks::kDeleting;
  // A kind that counts no generations may mean anything by a change.
  const bool counts = now.generation.has_value();
  return !counts || now.generation != before.generation ? Asks::kChanged : Asks::kNothing;
}

SeenEvent Describe(const CacheReplica& replica, const Revision& revision, const CacheEvent& event,
                   WatchEventType type) {
  const Object& object = *event.object;
  SeenEvent seen{.resource = replica.key().resource.Name(),
                 .namespace_name = std::string(object.namespace_name()),
                 .name = std::string(object.name()),
                 .uid = std::string(object.uid()),
                 .type = type,
                 .version = event.version,
                 .arrived = revision.arrived,
                 .published = revision.published,
                 .asks = Asks::kNothing,
                 .written = {}};
  if (type == WatchEventType::kDeleted) return seen;
  const MetaFacts now = ReadMetaFacts(object);
  const MetaFacts before = event.previous == nullptr ? MetaFacts() : ReadMetaFacts(*event.previous);
  seen.asks = AsksOf(event, type, now, before);
  // What enters a selection may have been written long ago.
  const CacheKey& key = replica.key();
  const bool selected = !key.label_selector.empty() || !key.field_selector.empty();
  const bool entered = type == WatchEventType::kAdded && (event.previous != nullptr || selected);
  if (!entered && now.written != before.written) seen.written = now.written;
  return seen;
}

}  // namespace

struct EventTap::TappedStream {
  const uint32_t id;  // Counts up.
  EventView view;
  DeliveryMarks marks = {};
  bool ended = false;  // But what it was sent has not been told yet.
};

struct EventTap::Tapped {
  // Told of, and handed to no connection yet.
  struct Undelivered {
    uint64_t sequence;
    std::string uid;
    ResourceVersion version;
    absl::InlinedVector<uint32_t, 2> streams;  // That it is for.
    uint32_t last_stream;                      // Of all when it was told of.
  };
  CacheReplica& replica;
  uint64_t sequence;  // Read up to this Revision.
  std::list<TappedStream> streams;
  std::vector<Undelivered> undelivered;  // Oldest first.
  RequestHandle subscription;

  // What it is to the streams: a change to one is a change, whatever it is to others.
  std::optional<WatchEventType> TypeOf(const CacheEvent& event) const {
    if (streams.size() > kMaxViews) return event.type;
    std::optional<WatchEventType> type;
    for (const TappedStream& stream : streams) {
      const auto selected = stream.view.Select(event);
      if (!selected.has_value()) continue;
      type = selected->type;
      if (type != WatchEventType::kDeleted) return type;
    }
    return type;
  }
  // With very many, or one, it is for all of them.
  bool IsFor(const TappedStream& stream, const CacheEvent& event) const {
    return streams.size() == 1 || streams.size() > kMaxViews ||
           stream.view.Select(event).has_value();
  }
  // By those it is for; once they have all gone, by those that came after: its client has come
  // back, and began with it or before it.
  std::optional<MonotonicTime> Delivered(const Undelivered& waiting) const {
    std::optional<MonotonicTime> first, later;
    bool gone = true;
    for (const TappedStream& stream : streams) {
      const std::optional<MonotonicTime> at = stream.marks.When(waiting.sequence);
      const bool was_for = std::find(waiting.streams.begin(), waiting.streams.end(), stream.id) !=
                           waiting.streams.end();
      if (was_for) {
        gone = false;
        if (at.has_value()) first = std::min(*at, first.value_or(*at));
      } else if (stream.id > waiting.last_stream && at.has_value()) {
        later = std::min(*at, later.value_or(*at));
      }
    }
    return gone ? later : first;
  }
};

EventTap::Stream::~Stream() {
  stream_.ended = true;
  tap_.Arm();
}

DeliveryMarks& EventTap::Stream::marks() { return stream_.marks; }

EventTap::EventTap(Dispatcher& dispatcher, SeenSink sink)
    : dispatcher_(dispatcher),
      sink_(std::move(sink)),
      timer_(dispatcher_.CreateTimer([this] { TellRecorder(); })) {}

EventTap::~EventTap() = default;

EventTap::StreamHandle EventTap::Watch(CacheReplica& replica, EventView view, uint64_t seen) {
  if (!recording()) return nullptr;
  std::unique_ptr<Tapped>& tapped = tapped_[&replica];
  if (tapped == nullptr) {
    tapped.reset(new Tapped{
        .replica = replica,
        .sequence = seen,
        .streams = {},
        .undelivered = {},
        .subscription = replica.Subscribe({.on_change = [this] { Arm(); }, .reads = false})});
    if (seen < replica.newest()->sequence) Arm();
  }
  tapped->streams.push_front({.id = ++last_stream_, .view = std::move(view)});
  return std::make_unique<Stream>(*this, tapped->streams.front());
}

void EventTap::NoteWrite(SeenWrite write) {
  if (!recording()) return;
  if (batch_.writes.size() < kMaxWrites) {
    batch_.writes.push_back(std::move(write));
  } else {
    ++batch_.dropped_writes;
  }
  Arm();
}

void EventTap::Arm() {
  if (!timer_->enabled()) timer_->Enable(kDelay);
}

void EventTap::TellRecorder() {
  for (const auto& [replica, tapped] : tapped_) {
    TellDelivered(*tapped);
    Read(*tapped);
    for (TappedStream& stream : tapped->streams) stream.marks.Forget(tapped->sequence);
  }
  DropEnded();
  used_ = {};
  if (undelivered_ > 0) Arm();
  if (!batch_.empty()) sink_(std::exchange(batch_, {}));
}

void EventTap::DropEnded() {
  std::erase_if(tapped_, [this](const auto& entry) {
    Tapped& tapped = *entry.second;
    tapped.streams.remove_if([](const TappedStream& stream) { return stream.ended; });
    if (!tapped.streams.empty()) return false;
    undelivered_ -= tapped.undelivered.size();
    return true;
  });
}

void EventTap::TellDelivered(Tapped& tapped) {
  undelivered_ -= std::erase_if(tapped.undelivered, [&](const Tapped::Undelivered& waiting) {
    const std::optional<MonotonicTime> at = tapped.Delivered(waiting);
    if (!at.has_value()) return false;
    batch_.deliveries.push_back({.uid = waiting.uid, .version = waiting.version, .at = *at});
    return true;
  });
}

void EventTap::Read(Tapped& tapped) {
  const uint64_t newest = tapped.replica.newest()->sequence;
  while (tapped.sequence < newest) {
    const RevisionPtr revision = tapped.replica.After(tapped.sequence);
    if (revision == nullptr) {  // The window has lost them.
      batch_.dropped_events += newest - tapped.sequence;
      tapped.sequence = newest;
      return;
    }
    tapped.sequence = revision->sequence;
    ReadRevision(tapped, *revision);
  }
}

void EventTap::ReadRevision(Tapped& tapped, const Revision& revision) {
  for (const CacheEvent& event : revision.events) {
    if (used_.looked == kMaxLooked) {
      ++batch_.dropped_events;
      continue;
    }
    ++used_.looked;
    const std::optional<WatchEventType> type = tapped.TypeOf(event);
    if (!type.has_value()) continue;
    const bool deleted = *type == WatchEventType::kDeleted;
    if (!(deleted ? TakeDeletion() : TakeOther(event))) {
      ++batch_.dropped_events;
      continue;
    }
    SeenEvent& seen = batch_.events.emplace_back(Describe(tapped.replica, revision, event, *type));
    if (seen.asks != Asks::kNothing) NoteDelivery(tapped, revision, event, seen);
  }
}

void EventTap::NoteDelivery(Tapped& tapped, const Revision& revision, const CacheEvent& event,
                            SeenEvent& seen) {
  Tapped::Undelivered waiting{.sequence = revision.sequence,
                              .uid = seen.uid,
                              .version = seen.version,
                              .streams = {},
                              .last_stream = last_stream_};
  for (const TappedStream& stream : tapped.streams) {
    if (tapped.IsFor(stream, event)) waiting.streams.push_back(stream.id);
  }
  if (const std::optional<MonotonicTime> at = tapped.Delivered(waiting)) {
    seen.delivered = std::max(*at, revision.published);  // Marks are early by a little.
  } else if (undelivered_ < kMaxUndelivered) {
    tapped.undelivered.push_back(std::move(waiting));
    ++undelivered_;
  } else {
    seen.asks = Asks::kNothing;
    ++batch_.dropped_events;
  }
}

bool EventTap::TakeDeletion() {
  if (used_.deletions == kMaxDeletions) return false;
  ++used_.deletions;
  return true;
}

// Its metadata is somewhere in its bytes.
bool EventTap::TakeOther(const CacheEvent& event) {
  const size_t before = event.previous == nullptr ? 0 : event.previous->raw().size();
  const size_t bytes = event.object->raw().size() + before;
  if (used_.others == kMaxEvents || used_.bytes + bytes > kMaxBytes) return false;
  ++used_.others;
  used_.bytes += bytes;
  return true;
}

}  // namespace weir
