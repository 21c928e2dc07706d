// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/cache/cache_key.h"
#include "proxy/cache/watch_window.h"
#include "proxy/filter/filter_chain.h"
#include "proxy/kube/changed_paths.h"

namespace weir {

// A row of /changes: which fields an event changed, never to what. Or what a filter said of it.
struct ChangeRow {
  std::string resource = {};
  std::string namespace_name = {}, name = {}, uid = {};
  WatchEventType type = WatchEventType::kModified;
  ResourceVersion version = {};
  absl::Duration age = {};  // Since it was published.
  // Not set: the object came or went, or kMaxCompared was reached.
  std::optional<ChangedPaths> changed = {};
  bool in_full = false;  // Of all that `changed` could name: a whole object, in JSON.
  // "": it is a change. Else what this filter decided, by OutcomeName().
  std::string filter = {};
  std::string_view decision = {};

  static constexpr size_t kMaxRows = 1000;
  // What one worker compares for one request, at most: its loop stands still for it, some
  // milliseconds at the worst. Newer changes come first.
  static constexpr size_t kMaxCompared = 200;
  static constexpr size_t kMaxComparedBytes = 4 << 20;
};

struct ChangeQuery {
  std::string resource = {};  // GroupVersionResource::Name(); "" for all.
  size_t limit = ChangeRow::kMaxRows;
};

// Newest first, each change once although several caches may have it, `limit` at most.
std::vector<ChangeRow> MergeChanges(std::vector<ChangeRow> rows, size_t limit);

// Reads the newest changes of some windows. Lives within one turn of the windows' thread.
class ChangeReader {
 public:
  ChangeReader(const ChangeQuery& query, MonotonicTime now) : query_(query), now_(now) {}

  // REQUIRES: the window outlives the reader, unchanged.
  void Add(const CacheKey& key, const WatchWindow& window, const FilterChain& filters);
  std::vector<ChangeRow> Take();

 private:
  struct Candidate {
    const CacheKey* key;
    const CacheEvent* event;
    MonotonicTime published;
  };
  static bool TellsMore(const Candidate& a, const Candidate& b);
  void KeepNewest();

  const ChangeQuery query_;
  const MonotonicTime now_;
  std::vector<Candidate> candidates_;
  std::vector<ChangeRow> decisions_;
};

}  // namespace weir
