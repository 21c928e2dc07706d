// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proxy/base/thread_owner.h"
#include "proxy/cache/access_record.h"
#include "proxy/cache/cache_replica_core.h"
#include "proxy/cache/cacher_options.h"
#include "proxy/cache/cacher_stats.h"
#include "proxy/cache/currency_proof.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/cache/reflector.h"
#include "proxy/cache/revision_builder.h"
#include "proxy/cache/version_floors.h"
#include "proxy/cache/watch_window.h"
#include "proxy/filter/filter_chain.h"

namespace weir {

// Everything about one key on its home worker: reflects the source, filters, builds Revisions and
// publishes them to the replicas. Owned by that worker's CacherMap.
class Cacher {
 public:
  // Runs on each replica, on its own worker: captures nothing but what is shared and const.
  using ReplicaUpdate = std::function<void(CacheReplica::Core&)>;
  struct Outlets {
    std::function<void(const ReplicaUpdate&)> publish;
    // The source cannot be cached, or no longer. No call follows.
    std::function<void(absl::Status)> unavailable;
  };
  struct Environment {
    Dispatcher& dispatcher;
    StatsRegistry& registry;
    VersionFloors& floors;
    PublishedStates& published;
    const CacherOptions& options;
  };
  // REQUIRES: the environment outlives it.
  Cacher(Environment environment, CacheKey key, ListerWatcherPtr source,
         std::unique_ptr<FilterChain> filters, Outlets outlets);
  ~Cacher();

  void Start() { reflector_.Start(); }
  // To be called before another Cacher of the resource may take this one's place.
  void RaiseFloor() { env_.floors.Raise(key_.resource, version()); }
  // Learns how a LIST of this resource is framed, if that is not known, and publishes it.
  void WantEnvelope();
  // See CacheReplica.
  void WantCurrent(ResourceVersion at_least) { proof_.Want(at_least); }
  void WantAccess(ReadVerb verb) { access_.Want(verb); }

  const CacheKey& key() const { return key_; }
  bool synced() const { return builder_.has_state(); }
  // What brings a replica that is new to where the others are. REQUIRES: synced().
  ReplicaUpdate CurrentState() const;

  ResourceVersion version() const { return builder_.version(); }
  size_t objects() const { return builder_.objects().size(); }
  uint64_t object_bytes() const { return builder_.object_bytes(); }
  const WatchWindow& window() const { return window_; }
  const FilterChain& filters() const { return *filters_; }
  uint64_t relists() const { return stats_.relists->value(); }
  std::string Describe() const { return reflector_.Describe(); }
  absl::Duration SinceHeard() const { return env_.dispatcher.Now() - heard_; }

 private:
  absl::Status OnSnapshot(Reflector::Snapshot snapshot);
  absl::Status OnEvents(std::vector<WatchEvent> events);
  void OnBytes(const SnapshotMap& objects);
  void OnHealth(bool healthy);
  void OnAccess(ReadVerb verb, bool allowed, MonotonicTime asked);
  void OnProved(ResourceVersion version, std::optional<MonotonicTime> as_of);
  void PublishRevision();
  void PublishTraits();
  void PublishAll();
  void Hear();  // Something has come.
  RevisionPtr TakeRevision();
  void LearnTraits(Reflector::Snapshot& snapshot);
  bool IsBuiltIn(const Object* any) const;
  void Append(const RevisionPtr& revision);
  void UpdateGauges();

  // Set once.
  const Environment env_;
  const CacheKey key_;
  const ListerWatcherPtr source_;
  const std::unique_ptr<FilterChain> filters_;
  const Outlets outlets_;
  CacherStats stats_;
  ThreadOwner thread_;

  // Changes with each event.
  RevisionBuilder builder_;
  WatchWindow window_;
  CacheTraits traits_;
  MonotonicTime heard_;
  const std::shared_ptr<PublishedState> published_;

  RequestHandle envelope_request_;
  bool envelope_asked_ = false;
  AccessRecord access_;
  CurrencyProof proof_;
  Reflector reflector_;  // Last: it calls the others.
};

}  // namespace weir
