// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/cache/cache_replica.h"
#include "proxy/cache/cacher_options.h"
#include "proxy/cache/change_row.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/filter/filter_chain.h"

namespace weir {

// A row of /caches.
struct CacheRow {
  CacheKey key;
  std::string state;  // "syncing", "synced", "unavailable".
  std::string
      detail;  // Why it is not synced, or the Reflector's mode: "stream-list", "list+watch".
  ResourceVersion version;
  uint64_t objects = 0, object_bytes = 0, window_events = 0, window_bytes = 0, relists = 0;
  size_t readers = 0;
  absl::Duration since_event;  // Age of the last event or bookmark.
};

// What a reader can do itself when it is given a cache that holds more than it asked for; to choose
// by labels it always can, and by namespace where the cache shows that its objects have any.
struct Narrowing {
  bool fields_local = false;         // Choose by its field selector.
  bool fields_in_metadata = false;   // The same where the cache is of metadata only.
  bool fields_of_namespace = false;  // Some term of it is on metadata.namespace.
  bool metadata_local = false;       // Make metadata of whole objects.
};

// Makes the source of a Cacher, on the calling worker.
using ListerWatcherFactory = std::function<ListerWatcherPtr(const CacheKey& key)>;

// One worker's caches: a replica of each that its connections read, and the Cachers (source,
// filters, window) of those keys whose home this worker is (hash of the key over the workers).
// Cachers are made on first use and dropped when idle. Owned by the worker; methods run on its
// dispatcher's thread; maps reach each other by Post only, so nothing on the path of an event
// takes a lock. With one worker nothing is posted.
class CacherMap {
 public:
  struct Environment {
    Dispatcher& dispatcher;
    StatsRegistry& registry;
    ListerWatcherFactory new_source;
    FilterChainFactory new_filters;
    CacherOptions options;
  };
  explicit CacherMap(Environment environment);
  ~CacherMap();
  // Every worker's map in the order of the workers, this one among them. REQUIRES: called before
  // the dispatchers run, unless this is the only one.
  void SetPeers(const std::vector<CacherMap*>& peers);
  // After this nothing is posted to peers and nothing is asked of the API server. REQUIRES: the
  // dispatchers have stopped; called on every map before the first one is destroyed.
  void Stop();

  // The replica of this very key, or a synced one that holds more (no selectors, all namespaces,
  // whole objects) and the same encoding, as far as `narrowing` allows; made if there is none.
  // Valid in this turn, longer if subscribed to. nullptr: recently unavailable, too many caches or
  // bytes: forward.
  CacheReplica* Get(const CacheKey& key, const Narrowing& narrowing = {});
  // As Get, but never makes one.
  CacheReplica* Find(const CacheKey& key, const Narrowing& narrowing = {});

  // The synced replicas of this worker that hold anything of a resource, whatever its version.
  void ForEachOf(const GroupVersionResource& resource,
                 const std::function<void(const CacheReplica&)>& visit) const;
  // The highest version of a change that watches of caches other than `than` may have told of
  // without those replicas: on other workers, or of caches that have gone. Not of another
  // namespace's ("": of all); not set if there is none. What another worker has becomes a replica
  // of this one, too, so that soon it can be looked at.
  ResourceVersion PublishedElsewhere(const CacheKey& than, std::string_view namespace_name);

  // Access has been lost or credentials have changed identity: every cache goes, its readers are
  // told (kUnavailable). On this worker at once, on the others by Post.
  void DropAll(const absl::Status& reason);
  // Rows of the Cachers whose home this worker is.
  std::vector<CacheRow> Rows() const;
  // The newest changes in the windows of the same Cachers: one turn of the loop, with the bounds
  // of ChangeRow.
  std::vector<ChangeRow> Changes(const ChangeQuery& query) const;

  class Core;

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace weir
