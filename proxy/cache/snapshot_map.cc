// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/snapshot_map.h"

#include <utility>

#include "absl/container/inlined_vector.h"

#include "proxy/cache/snapshot_node.h"

namespace weir {
namespace {

// Walks a tree in order, at any height: what it stands at is an object or a node not yet entered.
class Cursor {
 public:
  explicit Cursor(const SnapshotNode* root) : root_(root) {}

  bool at_end() const { return root_ == nullptr && frames_.empty(); }
  // nullptr: at an object. REQUIRES (this and below): !at_end().
  const SnapshotNode* node() const {
    if (root_ != nullptr) return root_;
    return top().node->leaf() ? nullptr : top().node->child(top().index);
  }
  const ObjectPtr& object() const { return top().node->object(top().index); }
  ObjectKeyView FirstKey() const {
    const SnapshotNode* const subtree = node();
    return subtree != nullptr ? subtree->FirstKey() : top().node->key(top().index);
  }
  // REQUIRES: at a node.
  void Enter(size_t index = 0) {
    const SnapshotNode* const subtree = node();
    root_ = nullptr;
    frames_.push_back({subtree, index});
    LeaveEnded();
  }
  void Skip() {
    if (root_ != nullptr) {
      root_ = nullptr;
      return;
    }
    ++frames_.back().index;
    LeaveEnded();
  }
  // To the first object whose key is not before `key` (after it, with `after`).
  // REQUIRES: at the root.
  void Seek(ObjectKeyView key, bool after) {
    while (!at_end() && node() != nullptr) {
      const bool last = node()->leaf();
      Enter(node()->Search(key, after));
      if (last) break;
    }
    EnterAll();
  }
  // To the object this stands at or before.
  void EnterAll() {
    while (!at_end() && node() != nullptr) Enter();
  }

 private:
  struct Frame {
    const SnapshotNode* node;
    size_t index;
  };
  const Frame& top() const { return frames_.back(); }
  void LeaveEnded() {
    while (!frames_.empty() && top().index == top().node->count()) {
      frames_.pop_back();
      if (!frames_.empty()) ++frames_.back().index;
    }
  }

  const SnapshotNode* root_;  // Until it is entered.
  absl::InlinedVector<Frame, 8> frames_;
};

void VisitBoth(Cursor& before, Cursor& after, SnapshotMap::DiffVisitor visit) {
  static const ObjectPtr kNone;
  const std::strong_ordering order = before.object()->key() <=> after.object()->key();
  if (order < 0) {
    visit(before.object(), kNone);
  } else if (order > 0) {
    visit(kNone, after.object());
  } else if (before.object() != after.object()) {
    visit(before.object(), after.object());
  }
  if (order <= 0) before.Skip();
  if (order >= 0) after.Skip();
}

// One of them stands at a node. A shared subtree is met as one node by both if neither is entered
// earlier than it must be: the higher one goes first, then the one that begins earlier.
void EnterOne(Cursor& before, Cursor& after) {
  const size_t height_before = before.node() == nullptr ? 0 : before.node()->height();
  const size_t height_after = after.node() == nullptr ? 0 : after.node()->height();
  if (height_before > height_after) return before.Enter();
  if (height_before < height_after) return after.Enter();
  const std::strong_ordering order = before.FirstKey() <=> after.FirstKey();
  if (order <= 0) before.Enter();
  if (order >= 0) after.Enter();
}

// An object before all of the other's node is in one version only, and leaves that node unentered.
bool VisitLone(Cursor& object_at, Cursor& node_at) {
  if (object_at.node() != nullptr || node_at.node() == nullptr) return false;
  return object_at.FirstKey() < node_at.FirstKey();
}

}  // namespace

SnapshotMap::SnapshotMap(const SnapshotMap& other) : root_(other.root_), size_(other.size_) {
  if (root_ != nullptr) root_->Hold();
}

SnapshotMap::SnapshotMap(SnapshotMap&& other) noexcept
    : root_(std::exchange(other.root_, nullptr)), size_(std::exchange(other.size_, 0)) {}

SnapshotMap& SnapshotMap::operator=(SnapshotMap other) noexcept {
  std::swap(root_, other.root_);
  std::swap(size_, other.size_);
  return *this;
}

SnapshotMap::~SnapshotMap() {
  if (root_ != nullptr) SnapshotNode::Release(root_);
}

ObjectPtr SnapshotMap::Put(ObjectPtr object) {
  if (root_ == nullptr) root_ = SnapshotNode::NewLeaf();
  ObjectPtr replaced;
  SnapshotNode* const right = SnapshotNode::Insert(root_, std::move(object), true, replaced);
  if (right != nullptr) root_ = SnapshotNode::NewRoot(root_, right);
  if (replaced == nullptr) ++size_;
  return replaced;
}

ObjectPtr SnapshotMap::Erase(ObjectKeyView key) {
  if (Find(key) == nullptr) return nullptr;
  ObjectPtr removed = SnapshotNode::Remove(root_, key);
  --size_;
  while (root_->count() == 1 && !root_->leaf()) SnapshotNode::Collapse(root_);
  if (root_->count() == 0) SnapshotNode::Release(std::exchange(root_, nullptr));
  return removed;
}

const ObjectPtr* SnapshotMap::Find(ObjectKeyView key) const {
  if (root_ == nullptr) return nullptr;
  const SnapshotNode* node = root_;
  while (!node->leaf()) node = node->child(node->Search(key));
  const size_t index = node->Search(key);
  return index < node->count() && node->key(index) == key ? &node->object(index) : nullptr;
}

size_t SnapshotMap::PathBytes() const {
  return root_ == nullptr ? 0 : root_->height() * sizeof(SnapshotNode);
}

void SnapshotMap::Scan(ObjectKeyView from, bool exclusive,
                       absl::FunctionRef<bool(const ObjectPtr&)> visit) const {
  Cursor cursor(root_);
  for (cursor.Seek(from, exclusive); !cursor.at_end(); cursor.EnterAll()) {
    if (!visit(cursor.object())) return;
    cursor.Skip();
  }
}

void SnapshotMap::Diff(const SnapshotMap& before, const SnapshotMap& after, DiffVisitor visit) {
  static const ObjectPtr kNone;
  Cursor a(before.root_);
  Cursor b(after.root_);
  while (!a.at_end() && !b.at_end()) {
    const bool objects = a.node() == nullptr && b.node() == nullptr;
    if (objects) {
      VisitBoth(a, b, visit);
    } else if (a.node() == b.node()) {
      a.Skip();
      b.Skip();
    } else if (VisitLone(a, b)) {
      visit(a.object(), kNone);
      a.Skip();
    } else if (VisitLone(b, a)) {
      visit(kNone, b.object());
      b.Skip();
    } else {
      EnterOne(a, b);
    }
  }
  for (a.EnterAll(); !a.at_end(); a.EnterAll()) {
    visit(a.object(), kNone);
    a.Skip();
  }
  for (b.EnterAll(); !b.at_end(); b.EnterAll()) {
    visit(kNone, b.object());
    b.Skip();
  }
}

}  // namespace weir
