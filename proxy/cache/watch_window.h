// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "proxy/cache/cacher_options.h"
#include "proxy/cache/revision.h"

namespace weir {

// A place in the Revisions of a cache: `index` events of `revision` have been seen, and everything
// before it.
struct WatchPosition {
  RevisionPtr revision;
  size_t index = 0;
};

// The newest Revisions of one cache, within limits, for readers that resume or lag. A value: a
// copy shares the Revisions. Not thread-safe.
class WatchWindow {
 public:
  explicit WatchWindow(const CacherOptions& options) : options_(options) {}

  // The first one's events are not part of the window. REQUIRES: sequences count up by one.
  void Append(RevisionPtr revision);

  bool empty() const { return newest_ == nullptr; }
  const RevisionPtr& newest() const { return newest_; }  // nullptr when empty.
  // REQUIRES (all below): !empty().
  // See CacheReplica.
  RevisionPtr After(uint64_t sequence) const;
  std::optional<WatchPosition> Find(ResourceVersion since) const;
  uint64_t EventsAfter(const WatchPosition& position) const;
  // Readers that have seen this version, or a later one, find their place.
  ResourceVersion begin() const { return begin_; }
  uint64_t begin_sequence() const { return begin_sequence_; }
  // What has been replaced and deleted since `revision`; 0 while the window holds as much.
  // REQUIRES: it was published here.
  uint64_t RetiredSince(const Revision& revision) const {
    if (revision.sequence >= begin_sequence_) return 0;
    return newest_->retired_bytes - revision.retired_bytes;
  }
  // The Revisions kept, oldest first.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const Entry& entry : entries_) visit(*entry.revision);
  }
  // Newest first, until `visit` returns false.
  template <typename Visit>
  void ForEachBackwards(Visit visit) const {
    for (auto entry = entries_.rbegin(); entry != entries_.rend(); ++entry) {
      if (!visit(*entry->revision)) return;
    }
  }

  size_t events() const { return events_; }
  size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    RevisionPtr revision;
    // Of proofs in a row that this entry stands for: the versions before that of the last one.
    std::vector<ResourceVersion> proved = {};
  };
  RevisionPtr RepairAt(std::deque<Entry>::const_iterator end, ResourceVersion since) const;
  std::optional<WatchPosition> FindHeard(std::deque<Entry>::const_iterator proof,
                                         ResourceVersion since) const;
  bool Merge(const RevisionPtr& revision);
  void Trim();
  std::deque<Entry>::const_iterator EntryAfter(uint64_t sequence) const;

  CacherOptions options_;
  RevisionPtr newest_;
  ResourceVersion begin_;        // Of the Revision before the first entry, as is
  uint64_t begin_sequence_ = 0;  // this.
  std::deque<Entry> entries_;
  size_t events_ = 0;
  size_t bytes_ = 0;
};

}  // namespace weir
