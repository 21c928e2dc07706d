// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "proxy/cache/cache_replica.h"
#include "proxy/cache/event_view.h"
#include "proxy/downstream/delivery_marks.h"
#include "proxy/event/dispatcher.h"
#include "proxy/record/seen.h"

namespace weir {

// What the flight recorder is told by one worker: the events that its streams are sent, and the
// writes that it forwards. Nothing is done on an event's way: some time after a change the caches'
// windows are read, for a bounded number of events, and told together with the writes. When an
// event was delivered is known by how far its streams had come by when; those that no stream has
// come to yet are told of again once one has. Lives as long as its handles. REQUIRES: the
// dispatcher outlives it.
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
  // That ask for something and are still to be delivered. Of more it is not told that they ask.
  static constexpr size_t kMaxUndelivered = 1000;
  // Of one cache; with more than these, every event is somebody's.
  static constexpr size_t kMaxViews = 16;

  class Stream;
  using StreamHandle = std::unique_ptr<Stream>;

  // Without a sink it does nothing.
  EventTap(Dispatcher& dispatcher, SeenSink sink);
  ~EventTap();

  // A stream of what `view` selects begins now, behind the Revision of that sequence, and lasts
  // until the handle goes. REQUIRES: the replica is synced.
  [[nodiscard]] StreamHandle Watch(CacheReplica& replica, EventView view, uint64_t seen);
  bool recording() const { return sink_ != nullptr; }
  void NoteWrite(SeenWrite write);

 private:
  struct Tapped;
  struct TappedStream;

  void Arm();
  void TellRecorder();
  void Read(Tapped& tapped);
  void DropEnded();
  void ReadRevision(Tapped& tapped, const Revision& revision);
  // An event that asks for something: when it was delivered, or that it is to be.
  void NoteDelivery(Tapped& tapped, const Revision& revision, const CacheEvent& event,
                    SeenEvent& seen);
  void TellDelivered(Tapped& tapped);
  // Whether there is room for one more.
  bool TakeDeletion();
  bool TakeOther(const CacheEvent& event);

  Dispatcher& dispatcher_;
  const SeenSink sink_;
  std::map<CacheReplica*, std::unique_ptr<Tapped>> tapped_;
  uint32_t last_stream_ = 0;
  size_t undelivered_ = 0;
  SeenBatch batch_;
  struct {
    size_t looked = 0, deletions = 0, others = 0, bytes = 0;
  } used_;  // Of the limits, this time.
  TimerPtr timer_;
};

// One stream, which tells how far it has come.
class EventTap::Stream final : public Cancellable {
 public:
  Stream(EventTap& tap, TappedStream& stream) : tap_(tap), stream_(stream) {}
  ~Stream() override;
  DeliveryMarks& marks();

 private:
  EventTap& tap_;
  TappedStream& stream_;
};

}  // namespace weir
