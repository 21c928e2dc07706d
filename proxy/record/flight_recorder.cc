// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/flight_recorder.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/time/clock.h"

#include "proxy/record/recent_times.h"

namespace weir {
namespace {

// Fewer writes in the window are no loop.
constexpr size_t kLoopWrites = 4;
// An object that has not been written for so long is not busy.
constexpr absl::Duration kBusyFor = absl::Minutes(1);
constexpr size_t kActionsOfAnObject = 16;
constexpr size_t kEventsOfAnObject = 4;
// Events are told of sooner.
constexpr absl::Duration kActionsFor = absl::Seconds(10);
constexpr absl::Duration kTick = absl::Seconds(1);

std::string KeyOf(std::string_view resource, std::string_view namespace_name,
                  std::string_view name) {
  return StrCat(resource, "/", namespace_name, "/", name);
}

std::string WriteKey(std::string_view uid, ResourceVersion version) {
  return StrCat(uid, "/", version.ToString());
}

}  // namespace

struct FlightRecorder::BusyRecord {
  ResourceRecord* resource = nullptr;
  std::string namespace_name, name;
  ResourceVersion version;  // Of the last write.
  MonotonicTime last;
  RecentTimes writes, own_events, other_events;
  uint64_t conflicts = 0, no_op_writes = 0;

  // Most of what was published of it was its own writes, and there were about as many of each.
  bool Loops(MonotonicTime now) const {
    const size_t own = own_events.Count(now);
    return writes.Count(now) >= kLoopWrites && own >= kLoopWrites &&
           2 * other_events.Count(now) < own;
  }
};

FlightRecorder::FlightRecorder(Dispatcher& dispatcher, StatsRegistry& registry,
                               const FlightRecorderOptions& options)
    : dispatcher_(dispatcher),
      registry_(registry),
      options_(options),
      pending_(options.max_pending),
      idle_pending_(options.max_idle_pending),
      writes_(options.max_remembered),
      actions_(options.max_remembered),
      last_events_(options.max_remembered),
      busy_(options.max_busy),
      dropped_events_(registry.AddCounter("weir_record_dropped_total",
                                          "What the flight recorder had no room or time for.",
                                          {{"what", "events"}})),
      dropped_writes_(registry.AddCounter("weir_record_dropped_total", "", {{"what", "writes"}})),
      dropped_pending_(registry.AddCounter("weir_record_dropped_total", "", {{"what", "pending"}})),
      dropped_memory_(
          registry.AddCounter("weir_record_dropped_total", "", {{"what", "remembered"}})),
      pending_objects_(registry.AddGauge("weir_record_pending_objects",
                                         "Objects with an event that asks for something, about "
                                         "which nothing has been done yet.")),
      timer_(dispatcher.CreateTimer([this] { Tick(); })) {}

FlightRecorder::~FlightRecorder() = default;

ResourceRecord& FlightRecorder::Of(std::string_view resource) {
  if (!resources_.contains(resource) && resources_.size() >= options_.max_resources) {
    resource = "other";
  }
  std::unique_ptr<ResourceRecord>& record = resources_[std::string(resource)];
  if (record == nullptr)
    record = std::make_unique<ResourceRecord>(registry_, std::string(resource));
  return *record;
}

// What had to go for it is counted.
template <typename Map>
auto& FlightRecorder::Get(Map& map, const std::string& key) {
  bool dropped = false;
  auto& value = map.Get(key, &dropped);
  if (dropped) dropped_memory_->Add();
  return value;
}

FlightRecorder::LastEvent* FlightRecorder::LastEvents::Find(ResourceVersion version) {
  const auto at = std::find_if(events.begin(), events.end(),
                               [version](const LastEvent& e) { return e.version == version; });
  return at == events.end() ? nullptr : &*at;
}

FlightRecorder::Pending* FlightRecorder::FindPending(std::string_view uid) {
  Pending* const pending = pending_.Find(uid);
  return pending != nullptr ? pending : idle_pending_.Find(uid);
}

void FlightRecorder::ErasePending(std::string_view uid) {
  pending_.Erase(uid);
  idle_pending_.Erase(uid);
}

void FlightRecorder::OnSeen(const SeenBatch& batch) {
  dropped_events_->Add(batch.dropped_events);
  dropped_writes_->Add(batch.dropped_writes);
  for (const SeenWrite& write : batch.writes) OnWrite(write);
  for (const SeenDelivery& d : batch.deliveries) NoteDelivered(d.uid, d.version, d.at);
  for (const SeenEvent& event : batch.events) OnEvent(event);
  pending_objects_->Set(static_cast<int64_t>(pending_.size() + idle_pending_.size()));
  Wake();
}

// Several caches of one resource bring the same; an object that has left the selection of one is
// deleted there and changed in another.
bool FlightRecorder::Remember(const SeenEvent& event, LastEvents& last) {
  const bool deleted = event.type == WatchEventType::kDeleted;
  if (!last.events.empty()) {
    const ResourceVersion newest = last.events.back().version;
    if (event.version < newest) return false;
    if (event.version == newest && (deleted || !last.deleted)) return false;
  }
  // Its end was not told, and another of its name has come.
  if (!last.uid.empty() && last.uid != event.uid) ErasePending(last.uid);
  last.uid = event.uid;
  last.deleted = deleted;
  if (last.events.size() == kEventsOfAnObject) last.events.erase(last.events.begin());
  const int64_t ingest_us = absl::ToInt64Microseconds(event.published - event.arrived);
  last.events.push_back(
      {.version = event.version,
       .published = event.published,
       .ingest_us = static_cast<uint32_t>(std::clamp<int64_t>(ingest_us, 0, UINT32_MAX))});
  return true;
}

void FlightRecorder::OnEvent(const SeenEvent& event) {
  LastEvents& last = Get(last_events_, KeyOf(event.resource, event.namespace_name, event.name));
  if (!Remember(event, last)) {
    if (event.delivered.has_value()) NoteDelivered(event.uid, event.version, *event.delivered);
    return;
  }
  ResourceRecord& resource = Of(event.resource);
  const std::string write_key = WriteKey(event.uid, event.version);
  const Answered* const answered = writes_.Find(write_key);
  const bool own = answered != nullptr;
  last.events.back().own = own;
  if (own) {
    NoteOwn(event, *answered, resource);
    writes_.Erase(write_key);
  } else {
    NoteOthers(event, resource);
  }
  if (event.type == WatchEventType::kDeleted) return ErasePending(event.uid);
  if (!own && event.asks != SeenEvent::Asks::kNothing) NotePending(event, resource);
}

void FlightRecorder::NoteOwn(const SeenEvent& event, const Answered& write,
                             ResourceRecord& resource) {
  // What follows its coming to Weir is Weir's own time, and counted as ingest. The answer may be
  // slower than the event; that is no time at all.
  resource.write_to_watch->Observe(event.arrived - write.at, audit_ids_.Of(write.audit_id),
                                   absl::Now());
  resource.own_events->Add();
  const auto* const busy = busy_.Find(KeyOf(event.resource, event.namespace_name, event.name));
  if (busy != nullptr) (*busy)->own_events.Add(event.published);
}

void FlightRecorder::NoteOthers(const SeenEvent& event, ResourceRecord& resource) {
  const auto* const busy = busy_.Find(KeyOf(event.resource, event.namespace_name, event.name));
  if (busy != nullptr) (*busy)->other_events.Add(event.published);
  if (!event.written.has_value()) return;
  const absl::Time arrived = absl::Now() - (dispatcher_.Now() - event.arrived);
  resource.write_to_watch_others->Observe(arrived - *event.written);
}

void FlightRecorder::NotePending(const SeenEvent& event, ResourceRecord& resource) {
  const Asked asked{.version = event.version, .delivered = event.delivered};
  Pending* pending = FindPending(event.uid);
  if (pending == nullptr) {
    Action* const action =
        event.delivered.has_value() ? ActionAfter(event.uid, *event.delivered) : nullptr;
    if (action != nullptr) return Count(*action, *event.delivered, resource);
    bool dropped = false;
    pending = &(resource.acts ? pending_ : idle_pending_).Get(event.uid, &dropped);
    if (dropped) dropped_pending_->Add();
    pending->oldest = asked;
  }
  pending->resource = &resource;
  pending->namespace_name = event.namespace_name;
  pending->name = event.name;
  pending->newest = asked;
  pending->asks = event.asks;
  if (event.delivered.has_value()) NoteDelivered(event.uid, event.version, *event.delivered);
}

// Of several connections the first counts. Who has been sent a later event needs no earlier one.
void FlightRecorder::NoteDelivered(const std::string& uid, ResourceVersion version,
                                   MonotonicTime at) {
  Pending* const pending = FindPending(uid);
  if (pending == nullptr || version < pending->oldest.version) return;
  Asked& oldest = pending->oldest;
  oldest.delivered = std::min(at, oldest.delivered.value_or(at));
  if (version == pending->newest.version) {
    pending->newest.delivered = std::min(at, pending->newest.delivered.value_or(at));
  }
  if (Action* const action = ActionAfter(uid, *oldest.delivered)) Answer(uid, *pending, *action);
}

// One write answers all that was delivered before it, and the oldest of them is told of first.
void FlightRecorder::Answer(const std::string& uid, Pending& pending, Action& action) {
  ResourceRecord& resource = *pending.resource;
  const MonotonicTime delivered = *pending.oldest.delivered;
  const Asked& newest = pending.newest;
  if (newest.delivered.has_value() && *newest.delivered <= action.came) {
    ErasePending(uid);
  } else {
    pending.oldest = newest;
  }
  Count(action, delivered, resource);
}

void FlightRecorder::Count(Action& action, MonotonicTime delivered, ResourceRecord& resource) {
  if (!std::exchange(action.counted, true)) {
    resource.event_to_action->Observe(action.came - delivered, audit_ids_.Of(action.audit_id),
                                      absl::Now());
  }
  NoteActs(resource);
}

// What waits of it is from now on not among those that nobody will ever do anything about.
void FlightRecorder::NoteActs(ResourceRecord& resource) {
  if (std::exchange(resource.acts, true)) return;
  std::vector<std::string> uids;
  idle_pending_.ForEach([&](const std::string& uid, const Pending& pending) {
    if (pending.resource == &resource) uids.push_back(uid);
  });
  for (const std::string& uid : uids) {
    bool dropped = false;
    pending_.Get(uid, &dropped) = *idle_pending_.Find(uid);
    if (dropped) dropped_pending_->Add();
    idle_pending_.Erase(uid);
  }
}

FlightRecorder::Action* FlightRecorder::ActionAfter(const std::string& uid,
                                                    MonotonicTime delivered) {
  Actions* const actions = actions_.Find(uid);
  if (actions == nullptr) return nullptr;
  const auto at = std::find_if(actions->begin(), actions->end(),
                               [delivered](const Action& a) { return a.came >= delivered; });
  return at == actions->end() ? nullptr : &*at;
}

void FlightRecorder::OnWrite(const SeenWrite& write) {
  if (write.status == 409) return NoteRefusal(write, Of(write.resource));
  if (write.status >= 300 || write.status < 200) return;
  LastEvents* const last =
      last_events_.Find(KeyOf(write.resource, write.namespace_name, write.name));
  // An answer that could not be read tells of no object: it is known by its name, or not at all.
  const std::string uid = !write.uid.empty() ? write.uid : last != nullptr ? last->uid : "";
  if (uid.empty()) return;
  ResourceRecord& resource = Of(write.resource);
  BusyRecord& busy = BusyOf(write);
  const uint32_t audit_id = audit_ids_.Add(write.audit_id);
  if (write.version.is_set()) {
    LastEvent* const event = last == nullptr ? nullptr : last->Find(write.version);
    if ((event != nullptr && event->published < write.came) || busy.version == write.version) {
      resource.no_op_writes->Add();
      ++busy.no_op_writes;
    } else if (event != nullptr) {
      NoteLate(write, *event, resource, busy);
    } else {
      Get(writes_, WriteKey(uid, write.version)) = {write.answered, audit_id};
    }
    busy.version = write.version;
  }
  busy.last = std::max(busy.last, write.came);
  busy.writes.Add(write.came);
  Act(uid, write.came, audit_id);
  for (const std::string& owner : write.owners) Act(owner, write.came, audit_id);
}

void FlightRecorder::NoteLate(const SeenWrite& write, LastEvent& event, ResourceRecord& resource,
                              BusyRecord& busy) {
  if (std::exchange(event.own, true)) return;
  resource.write_to_watch->Observe(event.arrived() - write.answered, write.audit_id, absl::Now());
  resource.own_events->Add();
  busy.other_events.Remove(event.published);
  busy.own_events.Add(event.published);
  ForgetOwn(write);
}

void FlightRecorder::ForgetOwn(const SeenWrite& write) {
  Pending* const pending = FindPending(write.uid);
  if (pending == nullptr) return;
  if (pending->oldest.version != write.version) {
    if (pending->newest.version == write.version) pending->newest = pending->oldest;
    return;
  }
  if (pending->newest.version == write.version) return ErasePending(write.uid);
  pending->oldest = pending->newest;
}

// Remembered in any case: an event of before may be told of later. What goes when there are too
// many is never the first, which answers the oldest event.
void FlightRecorder::Act(const std::string& uid, MonotonicTime came, uint32_t audit_id) {
  Actions& actions = Get(actions_, uid);
  Forget(actions);
  const auto at =
      actions.insert(std::upper_bound(actions.begin(), actions.end(), came,
                                      [](MonotonicTime c, const Action& a) { return c < a.came; }),
                     Action{.came = came, .audit_id = audit_id});
  Pending* const pending = FindPending(uid);
  if (pending == nullptr) return;
  const std::optional<MonotonicTime> delivered = pending->oldest.delivered;
  if (delivered.has_value() && *delivered <= came) Answer(uid, *pending, *at);
}

// Makes room for one more.
void FlightRecorder::Forget(Actions& actions) {
  const MonotonicTime now = dispatcher_.Now();
  while (actions.size() > 1 && now - actions.front().came > kActionsFor) {
    actions.erase(actions.begin());
  }
  if (actions.size() == kActionsOfAnObject) {
    actions.erase(actions.begin() + static_cast<std::ptrdiff_t>(actions.size() / 2));
  }
}

void FlightRecorder::NoteRefusal(const SeenWrite& write, ResourceRecord& resource) {
  resource.conflicts->Add();
  const std::string key = KeyOf(write.resource, write.namespace_name, write.name);
  if (const LastEvents* const last = last_events_.Find(key)) {
    resource.conflict_lag->Observe(write.came - last->events.back().published, write.audit_id,
                                   absl::Now());
  }
  if (const auto* const busy = busy_.Find(key)) ++(*busy)->conflicts;
}

FlightRecorder::BusyRecord& FlightRecorder::BusyOf(const SeenWrite& write) {
  std::unique_ptr<BusyRecord>& busy =
      Get(busy_, KeyOf(write.resource, write.namespace_name, write.name));
  if (busy == nullptr) {
    busy = std::make_unique<BusyRecord>();
    busy->resource = &Of(write.resource);
    busy->namespace_name = write.namespace_name;
    busy->name = write.name;
  }
  return *busy;
}

void FlightRecorder::Wake() {
  if (!timer_->enabled() && (pending_.size() > 0 || busy_.size() > 0)) timer_->Enable(kTick);
}

void FlightRecorder::Tick() {
  const MonotonicTime now = dispatcher_.Now();
  for (auto& [name, resource] : resources_) resource->stuck_now = resource->loops_now = 0;
  const auto count = [&](const std::string&, const Pending& pending) {
    const bool stuck =
        pending.resource->acts && pending.waits_longer_than(options_.stuck_after, now);
    if (stuck) ++pending.resource->stuck_now;
  };
  pending_.ForEach(count);
  idle_pending_.ForEach(count);  // Somebody may have begun to act on them.
  std::vector<std::string> idle;
  busy_.ForEach([&](const std::string& key, const std::unique_ptr<BusyRecord>& busy) {
    if (busy->Loops(now)) ++busy->resource->loops_now;
    if (now - busy->last > kBusyFor) idle.push_back(key);
  });
  for (const std::string& key : idle) busy_.Erase(key);
  for (auto& [name, resource] : resources_) {
    resource->stuck->Set(resource->stuck_now);
    resource->loops->Set(resource->loops_now);
  }
  Wake();
}

std::vector<StuckObject> FlightRecorder::Stuck() const {
  const MonotonicTime now = dispatcher_.Now();
  std::vector<StuckObject> rows;
  const auto add = [&](const std::string& uid, const Pending& pending) {
    if (!pending.waits_longer_than(options_.stuck_after, now)) return;
    rows.push_back({.resource = pending.resource->name,
                    .namespace_name = pending.namespace_name,
                    .name = pending.name,
                    .uid = uid,
                    .version = pending.oldest.version,
                    .asks = pending.asks,
                    .age = now - *pending.oldest.delivered,
                    .acts = pending.resource->acts});
  };
  pending_.ForEach(add);
  idle_pending_.ForEach(add);
  std::sort(rows.begin(), rows.end(), [](const StuckObject& a, const StuckObject& b) {
    return std::tie(b.acts, b.age, a.uid) < std::tie(a.acts, a.age, b.uid);
  });
  if (rows.size() > options_.max_rows) rows.resize(options_.max_rows);
  return rows;
}

std::vector<BusyObject> FlightRecorder::Busy() const {
  const MonotonicTime now = dispatcher_.Now();
  std::vector<BusyObject> rows;
  busy_.ForEach([&](const std::string&, const std::unique_ptr<BusyRecord>& busy) {
    if (busy->writes.Count(now) == 0) return;
    rows.push_back({.resource = busy->resource->name,
                    .namespace_name = busy->namespace_name,
                    .name = busy->name,
                    .writes_per_second = busy->writes.PerSecond(now),
                    .own_events_per_second = busy->own_events.PerSecond(now),
                    .conflicts = busy->conflicts,
                    .no_op_writes = busy->no_op_writes,
                    .loop = busy->Loops(now)});
  });
  std::sort(rows.begin(), rows.end(), [](const BusyObject& a, const BusyObject& b) {
    return std::tie(b.writes_per_second, a.resource, a.namespace_name, a.name) <
           std::tie(a.writes_per_second, b.resource, b.namespace_name, b.name);
  });
  if (rows.size() > options_.max_rows) rows.resize(options_.max_rows);
  return rows;
}

}  // namespace weir
