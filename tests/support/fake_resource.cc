// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "proxy/base/strings.h"
#include "tests/support/fake_lister_watcher.h"

// The part of FakeResource that has to do with its objects and their history.

namespace weir {

std::string FakeResource::JoinedKey(const ObjectSpec& spec) {
  return spec.namespace_name.empty() ? spec.name : StrCat(spec.namespace_name, "/", spec.name);
}

bool FakeResource::InScope(const ObjectSpec& spec, const std::string& namespace_name) {
  return namespace_name.empty() || spec.namespace_name == namespace_name;
}

uint64_t FakeResource::Put(ObjectSpec spec) {
  const std::lock_guard lock(mutex_);
  const auto it = objects_.find(JoinedKey(spec));
  const bool exists = it != objects_.end();
  if (spec.uid.empty()) spec.uid = exists ? it->second.uid : StrCat("uid-", next_uid_++);
  spec.version = ++version_;
  history_.push_back({exists ? WatchEventType::kModified : WatchEventType::kAdded, spec});
  objects_[JoinedKey(spec)] = std::move(spec);
  WakeWatches();
  return version_;
}

uint64_t FakeResource::Delete(const std::string& namespace_name, const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto node = objects_.extract(JoinedKey({.name = name, .namespace_name = namespace_name}));
  if (node.empty()) return 0;
  node.mapped().version = ++version_;
  history_.push_back({WatchEventType::kDeleted, std::move(node.mapped())});
  WakeWatches();
  return version_;
}

void FakeResource::Rewrite(const std::string& namespace_name, const std::string& name,
                           std::string data) {
  const std::lock_guard lock(mutex_);
  ObjectSpec& object = objects_.at(JoinedKey({.name = name, .namespace_name = namespace_name}));
  object.data = std::move(data);
  for (Change& change : history_) {
    if (change.spec.version == object.version) change.spec = object;
  }
}

uint64_t FakeResource::Bump() {
  const std::lock_guard lock(mutex_);
  return ++version_;
}

uint64_t FakeResource::version() const { return Read(version_); }

std::map<std::string, std::string> FakeResource::State(Representation representation,
                                                       const std::string& namespace_name) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::string> state;
  for (const auto& [key, spec] : objects_) {
    if (!InScope(spec, namespace_name)) continue;
    state[key] = representation == Representation::kJson ? JsonOf(spec) : ProtobufOf(spec);
  }
  return state;
}

void FakeResource::Compact() {
  const std::lock_guard lock(mutex_);
  compacted_ = version_;
}

std::map<std::string, ObjectPtr> FakeResource::StateAt(ResourceVersion version) const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, ObjectPtr> state;
  for (const auto& [key, spec] : ObjectsAt(version)) state[key] = MakeObject(spec);
  return state;
}

FakeResource::Objects FakeResource::ObjectsAt(ResourceVersion version) const {
  Objects objects;
  for (const Change& change : history_) {
    if (V(change.spec.version) > version) break;
    if (change.type == WatchEventType::kDeleted) {
      objects.erase(JoinedKey(change.spec));
    } else {
      objects[JoinedKey(change.spec)] = change.spec;
    }
  }
  return objects;
}

}  // namespace weir
