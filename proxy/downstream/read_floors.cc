// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/read_floors.h"

#include <algorithm>

namespace weir {
namespace {

// A watch that is up brings a deletion within moments, and one that is dead is found out within a
// minute. What is older, or more, counts as unclear: the caches must be proved current since.
constexpr absl::Duration kRememberGone = absl::Minutes(2);
constexpr size_t kMaxGone = 1000;
// Namespaces beyond count as all of them.
constexpr size_t kMaxNamespaces = 1000;
// Of what is not there anybody can ask, whatever it is called.
constexpr size_t kMaxResources = 1000;

}  // namespace

void ReadFloors::Raise(Told& told, const Told& by) {
  told.version = std::max(told.version, by.version);
  told.unclear = std::max(told.unclear, by.unclear);  // Nothing is before everything.
}

void ReadFloors::Note(const GroupVersionResource& resource, std::string_view namespace_name,
                      const Told& told) {
  Resource& known = resources_[KeyOf(resource)];
  Raise(known.any, told);
  auto own = known.by_namespace.find(namespace_name);
  if (own == known.by_namespace.end() && !namespace_name.empty() &&
      known.by_namespace.size() < kMaxNamespaces) {
    own = known.by_namespace.emplace(namespace_name, Told()).first;
  }
  Raise(own == known.by_namespace.end() ? known.all : own->second, told);
}

void ReadFloors::Raise(const GroupVersionResource& resource, std::string_view namespace_name,
                       ResourceVersion version) {
  const std::lock_guard lock(mutex_);
  Note(resource, namespace_name, {.version = version, .unclear = std::nullopt});
}

void ReadFloors::Unclear(const GroupVersionResource& resource, std::string_view namespace_name,
                         MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  Note(resource, namespace_name, {.version = {}, .unclear = now});
}

void ReadFloors::Gone(const GroupVersionResource& resource, ObjectKeyView key, std::string uid,
                      MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  const bool room = resources_.size() < kMaxResources || resources_.contains(KeyOf(resource));
  if (uid.empty() && !room) return;
  std::vector<GoneObject>& gone = resources_[KeyOf(resource)].gone;
  if (uid.empty()) ForgetWhatever(gone, key);
  gone.push_back({std::string(key.namespace_name), std::string(key.name), std::move(uid), now});
  size_t forgotten = gone.size() > kMaxGone ? gone.size() - kMaxGone : 0;
  while (now - gone[forgotten].since > kRememberGone) ++forgotten;
  for (size_t i = 0; i < forgotten; ++i) {
    Note(resource, gone[i].namespace_name, {.version = {}, .unclear = gone[i].since});
  }
  gone.erase(gone.begin(), gone.begin() + static_cast<std::ptrdiff_t>(forgotten));
}

void ReadFloors::Shown(const GroupVersionResource& resource, ObjectKeyView key) {
  const std::lock_guard lock(mutex_);
  const auto it = resources_.find(KeyOf(resource));
  if (it == resources_.end()) return;
  ForgetWhatever(it->second.gone, key);
}

void ReadFloors::ForgetWhatever(std::vector<GoneObject>& gone, ObjectKeyView key) {
  std::erase_if(gone, [&key](const GoneObject& object) {
    return object.uid.empty() && object.name == key.name &&
           object.namespace_name == key.namespace_name;
  });
}

ReadFloors::Told ReadFloors::Get(const GroupVersionResource& resource,
                                 std::string_view namespace_name) const {
  const std::lock_guard lock(mutex_);
  const auto it = resources_.find(KeyOf(resource));
  if (it == resources_.end()) return {};
  const Resource& known = it->second;
  if (namespace_name.empty()) return known.any;
  Told told = known.all;
  const auto own = known.by_namespace.find(namespace_name);
  if (own != known.by_namespace.end()) Raise(told, own->second);
  return told;
}

std::optional<MonotonicTime> ReadFloors::SaidGone(const GroupVersionResource& resource,
                                                  const SnapshotMap& objects,
                                                  MonotonicTime by) const {
  const std::lock_guard lock(mutex_);
  const auto it = resources_.find(KeyOf(resource));
  if (it == resources_.end()) return std::nullopt;
  const std::vector<GoneObject>& gone = it->second.gone;
  for (auto last = gone.rbegin(); last != gone.rend(); ++last) {
    if (last->since > by) continue;
    const ObjectPtr* const found = objects.Find({last->namespace_name, last->name});
    const bool is_it = found != nullptr && (last->uid.empty() || (*found)->uid() == last->uid);
    if (is_it) return last->since;
  }
  return std::nullopt;
}

}  // namespace weir
