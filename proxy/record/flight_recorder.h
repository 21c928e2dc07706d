// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/time/time.h"

#include "proxy/base/stats.h"
#include "proxy/base/strings.h"
#include "proxy/event/dispatcher.h"
#include "proxy/record/audit_ids.h"
#include "proxy/record/bounded_map.h"
#include "proxy/record/resource_record.h"
#include "proxy/record/seen.h"

namespace weir {

// A row of /objects/stuck: an event that asks for something, and nothing has been done about it.
struct StuckObject {
  std::string resource, namespace_name, name, uid;
  ResourceVersion version;  // Of the event since which nothing has been done.
  SeenEvent::Asks asks = SeenEvent::Asks::kNothing;  // By the newest event.
  absl::Duration age;
  bool acts = false;  // Something was done about another object of the resource.
};

// A row of /objects/busy: an object that was written through Weir in the last seconds.
struct BusyObject {
  std::string resource, namespace_name, name;
  double writes_per_second = 0, own_events_per_second = 0;
  uint64_t conflicts = 0, no_op_writes = 0;  // Since it was first seen.
  bool loop = false;                         // It is written because it was written.
};

struct FlightRecorderOptions {
  absl::Duration stuck_after = absl::Seconds(10);
  // What all of this takes is 2 MiB at most, with names as long as those of pods.
  size_t max_pending = 2048;      // Objects that something is to be done about,
  size_t max_idle_pending = 512;  // and those of resources that nobody acts on.
  size_t max_remembered = 1536;   // Each of: writes, actions, objects' last events.
  size_t max_busy = 256;
  size_t max_rows = 100;
  size_t max_resources = 200;  // With series of their own; the rest are "other".
};

// Joins the events that an operator was sent and the writes that it made. All that it is told
// carries its time, and may come in any order: workers tell of events in batches and of writes at
// once. An operator's time begins at the delivery of an event, which may be told of after the event
// and after the write that answers it. One thread: that of the dispatcher. REQUIRES: both
// references outlive it.
class FlightRecorder {
 public:
  FlightRecorder(Dispatcher& dispatcher, StatsRegistry& registry,
                 const FlightRecorderOptions& options = {});
  ~FlightRecorder();

  void OnSeen(const SeenBatch& batch);

  // Those that wait longest first, of resources that somebody acts on before others.
  std::vector<StuckObject> Stuck() const;
  std::vector<BusyObject> Busy() const;  // Those written most first.
  absl::Duration stuck_after() const { return options_.stuck_after; }

 private:
  struct BusyRecord;
  struct Asked {
    ResourceVersion version;
    std::optional<MonotonicTime> delivered;  // Unset: the operator cannot know of it yet.
  };
  struct Pending {
    ResourceRecord* resource = nullptr;
    std::string namespace_name, name;
    SeenEvent::Asks asks = SeenEvent::Asks::kNothing;  // By the newest event.
    Asked oldest, newest;  // The event since which it waits, and the last one.

    bool waits_longer_than(absl::Duration d, MonotonicTime now) const {
      return oldest.delivered.has_value() && now - *oldest.delivered > d;
    }
  };
  struct LastEvent {
    ResourceVersion version;
    MonotonicTime published;
    bool own = false;  // Known to be a client's own write.
    // Since it came to Weir, in microseconds: of thousands of events, and half of a time's size.
    uint32_t ingest_us = 0;

    MonotonicTime arrived() const { return published + -absl::Microseconds(ingest_us); }
  };
  // The last few of an object, oldest first; at least one.
  struct LastEvents {
    std::string uid;
    bool deleted = false;
    absl::InlinedVector<LastEvent, 4> events;

    LastEvent* Find(ResourceVersion version);
  };
  struct Action {
    MonotonicTime came;
    uint32_t audit_id = 0;  // In audit_ids_.
    bool counted = false;   // As the answer to an event.
  };
  struct Answered {
    MonotonicTime at;
    uint32_t audit_id = 0;
  };
  // The last few writes that say something of an object, oldest first.
  using Actions = std::vector<Action>;

  void OnWrite(const SeenWrite& write);
  void OnEvent(const SeenEvent& event);
  // Whether it tells of something new, which is then remembered.
  bool Remember(const SeenEvent& event, LastEvents& last);
  void NoteOwn(const SeenEvent& event, const Answered& write, ResourceRecord& resource);
  void NoteOthers(const SeenEvent& event, ResourceRecord& resource);
  void NotePending(const SeenEvent& event, ResourceRecord& resource);
  // An event of this uid, told of by now, was delivered then.
  void NoteDelivered(const std::string& uid, ResourceVersion version, MonotonicTime at);
  void NoteActs(ResourceRecord& resource);
  // The write that an event of this uid, delivered then, led to, if it is known already.
  Action* ActionAfter(const std::string& uid, MonotonicTime delivered);
  // Whatever of it was delivered by then has been answered. REQUIRES: the oldest was.
  void Answer(const std::string& uid, Pending& pending, Action& action);
  // As the answer to what was delivered then, unless it is one already.
  void Count(Action& action, MonotonicTime delivered, ResourceRecord& resource);
  void Act(const std::string& uid, MonotonicTime came, uint32_t audit_id);
  void Forget(Actions& actions);
  // A write whose event was told of first.
  void NoteLate(const SeenWrite& write, LastEvent& event, ResourceRecord& resource,
                BusyRecord& busy);
  // What waits of it since its own write waits for what came after, if anything.
  void ForgetOwn(const SeenWrite& write);
  void NoteRefusal(const SeenWrite& write, ResourceRecord& resource);

  ResourceRecord& Of(std::string_view resource);
  BusyRecord& BusyOf(const SeenWrite& write);
  Pending* FindPending(std::string_view uid);
  void ErasePending(std::string_view uid);
  template <typename Map>
  auto& Get(Map& map, const std::string& key);
  void Tick();
  void Wake();

  Dispatcher& dispatcher_;
  StatsRegistry& registry_;
  const FlightRecorderOptions options_;
  StringMap<std::unique_ptr<ResourceRecord>> resources_;
  BoundedMap<Pending> pending_;       // By uid; of resources that somebody acts on,
  BoundedMap<Pending> idle_pending_;  // and of others.
  BoundedMap<Answered> writes_;       // By uid and version.
  AuditIds audit_ids_;
  BoundedMap<Actions> actions_;                   // By uid.
  BoundedMap<LastEvents> last_events_;            // By resource and key.
  BoundedMap<std::unique_ptr<BusyRecord>> busy_;  // The same.
  CounterHandle dropped_events_, dropped_writes_, dropped_pending_, dropped_memory_;
  GaugeHandle pending_objects_;
  TimerPtr timer_;
};

}  // namespace weir
