// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "proxy/cache/event_view.h"
#include "proxy/cache/revision.h"

namespace weir {

// What the readers of one replica whose views have one shape share: each event is evaluated, and
// what they are sent of it derived, once for all of them and not once for each. It remembers the
// last Revisions that any of them read, within limits; one that is further behind than that pays
// for itself, as one that is alone does. Owned by its cursors. Not thread-safe.
class ViewClass : public std::enable_shared_from_this<ViewClass> {
 public:
  explicit ViewClass(EventView view) : view_(std::move(view)) {}

  const EventView& view() const { return view_; }
  // The event as its readers are sent it (Selected and Shown); nothing: they see nothing of it.
  // REQUIRES: `index` < revision.events.size().
  std::optional<EventView::Event> Translate(const Revision& revision, size_t index);
  uint64_t evaluations() const { return evaluations_; }  // So far.

 private:
  // What they see of one event. What the Revision holds anyway is not held again: a memo may
  // outlive the window.
  struct Answer {
    enum class Kind : uint8_t { kUnknown, kNothing, kAsItIs, kMade };
    Kind kind = Kind::kUnknown;
    WatchEventType type = WatchEventType::kAdded;
    ObjectPtr made = nullptr;
  };
  struct Memo {
    uint64_t sequence;
    std::vector<Answer> answers;  // One per event of the Revision.
    size_t bytes;
  };
  // Null: not to be remembered.
  Memo* MemoOf(const Revision& revision);
  std::optional<EventView::Event> Evaluate(const CacheEvent& event);
  void Remember(Memo& memo, size_t index, const CacheEvent& event,
                const std::optional<EventView::Event>& seen);
  // Forgets memos older than that of `sequence` until there is room for so many more and for
  // `bytes`; whether there is.
  bool MakeRoom(uint64_t sequence, size_t memos, size_t bytes);

  const EventView view_;
  std::deque<Memo> memos_;  // By sequence.
  size_t bytes_ = 0;        // Of all memos.
  uint64_t evaluations_ = 0;
};
using ViewClassPtr = std::shared_ptr<ViewClass>;

// The ViewClasses of one replica that have readers.
class ViewClasses {
 public:
  // Null for a view of everything, which costs nothing to begin with.
  ViewClassPtr Get(EventView view);
  // A reader has come across an object that cannot be shown as it asked (see EventView::Show);
  // so would others be who ask for metadata: they are to be served otherwise.
  bool not_showable() const { return not_showable_; }
  size_t size() const { return classes_.size(); }
  void FoundNotShowable() { not_showable_ = true; }

 private:
  void Purge();

  absl::flat_hash_map<ViewShape, std::weak_ptr<ViewClass>> classes_;
  bool not_showable_ = false;
  size_t purge_at_ = 16;  // So many may be there, those without readers among them.
};

}  // namespace weir
