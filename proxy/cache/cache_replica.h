// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/cache/access.h"
#include "proxy/cache/cache_key.h"
#include "proxy/cache/lister_watcher.h"
#include "proxy/cache/revision.h"
#include "proxy/cache/watch_window.h"
#include "proxy/event/dispatcher.h"
#include "proxy/kube/list_decoder.h"

namespace weir {

class ViewClasses;

// One worker's view of one Cacher: the newest Revision and the window of those before it. Readers
// on this worker touch nothing but this. Owned by the worker's CacherMap; fed by the Cacher,
// by Post when that lives on another worker. Not thread-safe.
class CacheReplica {
 public:
  enum class State {
    kSyncing,  // Nothing published yet.
    kSynced,   // Readers are served.
    // Access denied, not cacheable, ...: forward. The replica goes with its last subscription.
    kUnavailable,
  };

  const CacheKey& key() const;
  State state() const;
  absl::Status unavailable_reason() const;
  // The upstream watch is up (or was within the last moments): relaxed reads are allowed.
  bool upstream_healthy() const;
  MonotonicTime healthy_since_or_lost_at() const;

  // REQUIRES (to WantEnvelope()): it is or once was kSynced. What they say stays valid, frozen,
  // when the state turns kUnavailable.
  const RevisionPtr& newest() const;
  const std::optional<ListEnvelope>& envelope() const;  // How a LIST is framed; once known.
  // Its objects have namespaces; so far as the newest state that had any object has shown. Of a
  // kind without, what a request for one namespace means is for the API server to say: a path is
  // 404, a selector on metadata.namespace 400.
  bool namespaced() const;
  // The sequence of a Revision that this replica has or is about to be given, and that no replica
  // of another worker is ahead of: what watches there have told is no newer.
  uint64_t published() const;
  // What a bookmark says its object is; "" while nothing has told.
  const std::string& api_version() const;
  const std::string& kind() const;
  // What each answer's head says beside.
  const Warnings& warnings() const;
  // The Revision after `sequence`; nullptr when that is the newest or the window has passed it by
  // (told apart by newest()->sequence).
  RevisionPtr After(uint64_t sequence) const;
  // Where a reader goes on that has seen everything up to `since`. nullopt: it cannot be told what
  // came after (the window begins later, or `since` lies inside a relist). `since` beyond the
  // newest: the newest position (the reader skips up to `since`).
  std::optional<WatchPosition> Find(ResourceVersion since) const;
  // Events published after `position`, for /streams; counts what the window still has.
  uint64_t EventsAfter(const WatchPosition& position) const;
  const WatchWindow& window() const;
  // What its readers share.
  ViewClasses& view_classes() const;
  // Asks the Cacher for envelope() if it is not known; on_change comes when it is.
  void WantEnvelope();

  // Asks the Cacher to make sure, with one list of metadata, that its state is the API server's at
  // some moment after this call, and to raise newest()->version to that list's version.
  // `at_least` not set: a consistent read, which also moves current_as_of(); set: only until
  // newest()->version is that or later. on_change comes when it is done, never if it fails.
  void WantCurrent(ResourceVersion at_least = {});
  // newest() is at least as new as the API server's state was at this moment: the start of the
  // last consistent proof that succeeded. The default value before the first one.
  MonotonicTime current_as_of() const;
  const Access& access(ReadVerb verb) const;
  // Has the API server asked again for access(verb); on_change comes with the answer, never if it
  // fails.
  void WantAccess(ReadVerb verb);
  // Whether the API server takes sendInitialEvents; nullopt until that was tried.
  std::optional<bool> stream_list() const;
  // Every object's PartialObjectMetadata can be made of its bytes: protobuf, or a built-in kind.
  bool derives_metadata() const;

  struct Callbacks {
    // State, newest() or envelope() changed. May subscribe and unsubscribe.
    std::function<void()> on_change;
    bool reads = true;  // Counts as a reader of the cache, for people.
  };
  // Keeps the replica alive and calls back from the dispatcher's turn, until destroyed.
  [[nodiscard]] RequestHandle Subscribe(Callbacks callbacks);
  size_t subscribers() const;
  size_t readers() const;  // Those of them that read.

  class Core;  // The feeding side, for Cacher and CacherMap.
  explicit CacheReplica(std::unique_ptr<Core> core);
  ~CacheReplica();
  Core& core() { return *core_; }

 private:
  std::unique_ptr<Core> core_;
};

}  // namespace weir
