// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "proxy/base/backoff.h"
#include "proxy/cache/cacher_stats.h"
#include "proxy/cache/lister_watcher.h"

namespace weir {

// When the definition of a custom resource changes, the API server ends its watches, and what it
// sends afterwards may have other bytes under the same versions. A watch can be resumed all the
// same, and misses no event; this finds what has been rewritten, by a list beside it. Not
// thread-safe; owned by a Reflector. Calls out in turns of its own only.
class BytesCheck {
 public:
  struct Environment {
    Dispatcher& dispatcher;
    ListerWatcher& source;
    CacherStats& stats;
    std::string resource;  // For the log.
  };
  struct Callbacks {
    // A list sent at `asked`, at the version given to OnWatchOpened() or later.
    std::function<void(ObjectList list, MonotonicTime asked)> on_listed;
    // It will not be answered: all objects have to be read otherwise.
    std::function<void(const absl::Status& why, MonotonicTime asked)> on_refused;
  };
  enum class Doubt {
    kNone,
    kSlight,   // The watch broke off, and nobody knows what happened until the next one was open.
    kSerious,  // It was ended early, which is what a change of the definition looks like.
  };
  // REQUIRES: all that is referred to outlives it.
  BytesCheck(Environment environment, Callbacks callbacks);

  void OnWatchEnded(Doubt doubt);
  // Nobody watches or is to be told anything: until OnWatchOpened().
  void Stop();
  // From now on a change would end the watch, so that it is of use to look.
  void OnWatchOpened(ResourceVersion at_least);
  // All objects have been read otherwise.
  void OnSynced();
  // Nobody is to be told that the state is up to date.
  bool serious() const { return doubt_ == Doubt::kSerious; }

 private:
  absl::Duration Delay();
  void OnTurn();
  void OnListed(absl::StatusOr<ObjectList> listed);

  const Environment env_;
  const Callbacks callbacks_;
  Doubt doubt_ = Doubt::kNone;
  Backoff slight_delay_, retry_delay_;
  TimerPtr timer_;
  absl::Status refusal_;  // If not OK, to be told in the next turn: the request may be calling.
  ResourceVersion at_least_;
  std::optional<MonotonicTime> asked_at_;  // The last time.
  RequestHandle request_;
};

}  // namespace weir
