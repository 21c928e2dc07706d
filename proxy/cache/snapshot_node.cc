// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/snapshot_node.h"

#include <algorithm>
#include <new>
#include <string_view>
#include <utility>

#include "proxy/base/check.h"

namespace weir {
namespace {

// Below this a node is merged with a neighbour, or shares with it. Lower than half, so that a
// key that comes and goes does not split and merge each time.
constexpr size_t kMinFill = kSnapshotFanOut / 4;

}  // namespace

ObjectKeyView KeyList::operator[](size_t i) const {
  const Span& span = spans_[i];
  const std::string_view text = text_;
  return {text.substr(span.begin, span.namespace_size),
          text.substr(span.begin + span.namespace_size, span.name_size)};
}

size_t KeyList::Search(ObjectKeyView key, size_t begin, bool after) const {
  size_t end = size_;
  while (begin < end) {
    const size_t middle = (begin + end) / 2;
    const std::strong_ordering order = (*this)[middle] <=> key;
    if (order < 0 || (after && order == 0)) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

void KeyList::Append(ObjectKeyView key) {
  spans_[size_++] = {static_cast<uint32_t>(text_.size()),
                     static_cast<uint32_t>(key.namespace_name.size()),
                     static_cast<uint32_t>(key.name.size())};
  text_.append(key.namespace_name).append(key.name);
}

SnapshotNode::SnapshotNode(size_t height) : height_(static_cast<uint8_t>(height)) {
  static const auto* const empty = new std::shared_ptr<const KeyList>(std::make_shared<KeyList>());
  keys_ = *empty;
  if (!leaf()) return;
  for (ObjectPtr& object : objects_) new (&object) ObjectPtr();
}

SnapshotNode::~SnapshotNode() {
  if (leaf()) {
    for (ObjectPtr& object : objects_) object.~ObjectPtr();
  } else {
    for (size_t i = 0; i < count_; ++i) Release(children_[i]);
  }
}

SnapshotNode* SnapshotNode::NewRoot(SnapshotNode* left, SnapshotNode* right) {
  auto* const root = new SnapshotNode(left->height() + 1);
  Entries entries;
  entries.push_back({.key = left->key(0), .object = nullptr, .child = left});
  entries.push_back({.key = right->key(0), .object = nullptr, .child = right});
  root->Fill(entries, 0, 2);
  return root;
}

// The release of each reader is before the acquire of the one that deletes, or that finds itself
// alone and writes (MakeUnique).
void SnapshotNode::Release(SnapshotNode* node) {
  if (node->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete node;
}

void SnapshotNode::MakeUnique(SnapshotNode*& slot) {
  if (slot->refs_.load(std::memory_order_acquire) == 1) return;
  SnapshotNode* const shared = slot;
  slot = shared->Clone();
  Release(shared);
}

SnapshotNode* SnapshotNode::Clone() const {
  auto* const copy = new SnapshotNode(height_);
  copy->count_ = count_;
  copy->keys_ = keys_;
  for (size_t i = 0; i < count_; ++i) {
    if (leaf()) {
      copy->objects_[i] = objects_[i];
    } else {
      children_[i]->Hold();
      copy->children_[i] = children_[i];
    }
  }
  return copy;
}

size_t SnapshotNode::Search(ObjectKeyView key, bool after) const {
  if (leaf()) return keys_->Search(key, 0, after);
  return keys_->Search(key, 1, true) - 1;
}

ObjectKeyView SnapshotNode::FirstKey() const {
  const SnapshotNode* node = this;
  while (!node->leaf()) node = node->child(0);
  return node->key(0);
}

void SnapshotNode::TakeInto(Entries& entries) {
  for (size_t i = 0; i < count_; ++i) {
    Entry entry{.key = key(i), .object = nullptr, .child = nullptr};
    if (leaf()) {
      entry.object = std::move(objects_[i]);
    } else {
      entry.child = children_[i];
    }
    entries.push_back(std::move(entry));
  }
  count_ = 0;
}

void SnapshotNode::Fill(Entries& entries, size_t begin, size_t end) {
  keys_ = KeyList::Make(entries, begin, end);
  count_ = 0;
  for (size_t i = begin; i < end; ++i, ++count_) {
    if (leaf()) {
      objects_[count_] = std::move(entries[i].object);
    } else {
      children_[count_] = entries[i].child;
    }
  }
}

SnapshotNode::Split SnapshotNode::Add(size_t index, Entry entry, bool rightmost) {
  const std::shared_ptr<const KeyList> keys = keys_;  // The entries are views of it.
  Entries entries;
  TakeInto(entries);
  const bool last = index == entries.size();
  entries.insert(entries.begin() + static_cast<ptrdiff_t>(index), std::move(entry));
  if (entries.size() <= kSnapshotFanOut) {
    Fill(entries, 0, entries.size());
    return nullptr;
  }
  // What is built in order leaves full nodes behind.
  const size_t middle = last && rightmost ? kSnapshotFanOut : entries.size() / 2;
  auto* const right = new SnapshotNode(height_);
  right->Fill(entries, middle, entries.size());
  Fill(entries, 0, middle);
  return right;
}

void SnapshotNode::RemoveAt(size_t index) {
  const std::shared_ptr<const KeyList> keys = keys_;
  Entries entries;
  TakeInto(entries);
  entries.erase(entries.begin() + static_cast<ptrdiff_t>(index));
  Fill(entries, 0, entries.size());
}

SnapshotNode::Split SnapshotNode::Insert(SnapshotNode*& slot, ObjectPtr object, bool rightmost,
                                         ObjectPtr& replaced) {
  MakeUnique(slot);
  SnapshotNode& node = *slot;
  const ObjectKeyView key = object->key();
  const size_t index = node.Search(key);
  if (node.leaf()) {
    if (index < node.count_ && node.key(index) == key) {
      replaced = std::exchange(node.objects_[index], std::move(object));
      return nullptr;
    }
    return node.Add(index, {.key = key, .object = std::move(object), .child = nullptr}, rightmost);
  }
  rightmost = rightmost && index + 1 == node.count_;
  const Split right = Insert(node.children_[index], std::move(object), rightmost, replaced);
  if (right == nullptr) return nullptr;
  return node.Add(index + 1, {.key = right->key(0), .object = nullptr, .child = right}, rightmost);
}

ObjectPtr SnapshotNode::Remove(SnapshotNode*& slot, ObjectKeyView key) {
  MakeUnique(slot);
  SnapshotNode& node = *slot;
  const size_t index = node.Search(key);
  if (node.leaf()) {
    WEIR_DCHECK(index < node.count_ && node.key(index) == key);
    ObjectPtr removed = std::move(node.objects_[index]);
    node.RemoveAt(index);
    return removed;
  }
  ObjectPtr removed = Remove(node.children_[index], key);
  if (node.children_[index]->count_ == 0) {
    Release(node.children_[index]);
    node.RemoveAt(index);
  } else if (node.children_[index]->count_ < kMinFill && node.count_ > 1) {
    Rebalance(node, index);
  }
  return removed;
}

void SnapshotNode::Rebalance(SnapshotNode& parent, size_t index) {
  const size_t left_index = index == 0 ? 0 : index - 1;
  MakeUnique(parent.children_[left_index]);
  MakeUnique(parent.children_[left_index + 1]);
  SnapshotNode& left = *parent.children_[left_index];
  SnapshotNode& right = *parent.children_[left_index + 1];
  const std::shared_ptr<const KeyList> keys[] = {left.keys_, right.keys_, parent.keys_};
  Entries entries;
  left.TakeInto(entries);
  const size_t first_of_right = entries.size();
  right.TakeInto(entries);
  // In an inner node the first bound may be out of date; what its parent says never is.
  if (!right.leaf()) entries[first_of_right].key = parent.key(left_index + 1);

  if (entries.size() <= kSnapshotFanOut) {
    left.Fill(entries, 0, entries.size());
    Release(&right);
    return parent.RemoveAt(left_index + 1);
  }
  left.Fill(entries, 0, entries.size() / 2);
  right.Fill(entries, entries.size() / 2, entries.size());
  Entries bounds;
  parent.TakeInto(bounds);
  bounds[left_index + 1].key = right.key(0);
  parent.Fill(bounds, 0, bounds.size());
}

void SnapshotNode::Collapse(SnapshotNode*& root) {
  MakeUnique(root);
  SnapshotNode* const child = root->children_[0];
  root->count_ = 0;
  Release(std::exchange(root, child));
}

}  // namespace weir
