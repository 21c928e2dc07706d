// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "proxy/cache/cache_replica.h"
#include "proxy/cache/event_view.h"
#include "proxy/event/dispatcher.h"
#include "proxy/record/seen.h"

namespace weir {

// What the flight recorder is told by one worker: the events that its streams are sent, and the
// writes that it forwards. Nothing is done on an event's way: some time after a change the caches'
// windows are read, for a bounded number of events, and told together with the writes.
// Lives as long as its handles. REQUIRES: the dispatcher outlives it.
class EventTap {
 public:
  static constexpr absl::Duration kDelay = absl::Milliseconds(250);
  // Each time. Deletions, which cost less, have a limit of their own: one that is missed is never
  // gone. What is not looked at costs nothing.
  static constexpr size_t kMaxEvents = 500;
  static constexpr size_t kMaxDeletions = 5000;
  static constexpr size_t kMaxLooked = 10'000;
  static constexpr size_t kMaxBytes = 8 << 20;  // Of objects whose metadata is read.
  static constexpr size_t kMaxWrites = 1000;
  // Of one cache; with more than these, every event is somebody's.
  static constexpr size_t kMaxViews = 16;

  // Without a sink it does nothing.
  EventTap(Dispatcher& dispatcher, SeenSink sink);
  ~EventTap();

  // A stream of what `view` selects begins now, behind the Revision of that sequence, and lasts
  // until the handle goes. REQUIRES: the replica is synced.
  [[nodiscard]] RequestHandle Watch(CacheReplica& replica, EventView view, uint64_t seen);
  bool recording() const { return sink_ != nullptr; }
  void NoteWrite(SeenWrite write);

 private:
  struct Tapped;
  class Stream;

  void Arm();
  void TellRecorder();
  void Read(Tapped& tapped);
  void DropEnded();
  void ReadRevision(const Tapped& tapped, const Revision& revision);
  // Whether there is room for one more.
  bool TakeDeletion();
  bool TakeOther(const CacheEvent& event);

  Dispatcher& dispatcher_;
  const SeenSink sink_;
  std::map<CacheReplica*, std::unique_ptr<Tapped>> tapped_;
  SeenBatch batch_;
  struct {
    size_t looked = 0, deletions = 0, others = 0, bytes = 0;
  } used_;  // Of the limits, this time.
  TimerPtr timer_;
};

}  // namespace weir
