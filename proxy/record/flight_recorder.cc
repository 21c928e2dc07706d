// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/flight_recorder.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

#include "absl/time/clock.h"

namespace weir {
namespace {

// What "now" means for rates.
constexpr absl::Duration kRateWindow = absl::Seconds(5);
constexpr size_t kRateTimes = 64;
// Fewer writes in the window are no loop.
constexpr size_t kLoopWrites = 4;
// An object that has not been written for so long is not busy.
constexpr absl::Duration kBusyFor = absl::Minutes(1);
constexpr size_t kActionsOfAnObject = 4;
constexpr absl::Duration kTick = absl::Seconds(1);

// When something has happened in the window, but for no more than so many times.
class RecentTimes {
 public:
  void Add(MonotonicTime time) {
    times_.push_back(time);
    if (times_.size() > kRateTimes) times_.pop_front();
  }
  size_t Count(MonotonicTime now) const {
    return std::count_if(times_.begin(), times_.end(),
                         [now](MonotonicTime t) { return now - t <= kRateWindow; });
  }
  // From the first to the last of them.
  double PerSecond(MonotonicTime now) const {
    const size_t count = Count(now);
    if (count < 2) return 0;
    const absl::Duration span = times_.back() - times_[times_.size() - count];
    return static_cast<double>(count - 1) / std::max(absl::ToDoubleSeconds(span), 0.001);
  }

 private:
  std::deque<MonotonicTime> times_;
};

std::string KeyOf(std::string_view resource, std::string_view namespace_name,
                  std::string_view name) {
  return StrCat(resource, "/", namespace_name, "/", name);
}

std::string WriteKey(std::string_view uid, ResourceVersion version) {
  return StrCat(uid, "/", version.ToString());
}

}  // namespace

struct FlightRecorder::Resource {
  Resource(StatsRegistry& registry, std::string name);

  const std::string name;
  bool acts = false;
  int64_t stuck_now = 0, loops_now = 0;  // While they are counted.
  HistogramHandle write_to_watch, write_to_watch_others, event_to_action, conflict_lag;
  CounterHandle own_events, no_op_writes, conflicts;
  GaugeHandle stuck, loops;
};

FlightRecorder::Resource::Resource(StatsRegistry& registry, std::string resource)
    : name(std::move(resource)),
      write_to_watch(registry.AddHistogram(
          "weir_record_write_to_watch_seconds",
          "From the answer to a write (through Weir, or by managedFields: whole seconds) until its "
          "event was published.",
          {{"resource", name}, {"writer", "weir"}})),
      write_to_watch_others(registry.AddHistogram("weir_record_write_to_watch_seconds", "",
                                                  {{"resource", name}, {"writer", "others"}})),
      event_to_action(
          registry.AddHistogram("weir_record_event_to_action_seconds",
                                "From an event that asks for something until the next write of "
                                "the object, or of one that it owns.",
                                {{"resource", name}})),
      conflict_lag(registry.AddHistogram(
          "weir_record_conflict_lag_seconds",
          "At a write refused with 409: how old the object's newest event was.",
          {{"resource", name}})),
      own_events(registry.AddCounter("weir_record_own_events_total",
                                     "Events that were a client's own write coming back.",
                                     {{"resource", name}})),
      no_op_writes(registry.AddCounter("weir_record_no_op_writes_total",
                                       "Writes through Weir that changed nothing.",
                                       {{"resource", name}})),
      conflicts(registry.AddCounter("weir_record_conflicts_total",
                                    "Writes through Weir that were refused with 409.",
                                    {{"resource", name}})),
      stuck(registry.AddGauge("weir_record_objects_stuck",
                              "Objects with an event that asks for something, about which nothing "
                              "has been done for longer than the threshold; of resources about "
                              "which something is done.",
                              {{"resource", name}})),
      loops(registry.AddGauge("weir_record_write_loops",
                              "Objects that are being written because they were written.",
                              {{"resource", name}})) {}

struct FlightRecorder::BusyRecord {
  Resource* resource = nullptr;
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
      writes_(options.max_remembered),
      actions_(options.max_remembered),
      last_events_(options.max_remembered),
      busy_(options.max_busy),
      dropped_events_(registry.AddCounter("weir_record_dropped_total",
                                          "What the flight recorder had no room or time for.",
                                          {{"what", "events"}})),
      dropped_writes_(registry.AddCounter("weir_record_dropped_total", "", {{"what", "writes"}})),
      dropped_pending_(registry.AddCounter("weir_record_dropped_total", "", {{"what", "pending"}})),
      pending_objects_(registry.AddGauge("weir_record_pending_objects",
                                         "Objects with an event that asks for something, about "
                                         "which nothing has been done yet.")),
      timer_(dispatcher.CreateTimer([this] { Tick(); })) {}

FlightRecorder::~FlightRecorder() = default;

FlightRecorder::Resource& FlightRecorder::Of(std::string_view resource) {
  if (!resources_.contains(resource) && resources_.size() >= options_.max_resources) {
    resource = "other";
  }
  std::unique_ptr<Resource>& record = resources_[std::string(resource)];
  if (record == nullptr) record = std::make_unique<Resource>(registry_, std::string(resource));
  return *record;
}

void FlightRecorder::OnSeen(const SeenBatch& batch) {
  dropped_events_->Add(batch.dropped_events);
  dropped_writes_->Add(batch.dropped_writes);
  for (const SeenWrite& write : batch.writes) OnWrite(write);
  for (const SeenEvent& event : batch.events) OnEvent(event);
  pending_objects_->Set(static_cast<int64_t>(pending_.size()));
  Wake();
}

// Several caches of one resource bring the same.
void FlightRecorder::OnEvent(const SeenEvent& event) {
  const std::string key = KeyOf(event.resource, event.namespace_name, event.name);
  LastEvent& last = last_events_.Get(key);
  if (event.version <= last.version) return;
  last = {.version = event.version, .published = event.published};
  Resource& resource = Of(event.resource);
  const std::unique_ptr<BusyRecord>* const busy = busy_.Find(key);
  const std::string write_key = WriteKey(event.uid, event.version);
  const MonotonicTime* const answered = writes_.Find(write_key);
  if (answered != nullptr) {
    resource.write_to_watch->Observe(event.published - *answered);
    resource.own_events->Add();
    if (busy != nullptr) (*busy)->own_events.Add(event.published);
    writes_.Erase(write_key);
  } else {
    if (busy != nullptr) (*busy)->other_events.Add(event.published);
    if (event.written.has_value()) {
      const absl::Time published = absl::Now() - (dispatcher_.Now() - event.published);
      resource.write_to_watch_others->Observe(published - *event.written);
    }
  }
  if (event.type == WatchEventType::kDeleted) return pending_.Erase(event.uid);
  if (answered == nullptr && event.asks != SeenEvent::Asks::kNothing) NotePending(event, resource);
}

void FlightRecorder::NotePending(const SeenEvent& event, Resource& resource) {
  if (const MonotonicTime* const action = ActionAfter(event.uid, event.published)) {
    resource.event_to_action->Observe(*action - event.published);
    resource.acts = true;
    return;
  }
  bool dropped = false;
  Pending& pending = pending_.Get(event.uid, &dropped);
  if (dropped) dropped_pending_->Add();
  if (pending.resource == nullptr) pending.since = event.published;
  pending.resource = &resource;
  pending.namespace_name = event.namespace_name;
  pending.name = event.name;
  pending.version = event.version;
  pending.asks = event.asks;
}

const MonotonicTime* FlightRecorder::ActionAfter(const std::string& uid, MonotonicTime published) {
  const Actions* const actions = actions_.Find(uid);
  if (actions == nullptr) return nullptr;
  const auto at = std::lower_bound(actions->begin(), actions->end(), published);
  return at == actions->end() ? nullptr : &*at;
}

void FlightRecorder::OnWrite(const SeenWrite& write) {
  if (write.status >= 300 || write.status < 200) {
    if (write.status == 409) NoteRefusal(write, Of(write.resource));
    return;
  }
  if (write.uid.empty()) return;
  Resource& resource = Of(write.resource);
  const std::string key = KeyOf(write.resource, write.namespace_name, write.name);
  const LastEvent* const last = last_events_.Find(key);
  const std::unique_ptr<BusyRecord>* const busy = busy_.Find(key);
  // A deletion may be answered without a version.
  const bool known = write.version.is_set();
  const bool published = known && last != nullptr && last->version == write.version;
  const bool no_op = (published && last->published < write.came) ||
                     (known && busy != nullptr && (*busy)->version == write.version);
  if (no_op) {
    resource.no_op_writes->Add();
  } else if (published) {  // Its event was told of first.
    resource.write_to_watch->Observe(last->published - write.answered);
    resource.own_events->Add();
    const Pending* const pending = pending_.Find(write.uid);
    if (pending != nullptr && pending->version == write.version) pending_.Erase(write.uid);
  } else if (known) {
    writes_.Get(WriteKey(write.uid, write.version)) = write.answered;
  }
  Act(write.uid, write);
  for (const std::string& owner : write.owners) Act(owner, write);
  NoteBusy(write, no_op);
}

// Remembered in any case: an event of before may be told of later.
void FlightRecorder::Act(const std::string& uid, const SeenWrite& write) {
  Actions& actions = actions_.Get(uid);
  actions.insert(std::upper_bound(actions.begin(), actions.end(), write.came), write.came);
  if (actions.size() > kActionsOfAnObject) actions.pop_front();
  const Pending* const pending = pending_.Find(uid);
  if (pending == nullptr || pending->since > write.came) return;
  pending->resource->event_to_action->Observe(write.came - pending->since);
  pending->resource->acts = true;
  pending_.Erase(uid);
}

void FlightRecorder::NoteRefusal(const SeenWrite& write, Resource& resource) {
  resource.conflicts->Add();
  const std::string key = KeyOf(write.resource, write.namespace_name, write.name);
  if (const LastEvent* const last = last_events_.Find(key)) {
    resource.conflict_lag->Observe(write.came - last->published);
  }
  if (const std::unique_ptr<BusyRecord>* const busy = busy_.Find(key)) ++(*busy)->conflicts;
}

void FlightRecorder::NoteBusy(const SeenWrite& write, bool no_op) {
  std::unique_ptr<BusyRecord>& busy =
      busy_.Get(KeyOf(write.resource, write.namespace_name, write.name));
  if (busy == nullptr) {
    busy = std::make_unique<BusyRecord>();
    busy->resource = &Of(write.resource);
    busy->namespace_name = write.namespace_name;
    busy->name = write.name;
  }
  busy->version = write.version;
  busy->last = write.came;
  busy->writes.Add(write.came);
  if (no_op) ++busy->no_op_writes;
}

void FlightRecorder::Wake() {
  if (!timer_->enabled() && (pending_.size() > 0 || busy_.size() > 0)) timer_->Enable(kTick);
}

void FlightRecorder::Tick() {
  const MonotonicTime now = dispatcher_.Now();
  for (auto& [name, resource] : resources_) resource->stuck_now = resource->loops_now = 0;
  pending_.ForEach([&](const std::string&, const Pending& pending) {
    const bool stuck = pending.resource->acts && now - pending.since > options_.stuck_after;
    if (stuck) ++pending.resource->stuck_now;
  });
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
  pending_.ForEach([&](const std::string& uid, const Pending& pending) {
    const absl::Duration age = now - pending.since;
    if (age <= options_.stuck_after) return;
    rows.push_back({.resource = pending.resource->name,
                    .namespace_name = pending.namespace_name,
                    .name = pending.name,
                    .uid = uid,
                    .version = pending.version,
                    .asks = pending.asks,
                    .age = age,
                    .acts = pending.resource->acts});
  });
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
