// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/thread_owner.h"
#include "proxy/cache/cache_replica.h"
#include "proxy/cache/published_states.h"
#include "proxy/cache/view_class.h"

namespace weir {

class Cacher;

// What readers need to know of a Cacher beside its Revisions.
struct CacheTraits {
  std::optional<ListEnvelope> envelope;
  std::string api_version, kind;
  Warnings warnings;
  bool healthy = false;
  MonotonicTime health_changed;
  std::optional<bool> stream_list;
  MonotonicTime current_as_of;
  AccessTable access;
  std::shared_ptr<const PublishedState> published;
};

// How many readers a replica has, readable from its Cacher's worker.
using ReaderCount = std::atomic<size_t>;

// The side of a CacheReplica that its CacherMap feeds. Each call tells the subscribers as its last
// act; none may destroy the replica.
class CacheReplica::Core {
 public:
  struct Outlets {
    // Has the Cacher, if there still is one, do something; on its own worker.
    std::function<void(std::function<void(Cacher&)>)> ask;
    std::function<void()> on_readers;  // There are more or fewer. Must not destroy the replica.
  };
  Core(CacheKey key, const CacherOptions& options, Outlets outlets);
  ~Core();

  // The first state, or one more because this replica came late.
  void Sync(const WatchWindow& window, const CacheTraits& traits);
  void Append(RevisionPtr revision);
  void SetTraits(const CacheTraits& traits);
  // Both at once. `revision` may be nullptr.
  void Update(RevisionPtr revision, const CacheTraits& traits);
  void SetUnavailable(absl::Status reason);

  RequestHandle Subscribe(Callbacks callbacks);
  const std::shared_ptr<ReaderCount>& readers() const { return readers_; }
  // `state` is its Cacher's, and it has been given all that was published by now.
  bool HasAllOf(const PublishedState& state) const {
    return traits_.published.get() == &state && window_.newest()->sequence >= state.sequence();
  }

 private:
  friend class CacheReplica;
  class Subscription;

  bool Take(RevisionPtr revision);
  void LearnNamespaced();
  bool Take(const CacheTraits& traits);
  void Notify();
  void Remove(Subscription* subscription);
  void Compact();

  // Set once.
  const CacheKey key_;
  const Outlets outlets_;
  const std::shared_ptr<ReaderCount> readers_ = std::make_shared<ReaderCount>(0);
  ThreadOwner thread_;

  // Changes with each update.
  State state_ = State::kSyncing;
  absl::Status unavailable_reason_;
  WatchWindow window_;
  CacheTraits traits_;
  bool namespaced_ = false;
  ViewClasses view_classes_;

  // nullptr where one has gone while they were being told.
  std::vector<Subscription*> subscriptions_;
  size_t subscribers_ = 0;
  int notifying_ = 0;
};

}  // namespace weir
