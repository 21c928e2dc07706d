// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "proxy/cache/cache_key.h"
#include "proxy/cache/lister_watcher.h"
#include "tests/support/objects.h"

namespace weir {

// One resource of an API server in memory: its objects, a version counter, its history; and what
// API servers do on bad days, on demand. Any thread.
class FakeResource {
 public:
  // Creates or updates; `version` is assigned, and `uid` at creation unless it is given.
  uint64_t Put(ObjectSpec spec);
  // 0: there is none.
  uint64_t Delete(const std::string& namespace_name, const std::string& name);
  // Gives it other content and no other version, as a change of its definition can.
  void Rewrite(const std::string& namespace_name, const std::string& name, std::string data);
  // Something else in the cluster has changed.
  uint64_t Bump();
  uint64_t version() const;
  // The current objects' bytes by "namespace/name".
  std::map<std::string, std::string> State(Representation representation = Representation::kJson,
                                           const std::string& namespace_name = "") const;

  // The objects as they were at `version`.
  std::map<std::string, ObjectPtr> StateAt(ResourceVersion version) const;

  // A bookmark at the current version, on every watch.
  void SendBookmarks();
  // Every watch ends with `status`, whatever it has not yet sent.
  void CutWatches(absl::Status status = absl::OkStatus());
  // On every watch, as it is; not part of the history.
  void Inject(const WatchEvent& event);
  // History up to now is gone: watches from before now are answered 410.
  void Compact();

  struct Faults {
    bool stream_list = true;          // false: 422.
    bool ends_initial_events = true;  // false: the end bookmark never comes.
    bool expires_silently = false;    // A bare end instead of the 410.
    bool answers = true;              // false: requests hang.
    // What the next ones fail with.
    std::deque<absl::Status> lists, watches, envelopes, metadata_lists, reviews;
    std::set<ReadVerb> denied;             // By reviews.
    bool watches_lag = false;              // Watches send nothing.
    size_t lost_events = 0;                // So many of the next events are passed over by a watch.
    std::optional<uint64_t> list_version;  // Lists show the state at this version,
    std::optional<uint64_t> metadata_version;  // those of metadata at this one,
    std::string metadata_hides;                // without an object of this name.
    // Watches end so after this many events, each time.
    std::optional<size_t> undecodable_after;
    size_t max_batch = SIZE_MAX;  // Events in one call.
    Warnings warnings;            // With each list and watch.
  };
  // May change them at any time; takes effect on what comes later.
  template <typename Change>
  void SetFaults(Change change) {
    const std::lock_guard lock(mutex_);
    change(faults_);
    WakeWatches();
  }

  int lists() const { return Read(lists_); }
  int stream_lists() const { return Read(stream_lists_); }
  int watches() const { return Read(watches_); }
  int envelopes() const { return Read(envelopes_); }
  int metadata_lists() const { return Read(metadata_lists_); }
  int reviews() const { return Read(reviews_); }
  size_t open_watches() const;
  ResourceVersion last_list_at_least() const { return Read(last_list_at_least_); }
  ResourceVersion last_metadata_at_least() const { return Read(last_metadata_at_least_); }

 private:
  friend class FakeListerWatcher;
  class Watch;
  struct Change {
    WatchEventType type;
    ObjectSpec spec;
  };
  using Objects = std::map<std::string, ObjectSpec>;

  template <typename T>
  T Read(const T& value) const {
    const std::lock_guard lock(mutex_);
    return value;
  }
  static std::string JoinedKey(const ObjectSpec& spec);
  static bool InScope(const ObjectSpec& spec, const std::string& namespace_name);
  Objects ObjectsAt(ResourceVersion version) const;  // REQUIRES: locked.
  void WakeWatches();                                // REQUIRES: locked.

  mutable std::mutex mutex_;
  uint64_t version_ = 10;
  uint64_t next_uid_ = 1;
  uint64_t compacted_ = 0;
  Objects objects_;
  std::vector<Change> history_;
  Faults faults_;
  std::vector<std::weak_ptr<Watch>> open_;
  int lists_ = 0, stream_lists_ = 0, watches_ = 0, envelopes_ = 0, metadata_lists_ = 0,
      reviews_ = 0;
  ResourceVersion last_list_at_least_, last_metadata_at_least_;
};

// Reads a FakeResource in the scope and encoding of a key (its selectors are not looked at).
// REQUIRES: dispatcher and resource outlive it.
class FakeListerWatcher final : public ListerWatcher {
 public:
  FakeListerWatcher(Dispatcher& dispatcher, FakeResource& resource, CacheKey key);

  RequestHandle List(ResourceVersion at_least, ListCallback done) override;
  RequestHandle Watch(const WatchRequest& request, WatchHandler& handler) override;
  RequestHandle LearnEnvelope(EnvelopeCallback done) override;
  RequestHandle ListMetadata(ResourceVersion at_least, VersionsCallback done) override;
  RequestHandle ReviewAccess(ReadVerb verb, AccessCallback done) override;

 private:
  absl::StatusOr<ObjectList> MakeList(ResourceVersion at_least);
  absl::StatusOr<ObjectVersions> MakeVersions(ResourceVersion at_least);
  std::optional<absl::Status> TakeFailure(std::deque<absl::Status> FakeResource::Faults::*statuses);

  Dispatcher& dispatcher_;
  FakeResource& resource_;
  const CacheKey key_;
};

}  // namespace weir
