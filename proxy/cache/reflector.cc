// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/reflector.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// A watch that follows on another may take so long to open before the cache counts as cut off.
constexpr absl::Duration kOpenWithin = absl::Seconds(3);
// Those of one connection do not all come back in the same moment.
constexpr BackoffOptions kResume{.initial = absl::Milliseconds(20), .max = absl::Milliseconds(200)};

}  // namespace

Reflector::Reflector(Environment environment, Callbacks callbacks)
    : env_(std::move(environment)),
      callbacks_(std::move(callbacks)),
      step_timer_(env_.dispatcher.CreateTimer([this] { TakeStep(); })),
      deadline_timer_(env_.dispatcher.CreateTimer([this] { OnDeadline(); })),
      backoff_(env_.options.backoff),
      resume_backoff_(kResume),
      last_(env_.floor),
      bytes_check_(
          {.dispatcher = env_.dispatcher,
           .source = env_.source,
           .stats = env_.stats,
           .resource = env_.resource},
          {.on_listed = [this](ObjectList list,
                               MonotonicTime asked) { OnListedBeside(std::move(list), asked); },
           .on_refused = [this](const absl::Status& why,
                                MonotonicTime asked) { OnListBesideRefused(why, asked); }}) {}

void Reflector::Start() { TakeStep(); }

void Reflector::Advance(ResourceVersion version) { last_ = std::max(last_, version); }

void Reflector::ListAgain(ResourceVersion at_least) {
  if (phase_ == Phase::kStopped) return;
  list_floor_ = std::max(list_floor_, at_least);
  list_next_ = true;
  SetHealthy(false);
  if (phase_ != Phase::kWaiting) return Schedule(Step::kSync, absl::ZeroDuration());
  next_ = Step::kSync;  // When it is due.
}

std::string Reflector::Describe() const {
  switch (phase_) {
    case Phase::kListing:
      return "listing";
    case Phase::kStreamListing:
      return "listing by stream-list";
    case Phase::kWatching:
      return by_stream_list_ ? "stream-list" : "list+watch";
    case Phase::kWaiting:
    case Phase::kStopped:
      break;
  }
  return trouble_.empty() ? "between two requests" : trouble_;
}

void Reflector::Schedule(Step step, absl::Duration delay) {
  phase_ = Phase::kWaiting;
  initial_ = SnapshotMap();
  bytes_check_.Stop();
  next_ = step;
  deadline_timer_->Disable();
  step_timer_->Enable(delay);
}

void Reflector::RetryLater(Step step, const absl::Status& why) {
  Retry(step, why, backoff_.Next());
}

void Reflector::Retry(Step step, const absl::Status& why, absl::Duration delay) {
  SetHealthy(false);
  trouble_ = why.ok() ? "the API server ended the watch at once" : MessageOf(why);
  LogWarning("will ask the API server again", {{"resource", env_.resource},
                                               {"for", step == Step::kWatch ? "watch" : "list"},
                                               {"in", absl::FormatDuration(delay)},
                                               {"because", trouble_}});
  Schedule(step, delay);
}

void Reflector::TakeStep() {
  request_.reset();
  trouble_.clear();
  asked_at_ = env_.dispatcher.Now();
  opened_ = false;
  any_event_ = false;
  if (next_ == Step::kWatch) return StartWatch();
  const bool list = std::exchange(list_next_, false);
  if (list || !stream_list_works_) return StartList();
  StartStreamList();
}

void Reflector::StartStreamList() {
  phase_ = Phase::kStreamListing;
  by_stream_list_ = true;
  initial_ = SnapshotMap();
  env_.stats.stream_lists->Add();
  request_ = env_.source.Watch({.since = std::max(last_, list_floor_), .send_initial_events = true},
                               *this);
  deadline_timer_->Enable(env_.options.stream_list_timeout);
}

void Reflector::StartList() {
  phase_ = Phase::kListing;
  by_stream_list_ = false;
  env_.stats.lists->Add();
  request_ =
      env_.source.List(std::max(last_, list_floor_),
                       [this](absl::StatusOr<ObjectList> listed) { OnListed(std::move(listed)); });
}

void Reflector::StartWatch() {
  phase_ = Phase::kWatching;
  env_.stats.watches->Add();
  request_ = env_.source.Watch({.since = watched_, .send_initial_events = false}, *this);
  deadline_timer_->Enable(kOpenWithin);
}

void Reflector::OnDeadline() {
  if (phase_ == Phase::kWatching) return SetHealthy(false);
  if (phase_ != Phase::kStreamListing) return;
  LogWarning("stream-list brought no end of the initial events; will list instead",
             {{"resource", env_.resource}});
  stream_list_works_ = false;
  Schedule(Step::kSync, absl::ZeroDuration());
}

void Reflector::SetHealthy(bool healthy) {
  healthy = healthy && !bytes_check_.serious();
  if (std::exchange(healthy_, healthy) != healthy) callbacks_.on_health(healthy);
}

void Reflector::OnWatchOpened(absl::Duration lifetime, Warnings warnings) {
  opened_ = true;
  opened_at_ = env_.dispatcher.Now();
  lifetime_ = lifetime;
  if (phase_ == Phase::kStreamListing) {
    callbacks_.on_stream_list(true);
  } else if (phase_ == Phase::kWatching) {
    deadline_timer_->Disable();
    SetHealthy(true);
    bytes_check_.OnWatchOpened(last_);
  } else {
    return;
  }
  callbacks_.on_warnings(std::move(warnings));
  callbacks_.on_access(ReadVerb::kWatch, true, asked_at_);
}

void Reflector::OnWatchEvents(std::vector<WatchEvent> events) {
  if (phase_ != Phase::kStreamListing && phase_ != Phase::kWatching) return;
  any_event_ = true;
  absl::Status error;
  if (!events.empty() && events.back().type == WatchEventType::kError) {
    error = FromApiStatus(events.back().error);
    events.pop_back();
  }
  if (phase_ == Phase::kStreamListing) OnInitialEvents(events);
  if (phase_ == Phase::kWatching && !events.empty()) OnChanges(std::move(events));
  if (!error.ok()) OnWatchClosed(std::move(error));
}

void Reflector::OnWatchClosed(absl::Status status) {
  if (phase_ == Phase::kStreamListing) {
    env_.stats.watch_ends->Add();
    return OnStreamListFailed(status);
  }
  if (phase_ != Phase::kWatching) return;
  env_.stats.watch_ends->Add();
  bytes_check_.OnWatchEnded(DoubtAfter(status));
  const bool of_use = opened_ && (any_event_ || Lasted());
  if (of_use && IsUnavailable(status)) return OnBrokenOff(status);
  OnWatchFailed(status);
}

void Reflector::OnListed(absl::StatusOr<ObjectList> listed) {
  if (phase_ != Phase::kListing) return;
  if (!listed.ok()) return OnListFailed(listed.status());
  callbacks_.on_warnings(std::move(listed->warnings));
  callbacks_.on_access(ReadVerb::kList, true, asked_at_);
  Snapshot snapshot{.version = listed->version,
                    .objects = {},
                    .envelope = std::move(listed->envelope),
                    .api_version = "",
                    .kind = ""};
  for (ObjectPtr& item : listed->items) snapshot.objects.Put(std::move(item));
  if (HandOver(std::move(snapshot))) Schedule(Step::kWatch, absl::ZeroDuration());
}

// Changes may come between the initial objects and the bookmark that ends them. What follows that
// bookmark is left in `events`.
void Reflector::OnInitialEvents(std::vector<WatchEvent>& events) {
  auto event = events.begin();
  for (; event != events.end(); ++event) {
    if (event->type == WatchEventType::kDeleted) {
      initial_.Erase(event->object->key());
    } else if (event->type != WatchEventType::kBookmark) {
      initial_.Put(std::move(event->object));
    } else if (event->initial_events_end) {
      break;
    }
  }
  if (event == events.end()) return events.clear();
  Snapshot snapshot{.version = event->version,
                    .objects = std::exchange(initial_, SnapshotMap()),
                    .envelope = std::nullopt,
                    .api_version = std::move(event->api_version),
                    .kind = std::move(event->kind)};
  events.erase(events.begin(), event + 1);
  if (!HandOver(std::move(snapshot))) return;
  phase_ = Phase::kWatching;
  deadline_timer_->Disable();
}

// Healthy first: readers that have waited for the snapshot look at both. After a LIST the watch
// is given a moment to open (kOpenWithin).
bool Reflector::HandOver(Snapshot snapshot) {
  bytes_check_.OnSynced();
  SetHealthy(true);
  const ResourceVersion version = snapshot.version;
  absl::Status taken =
      version < last_
          ? InternalError(StrCat("a list at ", version.ToString(),
                                 " is older than what was shown before, ", last_.ToString()))
          : callbacks_.on_snapshot(std::move(snapshot));
  if (!taken.ok()) {
    env_.stats.time_travel_refused->Add();
    RetryLater(Step::kSync, taken);
    return false;
  }
  if (synced_) env_.stats.relists->Add();
  synced_ = true;
  last_ = watched_ = version;
  last_sync_ = env_.dispatcher.Now();
  denied_since_.reset();
  return true;
}

void Reflector::OnChanges(std::vector<WatchEvent> events) {
  for (const WatchEvent& event : events) {
    const bool bookmark = event.type == WatchEventType::kBookmark;
    (bookmark ? env_.stats.bookmarks : env_.stats.events)->Add();
    watched_ = std::max(watched_, event.version);
  }
  last_ = std::max(last_, watched_);
  const absl::Status taken = callbacks_.on_events(std::move(events));
  if (!taken.ok()) {
    env_.stats.time_travel_refused->Add();
    return RetryLater(Step::kSync, taken);
  }
  backoff_.Reset();
  short_watches_ = 0;
  denied_since_.reset();
}

void Reflector::OnListedBeside(ObjectList list, MonotonicTime asked) {
  callbacks_.on_access(ReadVerb::kList, true, asked);
  SnapshotMap objects;
  for (ObjectPtr& item : list.items) objects.Put(std::move(item));
  callbacks_.on_bytes(objects);
  SetHealthy(true);
}

}  // namespace weir
