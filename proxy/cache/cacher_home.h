// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/cache/cacher.h"
#include "proxy/cache/cacher_map.h"

namespace weir {

// A replica as its Cacher's worker knows it. Only the replica's own worker ends it, by Detach, so
// no message can cross with a decision of the other side. `id` is never used twice by a worker.
struct Attachment {
  CacherMap::Core* worker = nullptr;
  uint64_t id = 0;
  std::shared_ptr<const ReaderCount> readers;
};

// For another thread, so that no count of references is shared with it.
inline absl::Status UnsharedCopy(const absl::Status& status) {
  return absl::Status(status.code(), status.message());
}

// What a CacherMap destroys in a later turn only.
class Leaving {
 public:
  virtual ~Leaving() = default;
};

// A Cacher and the replicas it feeds.
class CacherHome : public Leaving {
 public:
  // `unavailable`: every replica has been told; the home is to be dropped.
  CacherHome(Cacher::Environment environment, CacheKey key, ListerWatcherPtr source,
             std::unique_ptr<FilterChain> filters, CacherMap::Core& worker,
             std::function<void()> unavailable);

  Cacher& cacher() { return cacher_; }
  void Start() { cacher_.Start(); }
  void Attach(Attachment attachment);
  // Says whether any replica is left.
  bool Detach(const Attachment& attachment);
  // Tells every replica that there is nothing more to come.
  void TellUnavailable(const absl::Status& reason);
  CacheRow Row() const;
  size_t readers() const;  // On all workers.
  uint64_t bytes() { return cacher_.object_bytes() + cacher_.window().bytes(); }

 private:
  void Publish(const Cacher::ReplicaUpdate& update);

  CacherMap::Core& worker_;
  std::vector<Attachment> attachments_;  // Those of other workers first.
  Cacher cacher_;
};

}  // namespace weir
