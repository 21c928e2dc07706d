// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <memory>

#include "absl/functional/function_ref.h"

#include "proxy/kube/object.h"

namespace weir {

class SnapshotNode;

// A persistent ordered map of objects by key (namespace/name, bytewise): a B+tree whose nodes are
// shared between versions. A copy is a reference count; a change after a copy copies one path,
// O(log n) nodes; a change of a tree that nobody else holds is in place.
//
// A value. One thread changes it; copies may be read and destroyed on any thread (node counts are
// atomic, nodes that are shared are never written).
class SnapshotMap {
 public:
  SnapshotMap() = default;
  SnapshotMap(const SnapshotMap&);
  SnapshotMap(SnapshotMap&&) noexcept;
  SnapshotMap& operator=(SnapshotMap) noexcept;
  ~SnapshotMap();

  // Returns the object replaced, or nullptr.
  ObjectPtr Put(ObjectPtr object);
  // Returns the object removed, or nullptr.
  ObjectPtr Erase(ObjectKeyView key);
  const ObjectPtr* Find(ObjectKeyView key) const;  // Valid while this version lives.
  size_t size() const { return size_; }
  // About what a copy costs after one change.
  size_t PathBytes() const;

  // Objects in key order from the first whose key is >= `from` (> with `exclusive`), until
  // `visit` says false. O(log n) to begin.
  void Scan(ObjectKeyView from, bool exclusive,
            absl::FunctionRef<bool(const ObjectPtr&)> visit) const;
  // In key order: every key whose object (by pointer) differs. nullptr for absent. O(changes) for
  // versions of one tree.
  using DiffVisitor = absl::FunctionRef<void(const ObjectPtr& before, const ObjectPtr& after)>;
  static void Diff(const SnapshotMap& before, const SnapshotMap& after, DiffVisitor visit);

 private:
  SnapshotNode* root_ = nullptr;  // nullptr when empty.
  size_t size_ = 0;
};

}  // namespace weir
