// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/backoff.h"
#include "proxy/cache/bytes_check.h"
#include "proxy/cache/cacher_options.h"
#include "proxy/cache/cacher_stats.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/cache/snapshot_map.h"

namespace weir {

// Mirrors one source: stream-list where the source can, else LIST and WATCH; resumes after every
// end, lists again when it cannot. Before it can go on it waits, longer each time, but for a moment
// only where what broke off was of use. Not thread-safe; owned by a Cacher.
class Reflector : private WatchHandler {
 public:
  // Every object at one version.
  struct Snapshot {
    ResourceVersion version;
    SnapshotMap objects;
    std::optional<ListEnvelope> envelope;  // Of a LIST.
    std::string api_version, kind;         // As far as they are known.
  };
  struct Callbacks {
    // Error: refused, ask again later.
    std::function<absl::Status(Snapshot)> on_snapshot;
    // Never empty, no kError. Error: list again.
    std::function<absl::Status(std::vector<WatchEvent>)> on_events;
    // A list from beside the watch, not in step with it: what it has of the same versions has these
    // bytes now.
    std::function<void(const SnapshotMap&)> on_bytes;
    std::function<void(bool healthy)> on_health;  // Changes only.
    // A request sent at `asked` was accepted, or refused for want of the right.
    std::function<void(ReadVerb verb, bool allowed, MonotonicTime asked)> on_access;
    // Of an accepted request; on_access follows.
    std::function<void(Warnings)> on_warnings;
    // Whether the source takes stream-lists, each time that is seen.
    std::function<void(bool works)> on_stream_list;
    // The source cannot be mirrored. No call follows.
    std::function<void(absl::Status)> on_unavailable;
  };
  struct Environment {
    Dispatcher& dispatcher;
    ListerWatcher& source;
    CacherStats& stats;
    const CacherOptions& options;
    std::string resource;   // For the log.
    ResourceVersion floor;  // The first snapshot must be at least as new.
  };
  // REQUIRES: all that is referred to outlives it.
  Reflector(Environment environment, Callbacks callbacks);

  void Start();
  // The state at `version` is known by other means. Watches still go on from where they were, for
  // how it came about, as long as the source can tell.
  void Advance(ResourceVersion version);
  // Lists all objects, at `at_least` or any later version, as soon as it may ask at all.
  void ListAgain(ResourceVersion at_least);
  // The resource is a built-in kind, whose versions have the same bytes for ever. Not so a custom
  // resource, whose bytes have to be compared after some ends of watches (BytesCheck).
  void set_built_in(bool built_in) { built_in_ = built_in; }
  // "stream-list", "list+watch", or what it does before that, or what it waits for.
  std::string Describe() const;

 private:
  enum class Phase { kWaiting, kListing, kStreamListing, kWatching, kStopped };
  enum class Step { kSync, kWatch };  // What to do after waiting.

  void OnWatchOpened(absl::Duration lifetime, Warnings warnings) override;
  void OnWatchEvents(std::vector<WatchEvent> events) override;
  void OnWatchClosed(absl::Status status) override;

  void Schedule(Step step, absl::Duration delay);
  void RetryLater(Step step, const absl::Status& why);
  void Retry(Step step, const absl::Status& why, absl::Duration delay);
  void TakeStep();
  void StartStreamList();
  void StartList();
  void StartWatch();
  void OnDeadline();
  void SetHealthy(bool healthy);

  void OnListed(absl::StatusOr<ObjectList> listed);
  void OnInitialEvents(std::vector<WatchEvent>& events);
  void OnChanges(std::vector<WatchEvent> events);
  bool HandOver(Snapshot snapshot);

  void OnListedBeside(ObjectList list, MonotonicTime asked);
  void OnListBesideRefused(const absl::Status& why, MonotonicTime asked);

  // What went wrong, and what follows from it: reflector_failures.cc.
  void OnListFailed(const absl::Status& status);
  void OnStreamListFailed(const absl::Status& status);
  void OnWatchFailed(const absl::Status& status);
  // The connection failed under a watch that was of use.
  void OnBrokenOff(const absl::Status& status);
  bool Lasted() const;
  // The server had been asked to let the watch go on for longer.
  bool EndedEarly() const;
  BytesCheck::Doubt DoubtAfter(const absl::Status& end) const;
  void OnCleanEnd();
  // The watch cannot go on from where it was: it does from what is known otherwise, if that is
  // more.
  bool GoOnFromKnown();
  void OnExpired(const absl::Status& status);
  void OnUndecodable(const absl::Status& status);
  void OnDenied(const absl::Status& status);
  void GiveUp(const absl::Status& status);

  const Environment env_;
  const Callbacks callbacks_;

  Phase phase_ = Phase::kWaiting;
  Step next_ = Step::kSync;
  RequestHandle request_;  // Never destroyed while it may be calling: only by TakeStep().
  TimerPtr step_timer_, deadline_timer_;
  Backoff backoff_;
  Backoff resume_backoff_;  // After watches that were of use and broke off.
  std::string trouble_;     // Why it waits.

  bool synced_ = false;
  bool healthy_ = false;
  ResourceVersion last_;        // The state at this version is known; before that the floor.
  ResourceVersion watched_;     // Every event up to here has been handed over.
  ResourceVersion list_floor_;  // Lists are asked for at this or last_, whichever is later.
  MonotonicTime last_sync_;
  bool built_in_ = false;
  bool stream_list_works_ = true;
  bool list_next_ = false;  // This once.
  bool by_stream_list_ = false;
  SnapshotMap initial_;  // Of a stream-list, until its end bookmark.
  BytesCheck bytes_check_;

  // Of the present request.
  MonotonicTime asked_at_;
  bool opened_ = false;
  bool any_event_ = false;
  MonotonicTime opened_at_;
  absl::Duration lifetime_;
  // Since the last watch that was of use.
  int short_watches_ = 0;
  std::optional<MonotonicTime> denied_since_;
  ResourceVersion undecodable_after_;
};

}  // namespace weir
