// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <mutex>
#include <optional>
#include <string>

#include "proxy/cache/cache_key.h"
#include "proxy/cache/event_view.h"
#include "proxy/cache/watch_window.h"

namespace weir {

// Whose watch it was, and of what: a client that goes on asks for the same.
struct WatcherShape {
  std::string user_agent;
  CacheKey cache;  // The one that served it.
  ViewShape view;

  friend bool operator==(const WatcherShape&, const WatcherShape&) = default;
};

// The last relists that watches told of which have ended: how far their clients have read is not
// known. One that comes back with the version of an event of such a relist has seen its events up
// to there, and can be told the others; of whoever else has that version it cannot be known what he
// saw. Shared by the workers; any thread.
class RelistPlaces {
 public:
  void Note(const WatcherShape& watcher, const ToldRelist& told);
  // A relist of which this watcher was told by an event of this version.
  std::optional<ToldRelist> Find(const WatcherShape& watcher, ResourceVersion since) const;

  static constexpr size_t kMax = 256;  // The oldest are forgotten.

 private:
  struct Place {
    WatcherShape watcher;
    ToldRelist told;
  };
  mutable std::mutex mutex_;
  std::deque<Place> places_;  // Guarded by mutex_. Oldest first.
};

}  // namespace weir
