// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/event_tap.h"

#include <algorithm>
#include <list>
#include <utility>

#include "proxy/kube/meta_facts.h"

namespace weir {
namespace {

using Asks = SeenEvent::Asks;

Asks AsksOf(const CacheEvent& event, const MetaFacts& now, const MetaFacts& before) {
  if (event.inferred || event.type == WatchEventType::kDeleted) return Asks::kNothing;
  if (event.previous == nullptr) return now.deleting ? Asks::kDeleting : Asks::kCreated;
  if (now.deleting && !before.deleting) return Asks::kDeleting;
  // A kind that counts no generations may mean anything by a change.
  const bool counts = now.generation.has_value();
  return !counts || now.generation != before.generation ? Asks::kChanged : Asks::kNothing;
}

SeenEvent Describe(const CacheReplica& replica, const Revision& revision, const CacheEvent& event) {
  const Object& object = *event.object;
  SeenEvent seen{.resource = replica.key().resource.Name(),
                 .namespace_name = std::string(object.namespace_name()),
                 .name = std::string(object.name()),
                 .uid = std::string(object.uid()),
                 .type = event.type,
                 .version = event.version,
                 .published = revision.published,
                 .asks = Asks::kNothing,
                 .written = {}};
  if (event.type == WatchEventType::kDeleted) return seen;
  const MetaFacts now = ReadMetaFacts(object);
  const MetaFacts before = event.previous == nullptr ? MetaFacts() : ReadMetaFacts(*event.previous);
  seen.asks = AsksOf(event, now, before);
  // What enters a selection may have been written long ago.
  const bool selects =
      !replica.key().label_selector.empty() || !replica.key().field_selector.empty();
  const bool entered = event.previous == nullptr && selects;
  if (!entered && now.written != before.written) seen.written = now.written;
  return seen;
}

}  // namespace

struct EventTap::Tapped {
  CacheReplica& replica;
  uint64_t sequence;  // Read up to this Revision.
  std::list<EventView> views;
  RequestHandle subscription;

  bool Sends(const CacheEvent& event) const {
    if (views.size() > kMaxViews) return true;
    return std::any_of(views.begin(), views.end(), [&event](const EventView& view) {
      return view.Includes(*event.object) ||
             (event.previous != nullptr && view.Includes(*event.previous));
    });
  }
};

class EventTap::Stream final : public Cancellable {
 public:
  Stream(EventTap& tap, CacheReplica& replica, std::list<EventView>::iterator view)
      : tap_(tap), replica_(replica), view_(view) {}
  ~Stream() override {
    const auto at = tap_.tapped_.find(&replica_);
    Tapped& tapped = *at->second;
    tapped.views.erase(view_);
    if (tapped.views.empty()) tap_.tapped_.erase(at);
  }

 private:
  EventTap& tap_;
  CacheReplica& replica_;
  const std::list<EventView>::iterator view_;
};

EventTap::EventTap(Dispatcher& dispatcher, SeenSink sink)
    : dispatcher_(dispatcher),
      sink_(std::move(sink)),
      timer_(dispatcher_.CreateTimer([this] { TellRecorder(); })) {}

EventTap::~EventTap() = default;

RequestHandle EventTap::Watch(CacheReplica& replica, EventView view) {
  if (!recording()) return nullptr;
  std::unique_ptr<Tapped>& tapped = tapped_[&replica];
  if (tapped == nullptr) {
    tapped.reset(new Tapped{.replica = replica,
                            .sequence = replica.newest()->sequence,
                            .views = {},
                            .subscription = replica.Subscribe({.on_change = [this] { Arm(); }})});
  }
  tapped->views.push_front(std::move(view));
  return std::make_unique<Stream>(*this, replica, tapped->views.begin());
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
  for (const auto& [replica, tapped] : tapped_) Read(*tapped);
  if (!batch_.empty()) sink_(std::exchange(batch_, {}));
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

void EventTap::ReadRevision(const Tapped& tapped, const Revision& revision) {
  for (const CacheEvent& event : revision.events) {
    if (batch_.events.size() >= kMaxEvents) {
      ++batch_.dropped_events;
    } else if (tapped.Sends(event)) {
      batch_.events.push_back(Describe(tapped.replica, revision, event));
    }
  }
}

}  // namespace weir
