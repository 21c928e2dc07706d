// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/container/inlined_vector.h"

#include "proxy/kube/object.h"

// The nodes of SnapshotMap. Private to it.

namespace weir {

inline constexpr size_t kSnapshotFanOut = 16;

// The keys of one node in one piece of memory. Immutable: shared by all versions of a node that
// differ only in what its keys lead to.
class KeyList {
 public:
  // REQUIRES: at most kSnapshotFanOut keys, in order.
  template <typename Entries>
  static std::shared_ptr<const KeyList> Make(const Entries& entries, size_t begin, size_t end) {
    auto list = std::make_shared<KeyList>();
    size_t bytes = 0;
    for (size_t i = begin; i < end; ++i) {
      bytes += entries[i].key.namespace_name.size() + entries[i].key.name.size();
    }
    list->text_.reserve(bytes);
    for (size_t i = begin; i < end; ++i) list->Append(entries[i].key);
    return list;
  }

  size_t size() const { return size_; }
  ObjectKeyView operator[](size_t i) const;
  // The first index from `begin` whose key is not before `key`; with `after`, is after it.
  size_t Search(ObjectKeyView key, size_t begin, bool after) const;

 private:
  struct Span {
    uint32_t begin;
    uint32_t namespace_size;
    uint32_t name_size;
  };
  void Append(ObjectKeyView key);

  std::array<Span, kSnapshotFanOut> spans_;
  uint32_t size_ = 0;
  std::string text_;
};

// A node of a persistent B+tree: reached from any number of parents and roots, and written only
// while there is one. Leaves (height 1) hold objects and their keys, inner nodes hold children and
// a lower bound of each child's keys; that of the first child is never looked at. Recursion is as
// deep as the tree is high.
class SnapshotNode {
 public:
  using Split = SnapshotNode*;  // A new right neighbour, or nullptr.

  static SnapshotNode* NewLeaf() { return new SnapshotNode(1); }
  // A root above two nodes of one height.
  static SnapshotNode* NewRoot(SnapshotNode* left, SnapshotNode* right);
  void Hold() { refs_.fetch_add(1, std::memory_order_relaxed); }
  static void Release(SnapshotNode* node);

  bool leaf() const { return height_ == 1; }
  size_t height() const { return height_; }
  size_t count() const { return count_; }
  const ObjectPtr& object(size_t i) const { return objects_[i]; }
  SnapshotNode* child(size_t i) const { return children_[i]; }
  // The position of the child to descend to, or in a leaf of the first object not before `key`
  // (after it, with `after`).
  size_t Search(ObjectKeyView key, bool after = false) const;
  ObjectKeyView key(size_t i) const { return (*keys_)[i]; }
  // Exactly the first, which in an inner node key(0) need not be. REQUIRES: not empty.
  ObjectKeyView FirstKey() const;

  // All below change the node at `slot`, replacing it there by a copy if others hold it too.

  // `rightmost`: nothing in the tree is to the right of the node.
  static Split Insert(SnapshotNode*& slot, ObjectPtr object, bool rightmost, ObjectPtr& replaced);
  // REQUIRES: the key is there. The node may be empty afterwards.
  static ObjectPtr Remove(SnapshotNode*& slot, ObjectKeyView key);
  // Takes the only child out of a root. REQUIRES: inner, one child.
  static void Collapse(SnapshotNode*& root);

 private:
  struct Entry {
    ObjectKeyView key;
    ObjectPtr object;
    SnapshotNode* child = nullptr;
  };
  using Entries = absl::InlinedVector<Entry, 2 * kSnapshotFanOut + 1>;

  explicit SnapshotNode(size_t height);
  ~SnapshotNode();
  static void MakeUnique(SnapshotNode*& slot);
  static void Rebalance(SnapshotNode& parent, size_t index);
  SnapshotNode* Clone() const;
  // Moves everything out; the keys stay views of keys_.
  void TakeInto(Entries& entries);
  // Moves entries [begin, end) in, replacing what was there.
  void Fill(Entries& entries, size_t begin, size_t end);
  // Inserts; makes a new right neighbour when full.
  Split Add(size_t index, Entry entry, bool rightmost);
  void RemoveAt(size_t index);

  std::atomic<uint32_t> refs_{1};
  const uint8_t height_;
  uint8_t count_ = 0;
  std::shared_ptr<const KeyList> keys_;
  union {
    ObjectPtr objects_[kSnapshotFanOut];       // Leaf.
    SnapshotNode* children_[kSnapshotFanOut];  // Inner.
  };
};

}  // namespace weir
