// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/watch_difference.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir {
namespace {

// An event and its place among others of one version: what a Revision infers comes after what the
// Revisions before it say.
struct Placed {
  EventView::Event event;
  bool inferred = false;
};

bool ByPlace(const Placed& a, const Placed& b) {
  if (a.event.version != b.event.version) return a.event.version < b.event.version;
  return a.inferred < b.inferred;
}

// Gives the deletions, which are in key order, the version of the window's event that says so.
void FindVersions(std::vector<Placed>& deletions, const EventView& view,
                  const WatchWindow& window) {
  const auto by_key = [](const Placed& placed, ObjectKeyView key) {
    return placed.event.object->key() < key;
  };
  window.ForEach([&](const Revision& revision) {
    for (const CacheEvent& event : revision.events) {
      if (event.type != WatchEventType::kDeleted) continue;
      const ObjectKeyView key = event.object->key();
      const auto it = std::lower_bound(deletions.begin(), deletions.end(), key, by_key);
      if (it == deletions.end() || it->event.object->key() != key ||
          it->event.object->uid() != event.object->uid()) {
        continue;
      }
      it->event.version = event.version;
      it->inferred = event.inferred;
      if (view.Includes(*event.object)) it->event.object = event.object;
    }
  });
}

}  // namespace

std::deque<EventView::Event> WatchDifference(const EventView& view, const Revision& before,
                                             const WatchWindow& window) {
  std::vector<Placed> placed;
  std::vector<Placed> deletions;
  SnapshotMap::Diff(before.objects, window.newest()->objects,
                    [&](const ObjectPtr& was, const ObjectPtr& is) {
                      for (EventView::Event& event : view.Difference(was, is)) {
                        auto& list = event.version.is_set() ? placed : deletions;
                        list.push_back({std::move(event), false});
                      }
                    });
  if (!deletions.empty()) FindVersions(deletions, view, window);

  std::deque<EventView::Event> difference;
  for (Placed& deletion : deletions) {
    if (deletion.event.version.is_set()) {
      placed.push_back(std::move(deletion));
      continue;
    }
    deletion.event.version = before.version;
    difference.push_back(std::move(deletion.event));
  }
  std::stable_sort(placed.begin(), placed.end(), ByPlace);
  for (Placed& next : placed) difference.push_back(std::move(next.event));
  return difference;
}

}  // namespace weir
