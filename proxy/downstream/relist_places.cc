// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/relist_places.h"

#include <algorithm>

namespace weir {

void RelistPlaces::Note(const WatcherShape& watcher, const ToldRelist& told) {
  const std::lock_guard lock(mutex_);
  const auto same =
      std::find_if(places_.begin(), places_.end(), [&watcher, &told](const Place& place) {
        return place.told.after == told.after && place.told.version == told.version &&
               place.watcher == watcher;
      });
  if (same != places_.end()) {
    same->told.through = std::max(same->told.through, told.through);
    return;
  }
  if (places_.size() >= kMax) places_.pop_front();
  places_.push_back({watcher, told});
}

std::optional<ToldRelist> RelistPlaces::Find(const WatcherShape& watcher,
                                             ResourceVersion since) const {
  const std::lock_guard lock(mutex_);
  for (const Place& place : places_) {
    if (place.told.Reaches(since) && place.watcher == watcher) return place.told;
  }
  return std::nullopt;
}

}  // namespace weir
