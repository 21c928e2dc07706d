// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/change_row.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <tuple>
#include <utility>

namespace weir {
namespace {

// What makes a change the same one in two caches. A deletion that was found out by a relist may
// have the version of the change before it.
using ChangeId =
    std::tuple<std::string_view, ResourceVersion, bool, std::string_view, std::string_view>;

ChangeId IdOf(std::string_view uid, ResourceVersion version, WatchEventType type,
              std::string_view filter = {}, std::string_view decision = {}) {
  return {uid, version, type == WatchEventType::kDeleted, filter, decision};
}

bool TellsMore(const ChangeRow& a, const ChangeRow& b) {
  return std::make_tuple(a.changed.has_value(), a.in_full) >
         std::make_tuple(b.changed.has_value(), b.in_full);
}

bool CanCompare(const CacheEvent& event) {
  return event.type == WatchEventType::kModified && event.previous != nullptr &&
         event.object->representation() == event.previous->representation();
}

bool IsJson(const CacheEvent& event) {
  return event.object->representation() == Representation::kJson;
}

absl::StatusOr<ChangedPaths> Compare(const CacheEvent& event) {
  const std::string_view before = event.previous->raw();
  const std::string_view after = event.object->raw();
  return IsJson(event) ? FindChangedPaths(before, after) : FindChangedProtobufPaths(before, after);
}

}  // namespace

std::vector<ChangeRow> MergeChanges(std::vector<ChangeRow> rows, size_t limit) {
  std::stable_sort(rows.begin(), rows.end(), [](const ChangeRow& a, const ChangeRow& b) {
    return a.age != b.age ? a.age < b.age : a.version > b.version;
  });
  std::map<ChangeId, size_t> places;
  std::vector<size_t> kept;  // Of `rows`, which the ids point into.
  for (size_t i = 0; i < rows.size(); ++i) {
    const ChangeRow& row = rows[i];
    const auto [place, is_new] = places.try_emplace(
        IdOf(row.uid, row.version, row.type, row.filter, row.decision), kept.size());
    if (is_new) {
      kept.push_back(i);
    } else if (TellsMore(row, rows[kept[place->second]])) {
      kept[place->second] = i;
    }
  }
  std::vector<ChangeRow> merged;
  for (size_t i = 0; i < kept.size() && i < limit; ++i) merged.push_back(std::move(rows[kept[i]]));
  return merged;
}

// Of the same change in two caches the one to show: that can be compared, of whole objects, in the
// encoding that says more, of a cache that selects least.
bool ChangeReader::TellsMore(const Candidate& a, const Candidate& b) {
  const auto rank = [](const Candidate& c) {
    return std::make_tuple(CanCompare(*c.event), !c.key->metadata_only, IsJson(*c.event),
                           c.key->label_selector.empty() && c.key->field_selector.empty(),
                           c.key->namespace_name.empty());
  };
  return rank(a) > rank(b);
}

void ChangeReader::Add(const CacheKey& key, const WatchWindow& window, const FilterChain& filters) {
  if (!query_.resource.empty() && key.resource.Name() != query_.resource) return;
  for (const FilterDecision& decision : filters.decisions()) {
    decisions_.push_back({.resource = key.resource.Name(),
                          .namespace_name = decision.namespace_name,
                          .name = decision.name,
                          .uid = decision.uid,
                          .type = decision.type,
                          .version = decision.version,
                          .age = now_ - decision.time,
                          .filter = decision.filter,
                          .decision = OutcomeName(decision.outcome)});
  }
  size_t taken = 0;
  window.ForEachBackwards([&](const Revision& revision) {
    for (auto event = revision.events.rbegin(); event != revision.events.rend(); ++event) {
      if (++taken > query_.limit) return false;
      candidates_.push_back({&key, &*event, revision.published});
    }
    return true;
  });
}

// Of all that was added, each change once.
void ChangeReader::KeepNewest() {
  std::stable_sort(
      candidates_.begin(), candidates_.end(),
      [](const Candidate& a, const Candidate& b) { return a.published > b.published; });
  std::map<ChangeId, size_t> places;
  size_t kept = 0;
  for (const Candidate& candidate : candidates_) {
    const CacheEvent& event = *candidate.event;
    const auto [place, is_new] =
        places.try_emplace(IdOf(event.object->uid(), event.version, event.type), kept);
    if (is_new) {
      candidates_[kept++] = candidate;
    } else if (TellsMore(candidate, candidates_[place->second])) {
      candidates_[place->second] = candidate;
    }
  }
  candidates_.resize(std::min(kept, query_.limit));
}

std::vector<ChangeRow> ChangeReader::Take() {
  KeepNewest();
  std::vector<ChangeRow> rows;
  size_t compared = 0;
  size_t bytes = 0;
  for (const Candidate& candidate : std::exchange(candidates_, {})) {
    const CacheEvent& event = *candidate.event;
    ChangeRow& row = rows.emplace_back();
    row.resource = candidate.key->resource.Name();
    row.namespace_name = event.object->namespace_name();
    row.name = event.object->name();
    row.uid = event.object->uid();
    row.type = event.type;
    row.version = event.version;
    row.age = now_ - candidate.published;
    if (!CanCompare(event) || compared == ChangeRow::kMaxCompared) continue;
    bytes += event.object->raw().size() + event.previous->raw().size();
    if (bytes > ChangeRow::kMaxComparedBytes) {
      compared = ChangeRow::kMaxCompared;
      continue;
    }
    ++compared;
    if (auto changed = Compare(event); changed.ok()) row.changed = *std::move(changed);
    row.in_full = IsJson(event) && !candidate.key->metadata_only;
  }
  if (decisions_.empty()) return rows;
  std::move(decisions_.begin(), decisions_.end(), std::back_inserter(rows));
  return MergeChanges(std::move(rows), query_.limit);
}

}  // namespace weir
