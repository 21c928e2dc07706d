// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_lister_watcher.h"

#include <algorithm>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// What a watch is asked for; it ends only when the test says so.
constexpr absl::Duration kLifetime = absl::Minutes(5);

// As a request for `key` shows it.
ObjectPtr MakeFor(const CacheKey& key, ObjectSpec spec) {
  if (key.metadata_only) {
    spec.api_version = "meta.k8s.io/v1";
    spec.kind = "PartialObjectMetadata";
    spec.data.clear();
    spec.custom_resource = false;
  }
  return MakeObject(spec, key.representation);
}

std::optional<absl::Status> TakeNext(std::deque<absl::Status>& statuses) {
  if (statuses.empty()) return std::nullopt;
  absl::Status status = std::move(statuses.front());
  statuses.pop_front();
  return status;
}

// Runs `work` later, unless it is destroyed before.
class LaterCall final : public Cancellable {
 public:
  LaterCall(Dispatcher& dispatcher, std::function<void()> work)
      : work_(std::make_shared<std::function<void()>>(std::move(work))) {
    dispatcher.Post([weak = std::weak_ptr(work_)] {
      if (const auto held = weak.lock()) (*held)();
    });
  }

 private:
  const std::shared_ptr<std::function<void()>> work_;
};

}  // namespace

// One watch. Belongs to its dispatcher's thread, but for Wake() and what mutex_ of the resource
// guards.
class FakeResource::Watch final : public std::enable_shared_from_this<Watch> {
 public:
  Watch(Dispatcher& dispatcher, FakeResource& resource, const CacheKey& key,
        const WatchRequest& request, WatchHandler& handler)
      : dispatcher_(dispatcher),
        resource_(resource),
        key_(key),
        request_(request),
        handler_(handler) {}

  // REQUIRES: the resource is locked.
  void Wake() {
    if (std::exchange(awake_, true)) return;
    dispatcher_.Post([weak = weak_from_this()] {
      if (const auto held = weak.lock()) held->Pump();
    });
  }
  // REQUIRES: no other thread has a copy of `status`, whose count ThreadSanitizer cannot see.
  void Cut(absl::Status status) { cut_ = std::move(status); }
  void Inject(WatchEvent event) { injected_.push_back(std::move(event)); }
  void WantBookmark() { bookmark_ = true; }
  bool open() const { return state_ == State::kOpen; }

 private:
  enum class State { kNew, kOpen, kEnded };
  struct Output {
    bool opened = false;
    Warnings warnings;
    std::vector<WatchEvent> events;
    std::optional<absl::Status> ended;
  };

  void Pump() {
    Output output;
    {
      const std::lock_guard lock(resource_.mutex_);
      awake_ = false;
      if (!resource_.faults_.answers || state_ == State::kEnded) return;
      if (state_ == State::kNew) Open(output);
      if (state_ == State::kOpen) Collect(output);
    }
    // Calls out as its last act; the handler may destroy this after any but the last.
    const auto held = shared_from_this();
    if (output.opened) handler_.OnWatchOpened(kLifetime, output.warnings);
    if (!output.events.empty()) handler_.OnWatchEvents(std::move(output.events));
    if (output.ended.has_value()) handler_.OnWatchClosed(*std::move(output.ended));
  }

  void End(Output& output, absl::Status status) {
    state_ = State::kEnded;
    output.ended = std::move(status);
  }

  void Open(Output& output) {
    state_ = State::kOpen;
    output.warnings = resource_.faults_.warnings;
    if (auto failure = TakeNext(resource_.faults_.watches)) return End(output, *failure);
    if (request_.send_initial_events) {
      if (!resource_.faults_.stream_list) {
        return End(output, InvalidOptionsError("sendInitialEvents is forbidden"));
      }
      if (request_.since > V(resource_.version_)) {
        return End(output, TooLargeVersionError("Too large resource version"));
      }
      output.opened = true;
      for (const auto& [key, spec] : resource_.objects_) {
        if (FakeResource::InScope(spec, key_.namespace_name)) {
          pending_.push_back(Make(WatchEventType::kAdded, spec));
        }
      }
      if (resource_.faults_.ends_initial_events) {
        pending_.push_back(MakeBookmark(resource_.version_, true));
      }
      sent_ = V(resource_.version_);
      return;
    }
    sent_ = request_.since;
    if (sent_ >= V(resource_.compacted_)) {
      output.opened = true;
    } else if (resource_.faults_.expires_silently) {
      output.opened = true;
      End(output, absl::OkStatus());
    } else {
      output.opened = true;
      output.events.push_back(MakeErrorEvent(ResourceExpiredError("too old resource version")));
      End(output, absl::OkStatus());
    }
  }

  void Collect(Output& output) {
    if (cut_.has_value()) return End(output, *std::exchange(cut_, std::nullopt));
    Faults& faults = resource_.faults_;
    if (faults.watches_lag) return;
    const auto& history = resource_.history_;
    auto change = std::partition_point(history.begin(), history.end(), [this](const Change& c) {
      return V(c.spec.version) <= sent_;
    });
    for (; change != history.end(); ++change) {
      sent_ = V(change->spec.version);
      if (!FakeResource::InScope(change->spec, key_.namespace_name)) continue;
      if (faults.lost_events > 0) {
        --faults.lost_events;
      } else {
        pending_.push_back(Make(change->type, change->spec));
      }
    }
    for (WatchEvent& event : std::exchange(injected_, {})) pending_.push_back(std::move(event));
    if (std::exchange(bookmark_, false)) pending_.push_back(MakeBookmark(resource_.version_));
    while (!pending_.empty() && output.events.size() < faults.max_batch) {
      if (faults.undecodable_after == delivered_) {
        return End(output, InvalidArgumentError("bytes that make no sense"));
      }
      ++delivered_;
      output.events.push_back(std::move(pending_.front()));
      pending_.pop_front();
    }
    if (!pending_.empty()) Wake();
  }

  WatchEvent Make(WatchEventType type, const ObjectSpec& spec) const {
    return MakeEvent(type, MakeFor(key_, spec));
  }

  Dispatcher& dispatcher_;
  FakeResource& resource_;
  const CacheKey key_;
  const WatchRequest request_;
  WatchHandler& handler_;
  bool awake_ = false;
  State state_ = State::kNew;
  ResourceVersion sent_;
  std::deque<WatchEvent> pending_;
  std::vector<WatchEvent> injected_;
  bool bookmark_ = false;
  std::optional<absl::Status> cut_;
  size_t delivered_ = 0;
};

void FakeResource::WakeWatches() {
  open_.erase(std::remove_if(open_.begin(), open_.end(), [](const auto& w) { return w.expired(); }),
              open_.end());
  for (const std::weak_ptr<Watch>& weak : open_) {
    if (const auto watch = weak.lock()) watch->Wake();
  }
}

void FakeResource::SendBookmarks() {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : open_) {
    if (const auto watch = weak.lock()) watch->WantBookmark();
  }
  WakeWatches();
}

void FakeResource::CutWatches(absl::Status status) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : open_) {
    if (const auto watch = weak.lock()) watch->Cut(absl::Status(status.code(), status.message()));
  }
  WakeWatches();
}

void FakeResource::Inject(const WatchEvent& event) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : open_) {
    if (const auto watch = weak.lock()) watch->Inject(event);
  }
  WakeWatches();
}

size_t FakeResource::open_watches() const {
  const std::lock_guard lock(mutex_);
  return static_cast<size_t>(std::count_if(open_.begin(), open_.end(), [](const auto& weak) {
    const auto watch = weak.lock();
    return watch != nullptr && watch->open();
  }));
}

FakeListerWatcher::FakeListerWatcher(Dispatcher& dispatcher, FakeResource& resource, CacheKey key)
    : dispatcher_(dispatcher), resource_(resource), key_(std::move(key)) {}

absl::StatusOr<ObjectList> FakeListerWatcher::MakeList(ResourceVersion at_least) {
  const std::lock_guard lock(resource_.mutex_);
  FakeResource::Faults& faults = resource_.faults_;
  if (auto failure = TakeNext(faults.lists)) return *failure;
  const uint64_t version = faults.list_version.value_or(resource_.version_);
  // A server that shows an old state on purpose does not mind what is asked for.
  if (at_least > V(version) && !faults.list_version.has_value()) {
    return TooLargeVersionError("Too large resource version");
  }
  ObjectList list{.version = V(version),
                  .envelope = {.api_version = "v1", .list_kind = "ConfigMapList"},
                  .items = {},
                  .warnings = faults.warnings};
  for (const auto& [key, spec] : resource_.ObjectsAt(V(version))) {
    if (!FakeResource::InScope(spec, key_.namespace_name)) continue;
    list.envelope.custom_resource = spec.custom_resource;
    list.items.push_back(MakeFor(key_, spec));
  }
  return list;
}

std::optional<absl::Status> FakeListerWatcher::TakeFailure(
    std::deque<absl::Status> FakeResource::Faults::*statuses) {
  const std::lock_guard lock(resource_.mutex_);
  return TakeNext(resource_.faults_.*statuses);
}

RequestHandle FakeListerWatcher::List(ResourceVersion at_least, ListCallback done) {
  const std::lock_guard lock(resource_.mutex_);
  ++resource_.lists_;
  resource_.last_list_at_least_ = at_least;
  if (!resource_.faults_.answers) return std::make_unique<Cancellable>();
  return std::make_unique<LaterCall>(
      dispatcher_, [this, at_least, done = std::move(done)] { done(MakeList(at_least)); });
}

RequestHandle FakeListerWatcher::Watch(const WatchRequest& request, WatchHandler& handler) {
  // The handle holds the watch; its end is the watch's.
  struct Handle final : Cancellable {
    std::shared_ptr<FakeResource::Watch> watch;
  };
  auto handle = std::make_unique<Handle>();
  handle->watch =
      std::make_shared<FakeResource::Watch>(dispatcher_, resource_, key_, request, handler);
  const std::lock_guard lock(resource_.mutex_);
  ++(request.send_initial_events ? resource_.stream_lists_ : resource_.watches_);
  resource_.open_.push_back(handle->watch);
  handle->watch->Wake();
  return handle;
}

RequestHandle FakeListerWatcher::LearnEnvelope(EnvelopeCallback done) {
  const std::lock_guard lock(resource_.mutex_);
  ++resource_.envelopes_;
  return std::make_unique<LaterCall>(dispatcher_, [this, done = std::move(done)] {
    if (const auto failure = TakeFailure(&FakeResource::Faults::envelopes)) return done(*failure);
    done(ListEnvelope{.api_version = "v1", .list_kind = "ConfigMapList", .custom_resource = true});
  });
}

absl::StatusOr<ObjectVersions> FakeListerWatcher::MakeVersions(ResourceVersion at_least) {
  const std::lock_guard lock(resource_.mutex_);
  if (auto failure = TakeNext(resource_.faults_.metadata_lists)) return *failure;
  const uint64_t version = resource_.faults_.metadata_version.value_or(resource_.version_);
  if (at_least > V(version)) return TooLargeVersionError("Too large resource version");
  ObjectVersions versions{.version = V(version), .items = {}};
  for (const auto& [key, spec] : resource_.ObjectsAt(V(version))) {
    if (!FakeResource::InScope(spec, key_.namespace_name)) continue;
    if (spec.name == resource_.faults_.metadata_hides) continue;
    versions.items.push_back({.namespace_name = spec.namespace_name,
                              .name = spec.name,
                              .uid = spec.uid,
                              .version = V(spec.version)});
  }
  return versions;
}

RequestHandle FakeListerWatcher::ListMetadata(ResourceVersion at_least, VersionsCallback done) {
  const std::lock_guard lock(resource_.mutex_);
  ++resource_.metadata_lists_;
  resource_.last_metadata_at_least_ = at_least;
  if (!resource_.faults_.answers) return std::make_unique<Cancellable>();
  return std::make_unique<LaterCall>(
      dispatcher_, [this, at_least, done = std::move(done)] { done(MakeVersions(at_least)); });
}

RequestHandle FakeListerWatcher::ReviewAccess(ReadVerb verb, AccessCallback done) {
  const std::lock_guard lock(resource_.mutex_);
  ++resource_.reviews_;
  if (!resource_.faults_.answers) return std::make_unique<Cancellable>();
  return std::make_unique<LaterCall>(dispatcher_, [this, verb, done = std::move(done)] {
    if (const auto failure = TakeFailure(&FakeResource::Faults::reviews)) return done(*failure);
    done(resource_.Read(resource_.faults_.denied).count(verb) == 0);
  });
}

}  // namespace weir
