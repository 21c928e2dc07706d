// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/watch_difference.h"

#include <algorithm>
#include <optional>
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

// How an event says that the object has left the view, if it does: as the API server would send it.
// When it did so in a relist is not known, so it comes first, as inferred deletions do.
std::optional<Placed> Leaving(const EventView& view, const CacheEvent& event,
                              const Revision& revision) {
  std::optional<EventView::Event> seen = view.Select(event);
  if (!seen.has_value() || seen->type != WatchEventType::kDeleted) return std::nullopt;
  const bool found_out = revision.relisted && event.type != WatchEventType::kDeleted;
  if (found_out) seen->version = revision.after;
  return Placed{*std::move(seen), event.inferred || found_out};
}

// Gives the deletions, which are in key order, the version of the last of the window's events by
// which their object left. What became of it then is no event to this reader, nor to one that
// breaks off and resumes.
void FindVersions(std::vector<Placed>& deletions, const EventView& view,
                  const WatchWindow& window) {
  const auto by_key = [](const Placed& placed, ObjectKeyView key) {
    return placed.event.object->key() < key;
  };
  window.ForEach([&](const Revision& revision) {
    for (const CacheEvent& event : revision.events) {
      const ObjectKeyView key = event.object->key();
      const auto it = std::lower_bound(deletions.begin(), deletions.end(), key, by_key);
      if (it == deletions.end() || it->event.object->key() != key ||
          it->event.object->uid() != event.object->uid()) {
        continue;
      }
      if (std::optional<Placed> left = Leaving(view, event, revision)) *it = *std::move(left);
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
