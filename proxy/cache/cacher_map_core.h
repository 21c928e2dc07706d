// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "proxy/base/thread_owner.h"
#include "proxy/cache/cacher_home.h"
#include "proxy/cache/cacher_map.h"
#include "proxy/cache/published_states.h"
#include "proxy/cache/version_floors.h"

namespace weir {

// The state of a CacherMap and what its peers say to it.
class CacherMap::Core {
 public:
  explicit Core(Environment environment);
  ~Core();
  // What the Cachers of all workers know of each other.
  struct Common {
    VersionFloors floors;
    PublishedStates published;
  };
  void SetPeers(std::vector<Core*> peers, std::shared_ptr<Common> common);
  const std::shared_ptr<Common>& common() const { return common_; }
  void Stop();

  CacheReplica* Get(const CacheKey& key, const Narrowing& narrowing);
  CacheReplica* Find(const CacheKey& key, const Narrowing& narrowing);
  void ForEachOf(const GroupVersionResource& resource,
                 const std::function<void(const CacheReplica&)>& visit) const;
  ResourceVersion PublishedElsewhere(const CacheKey& than, std::string_view namespace_name);
  void DropAll(const absl::Status& reason);
  std::vector<CacheRow> Rows() const;
  std::vector<ChangeRow> Changes(const ChangeQuery& query) const;

  // Between workers. Runs `message` there: at once if that is this one, else by Post.
  void Send(Core& to, absl::AnyInvocable<void(Core&)> message);
  // To the home of `key`.
  void Attach(const CacheKey& key, Attachment attachment);
  void Detach(const CacheKey& key, const Attachment& attachment);
  void Ask(const CacheKey& key, const std::function<void(Cacher&)>& request);
  // To the worker that has the replica. Without effect once that has detached.
  void Deliver(uint64_t id, const Cacher::ReplicaUpdate& update);
  void Lose(uint64_t id, absl::Status reason);
  void DropOwn(const absl::Status& reason);

 private:
  // A replica on this worker.
  struct Slot : Leaving {
    CacheKey key;
    uint64_t id = 0;
    std::unique_ptr<CacheReplica> replica;
    TimerPtr idle_timer;
    GaugeHandle readers;
  };

  Core& HomeOf(const CacheKey& key);
  CacheReplica* FindExact(const CacheKey& key);
  CacheReplica* FindWider(const CacheKey& key, const Narrowing& narrowing);
  CacheReplica* FindSynced(const CacheKey& key) const;
  CacheReplica* Make(const CacheKey& key);
  void Join(const CacheKey& key);
  bool RecentlyUnavailable(const CacheKey& key);
  void OnIdle(uint64_t id);
  void OnReaders(uint64_t id);
  void Retire(uint64_t id);
  bool MakeRoom();
  void Evict(const CacheKey& key);
  CacherHome& HomeFor(const CacheKey& key);
  void DropHome(const CacheKey& key);
  void LeaveHome(std::unique_ptr<CacherHome> home);
  // Destroys it in a later turn: it may be among those that call.
  void Leave(std::unique_ptr<Leaving> leaving);

  const Environment env_;
  std::vector<Core*> peers_;
  std::shared_ptr<Common> common_;
  bool stopped_ = false;
  ThreadOwner thread_;

  // Replicas that this worker's connections read.
  absl::flat_hash_map<uint64_t, std::unique_ptr<Slot>> slots_;  // Those that are unavailable, too.
  absl::flat_hash_map<CacheKey, Slot*> replicas_;
  absl::flat_hash_map<CacheKey, MonotonicTime> unavailable_until_;
  uint64_t next_id_ = 1;
  CounterHandle refused_;
  CounterHandle evicted_;

  // Cachers whose home this worker is.
  absl::flat_hash_map<CacheKey, std::unique_ptr<CacherHome>> homes_;

  std::vector<std::unique_ptr<Leaving>> leaving_;
  uint64_t leaving_bytes_ = 0;  // Of Cachers among them.
  TimerPtr leave_timer_;
};

}  // namespace weir
