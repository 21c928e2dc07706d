// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/view_class.h"

#include <algorithm>
#include <utility>

namespace weir {
namespace {

// Readers that keep up are within a few Revisions of each other.
constexpr size_t kMemoRevisions = 64;
// What one class may hold for its readers, above all metadata derived for them.
constexpr size_t kMemoBytes = 4 << 20;

}  // namespace

std::optional<EventView::Event> ViewClass::Translate(const Revision& revision, size_t index) {
  const CacheEvent& event = revision.events[index];
  Memo* const memo = MemoOf(revision);
  if (memo == nullptr) return Evaluate(event);
  const Answer& known = memo->answers[index];
  switch (known.kind) {
    case Answer::Kind::kNothing:
      return std::nullopt;
    case Answer::Kind::kAsItIs:
      return EventView::Event{known.type, event.object, event.version};
    case Answer::Kind::kMade:
      return EventView::Event{known.type, known.made, event.version};
    case Answer::Kind::kUnknown:
      break;
  }
  std::optional<EventView::Event> seen = Evaluate(event);
  Remember(*memo, index, event, seen);
  return seen;
}

std::optional<EventView::Event> ViewClass::Evaluate(const CacheEvent& event) {
  ++evaluations_;
  std::optional<EventView::Event> seen = view_.Select(event);
  if (seen.has_value()) seen->object = view_.Show(*seen);
  return seen;
}

void ViewClass::Remember(Memo& memo, size_t index, const CacheEvent& event,
                         const std::optional<EventView::Event>& seen) {
  Answer& answer = memo.answers[index];
  if (!seen.has_value()) {
    answer.kind = Answer::Kind::kNothing;
    return;
  }
  if (seen->object == event.object) {
    answer = {Answer::Kind::kAsItIs, seen->type};
    return;
  }
  const size_t bytes = seen->object == nullptr ? 0 : seen->object->footprint();
  if (!MakeRoom(memo.sequence, 0, bytes)) return;
  answer = {Answer::Kind::kMade, seen->type, seen->object};
  memo.bytes += bytes;
  bytes_ += bytes;
}

// A removal at the front of a deque moves none of the others.
bool ViewClass::MakeRoom(uint64_t sequence, size_t memos, size_t bytes) {
  while (bytes_ + bytes > kMemoBytes || memos_.size() + memos > kMemoRevisions) {
    if (memos_.empty() || memos_.front().sequence >= sequence) return false;
    bytes_ -= memos_.front().bytes;
    memos_.pop_front();
  }
  return true;
}

ViewClass::Memo* ViewClass::MemoOf(const Revision& revision) {
  if (weak_from_this().use_count() <= 1) {  // Nobody to remember it for.
    memos_.clear();
    bytes_ = 0;
    return nullptr;
  }
  const auto find = [this, &revision] {
    return std::lower_bound(
        memos_.begin(), memos_.end(), revision.sequence,
        [](const Memo& memo, uint64_t sequence) { return memo.sequence < sequence; });
  };
  if (const auto at = find(); at != memos_.end() && at->sequence == revision.sequence) return &*at;
  const size_t bytes = sizeof(Memo) + revision.events.size() * sizeof(Answer);
  if (!MakeRoom(revision.sequence, 1, bytes)) return nullptr;
  bytes_ += bytes;
  return &*memos_.insert(find(),
                         {revision.sequence, std::vector<Answer>(revision.events.size()), bytes});
}

ViewClassPtr ViewClasses::Get(EventView view) {
  if (view.everything()) return nullptr;
  if (classes_.size() >= purge_at_) Purge();
  std::weak_ptr<ViewClass>& known = classes_[view.shape()];
  ViewClassPtr found = known.lock();
  if (found == nullptr) {
    found = std::make_shared<ViewClass>(std::move(view));
    known = found;
  }
  return found;
}

void ViewClasses::Purge() {
  absl::erase_if(classes_, [](const auto& entry) { return entry.second.expired(); });
  purge_at_ = std::max<size_t>(16, 2 * classes_.size());
}

}  // namespace weir
