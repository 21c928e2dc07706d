// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/watch_window.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"

namespace weir {
namespace {

// Revisions without events cost little, but not nothing.
constexpr size_t kRevisionsPerEvent = 2;
constexpr size_t kMinRevisions = 64;
// So much more than window_bytes is kept for the sake of window_min_events.
constexpr size_t kMaxOverBytes = 4;

// Of proofs in a row so many versions are remembered at which readers may resume.
constexpr size_t kProvedVersions = 64;

bool IsBookmark(const Revision& revision) { return revision.events.empty() && !revision.relisted; }
bool IsProof(const Revision& revision) { return revision.events.empty() && revision.relisted; }

}  // namespace

void WatchWindow::Append(RevisionPtr revision) {
  if (newest_ == nullptr) {
    begin_ = revision->version;
    begin_sequence_ = revision->sequence;
    newest_ = std::move(revision);
    return;
  }
  WEIR_CHECK(revision->sequence == newest_->sequence + 1);
  newest_ = revision;
  if (Merge(revision)) return;
  events_ += revision->events.size();
  bytes_ += revision->event_bytes;
  entries_.push_back({std::move(revision)});
  Trim();
}

// Of bookmarks in a row the last one says it all; so it does of proofs, but for the versions at
// which readers may resume: what came and went between them is not known. The first of those is
// that of the state before them all.
bool WatchWindow::Merge(const RevisionPtr& revision) {
  if (entries_.empty()) return false;
  Entry& last = entries_.back();
  if (IsProof(*revision) && IsProof(*last.revision)) {
    if (last.proved.size() >= kProvedVersions) last.proved.erase(last.proved.begin() + 1);
    last.proved.push_back(last.revision->after);
  } else if (!IsBookmark(*revision) || !IsBookmark(*last.revision)) {
    return false;
  }
  last.revision = revision;
  return true;
}

void WatchWindow::Trim() {
  while (entries_.size() > 1) {
    const Revision& oldest = *entries_.front().revision;
    const bool needed = events_ - oldest.events.size() < options_.window_min_events;
    const bool too_many = entries_.size() > kMinRevisions + kRevisionsPerEvent * events_;
    const bool over = events_ > options_.window_events || bytes_ > options_.window_bytes;
    const bool far_over = bytes_ > kMaxOverBytes * options_.window_bytes;
    if (!too_many && !far_over && (!over || needed)) return;
    events_ -= oldest.events.size();
    bytes_ -= oldest.event_bytes;
    begin_ = oldest.version;
    begin_sequence_ = oldest.sequence;
    entries_.pop_front();
  }
}

std::deque<WatchWindow::Entry>::const_iterator WatchWindow::EntryAfter(uint64_t sequence) const {
  return std::partition_point(entries_.begin(), entries_.end(), [sequence](const Entry& entry) {
    return entry.revision->sequence <= sequence;
  });
}

RevisionPtr WatchWindow::After(uint64_t sequence) const {
  if (sequence < begin_sequence_) return nullptr;
  const auto next = EntryAfter(sequence);
  return next == entries_.end() ? nullptr : next->revision;
}

std::optional<WatchPosition> WatchWindow::Find(ResourceVersion since) const {
  if (since < begin_) return std::nullopt;
  const auto next = std::partition_point(
      entries_.begin(), entries_.end(),
      [since](const Entry& entry) { return entry.revision->version <= since; });
  if (RevisionPtr repair = RepairAt(next, since)) return WatchPosition{std::move(repair), 0};
  if (next == entries_.end()) return WatchPosition{newest_, newest_->events.size()};
  // Between the two versions of a relist or a proof nothing is known of what came and went.
  const bool between = next->revision->relisted && next->revision->after != since &&
                       !std::binary_search(next->proved.begin(), next->proved.end(), since);
  if (between) return FindHeard(next, since);
  return WatchPosition{next->revision, 0};
}

// Of the Revisions at `since`, which end before `end`: the first that a list has mended at the
// version that the state had already. Who comes with it may have it from before.
RevisionPtr WatchWindow::RepairAt(std::deque<Entry>::const_iterator end,
                                  ResourceVersion since) const {
  RevisionPtr repair;
  for (auto entry = end; entry != entries_.begin();) {
    const RevisionPtr& revision = (--entry)->revision;
    if (revision->version != since) break;
    if (revision->relisted && revision->after == since && !revision->events.empty()) {
      repair = revision;
    }
  }
  return repair;
}

// After a proof: but for what the watch has brought since.
std::optional<WatchPosition> WatchWindow::FindHeard(std::deque<Entry>::const_iterator proof,
                                                    ResourceVersion since) const {
  const ResourceVersion version = proof->revision->version;
  for (auto entry = proof; entry != entries_.end(); ++entry) {
    const RevisionPtr& revision = entry->revision;
    if (revision->version != version) break;
    if (revision->heard == since) return WatchPosition{revision, revision->events.size()};
  }
  return std::nullopt;
}

uint64_t WatchWindow::EventsAfter(const WatchPosition& position) const {
  const Revision& revision = *position.revision;
  const uint64_t rest = revision.events.size() - position.index;
  return rest + newest_->events_total - revision.events_total;
}

}  // namespace weir
