// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"

#include "proxy/cache/cache_key.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// How far one Cacher has published. Written by it alone, before any replica has the Revision; read
// on any thread.
class PublishedState {
 public:
  explicit PublishedState(CacheKey key) : key_(std::move(key)) {}
  const CacheKey& key() const { return key_; }

  // A Revision's sequence and content. REQUIRES: later than the last one's.
  void Publish(uint64_t sequence, ResourceVersion content);
  // Of the newest Revision; 0 before the first.
  uint64_t sequence() const { return sequence_.load(std::memory_order_acquire); }
  // Of the one that sequence() has just told this thread of, or a later one.
  ResourceVersion content() const;
  // Watches may have told of it: not of the first state, which its readers are shown.
  bool told() const { return sequence() > 1; }

 private:
  const CacheKey key_;
  std::atomic<uint64_t> content_high_ = 0, content_low_ = 0, sequence_ = 0;
};

// What the caches of all workers have published, so that who reads one of them can tell what a
// watch of another may have told. Any thread; asked once per answer, changed when a Cacher comes or
// goes.
class PublishedStates {
 public:
  std::shared_ptr<PublishedState> Add(const CacheKey& key);
  // Its Cacher goes: what it has published is remembered.
  void Remove(const PublishedState& state);

  // Those of a resource, whatever its API version. Says the highest content that those which have
  // gone may have told of; not set if they told nothing. Under a lock: `visit` must be brief.
  ResourceVersion ForEachOf(const GroupVersionResource& resource,
                            absl::FunctionRef<void(const PublishedState&)> visit) const;

 private:
  using Key = std::pair<std::string, std::string>;  // Group and resource.
  struct Resource {
    std::vector<std::shared_ptr<const PublishedState>> states;
    ResourceVersion gone;
  };
  static Key KeyOf(const GroupVersionResource& resource) {
    return {resource.group, resource.resource};
  }

  mutable std::mutex mutex_;
  absl::flat_hash_map<Key, Resource> resources_;  // Guarded by mutex_.
};

}  // namespace weir
