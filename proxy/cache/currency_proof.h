// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "proxy/base/thread_owner.h"
#include "proxy/cache/cacher_stats.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/cache/revision_builder.h"
#include "proxy/cache/watch_window.h"

namespace weir {

// Proves that a cache's state is the API server's, with one list of metadata for all who ask
// meanwhile. What the state lacks of that list the watch may still bring; what it has not brought
// after a few seconds has been lost, and the resource is listed again as a whole.
//
// Owned by a Cacher. Calls out in turns of its own only, never from within Want(), OnProgress()
// or OnListed().
class CurrencyProof {
 public:
  struct Environment {
    Dispatcher& dispatcher;
    ListerWatcher& source;
    const RevisionBuilder& state;
    const WatchWindow& window;  // Of that state.
    CacherStats& stats;
    std::string resource;  // For the log.
  };
  struct Callbacks {
    // The state is the API server's at `version`, or at its own version where that is later.
    // `as_of`: it was no older than that at this moment.
    std::function<void(ResourceVersion version, std::optional<MonotonicTime> as_of)> on_proved;
    // The state is not the API server's and will not become so: list again, at `version` or later.
    std::function<void(ResourceVersion version)> on_lost;
    // A list sent at `asked` was answered, or refused for want of the right.
    std::function<void(bool allowed, MonotonicTime asked)> on_list_access;
  };
  // REQUIRES: all that is referred to outlives it.
  CurrencyProof(Environment environment, Callbacks callbacks);

  // Asks for a proof that begins after this call. `at_least` not set: that the state is as recent
  // as the API server's; set: only that its version is that or later.
  void Want(ResourceVersion at_least);
  // The state has changed. The first call comes when there is one.
  void OnProgress();
  // The resource was listed as a whole.
  void OnListed();
  // Whether the watch is up: what it has not brought while it is down is not lost.
  void OnHealth(bool healthy);

 private:
  enum class Phase { kIdle, kListing, kComparing, kRepairing };
  enum class Verdict { kProved, kBehind, kLost };

  void BeginSoon();
  void Arm();
  void OnTurn();
  void Begin();
  void OnVersions(absl::StatusOr<ObjectVersions> listed);
  void Compare();
  Verdict Judge();
  void Repair();
  void Finish(const CounterHandle& result);
  void Fail(std::string_view why);

  // Set once.
  const Environment env_;
  const Callbacks callbacks_;
  ThreadOwner thread_;

  // To be proved next.
  bool most_recent_wanted_ = false;
  ResourceVersion version_wanted_;

  // Of the present proof.
  bool watch_up_ = false;
  Phase phase_ = Phase::kIdle;
  bool most_recent_ = false;
  MonotonicTime began_;
  RequestHandle request_;
  ResourceVersion listed_version_;
  size_t listed_size_ = 0;
  // Where the state did not agree with the list: what that has there, without a version where it
  // has nothing.
  std::vector<ObjectVersions::Item> differences_;
  bool waited_ = false;
  bool progress_ = false;  // Since compared_.
  bool listed_again_ = false;
  MonotonicTime compared_, deadline_;
  TimerPtr timer_;
};

}  // namespace weir
