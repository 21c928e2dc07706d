// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/cache_replica.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/cache/cacher.h"

namespace weir {

class CacheReplica::Core::Subscription final : public Cancellable {
 public:
  Subscription(Core& core, Callbacks callbacks)
      : core_(&core), callbacks_(std::make_shared<const Callbacks>(std::move(callbacks))) {}
  ~Subscription() override {
    if (core_ != nullptr) core_->Remove(this);
  }
  void Tell() const {
    const auto callbacks = callbacks_;  // The callback may end its own subscription.
    callbacks->on_change();
  }
  void Orphan() { core_ = nullptr; }
  bool reads() const { return callbacks_->reads; }

 private:
  Core* core_;
  const std::shared_ptr<const Callbacks> callbacks_;
};

CacheReplica::Core::Core(CacheKey key, const CacherOptions& options, Outlets outlets)
    : key_(std::move(key)), outlets_(std::move(outlets)), window_(options) {}

CacheReplica::Core::~Core() {
  for (Subscription* subscription : subscriptions_) {
    if (subscription != nullptr) subscription->Orphan();
  }
}

void CacheReplica::Core::Sync(const WatchWindow& window, const CacheTraits& traits) {
  if (state_ != State::kSyncing) return;
  window_ = window;
  traits_ = traits;
  state_ = State::kSynced;
  LearnNamespaced();
  Notify();
}

void CacheReplica::Core::Append(RevisionPtr revision) {
  if (Take(std::move(revision))) Notify();
}

void CacheReplica::Core::SetTraits(const CacheTraits& traits) {
  if (Take(traits)) Notify();
}

void CacheReplica::Core::Update(RevisionPtr revision, const CacheTraits& traits) {
  const bool newer = revision != nullptr && Take(std::move(revision));
  if (Take(traits) || newer) Notify();
}

// Both say whether that is worth telling the readers.

bool CacheReplica::Core::Take(RevisionPtr revision) {
  // One that was published while this replica was being synced came with the window.
  if (state_ != State::kSynced || revision->sequence <= window_.newest()->sequence) return false;
  window_.Append(std::move(revision));
  LearnNamespaced();
  return true;
}

// Of each state, and not once: a definition that is made anew may have another scope.
void CacheReplica::Core::LearnNamespaced() {
  window_.newest()->objects.Scan({}, false, [this](const ObjectPtr& object) {
    namespaced_ = !object->namespace_name().empty();
    return false;
  });
}

bool CacheReplica::Core::Take(const CacheTraits& traits) {
  if (state_ != State::kSynced) return false;
  const bool envelope_learnt = traits.envelope.has_value() && !traits_.envelope.has_value();
  const bool proved =
      traits.current_as_of != traits_.current_as_of || traits.access != traits_.access;
  traits_ = traits;
  return envelope_learnt || proved;
}

void CacheReplica::Core::SetUnavailable(absl::Status reason) {
  state_ = State::kUnavailable;
  unavailable_reason_ = std::move(reason);
  traits_.healthy = false;
  Notify();
}

RequestHandle CacheReplica::Core::Subscribe(Callbacks callbacks) {
  auto subscription = std::make_unique<Subscription>(*this, std::move(callbacks));
  subscriptions_.push_back(subscription.get());
  ++subscribers_;
  if (subscription->reads()) readers_->fetch_add(1, std::memory_order_relaxed);
  outlets_.on_readers();
  return subscription;
}

void CacheReplica::Core::Remove(Subscription* subscription) {
  *std::find(subscriptions_.begin(), subscriptions_.end(), subscription) = nullptr;
  if (notifying_ == 0) Compact();
  --subscribers_;
  if (subscription->reads()) readers_->fetch_sub(1, std::memory_order_relaxed);
  outlets_.on_readers();
}

void CacheReplica::Core::Compact() {
  subscriptions_.erase(std::remove(subscriptions_.begin(), subscriptions_.end(), nullptr),
                       subscriptions_.end());
}

void CacheReplica::Core::Notify() {
  thread_.Check();
  ++notifying_;
  // Those who subscribe meanwhile have seen the news. By index: the vector may grow.
  const size_t count = subscriptions_.size();
  for (size_t i = 0; i < count; ++i) {
    if (subscriptions_[i] != nullptr) subscriptions_[i]->Tell();
  }
  if (--notifying_ == 0) Compact();
}

CacheReplica::CacheReplica(std::unique_ptr<Core> core) : core_(std::move(core)) {}
CacheReplica::~CacheReplica() = default;

const CacheKey& CacheReplica::key() const { return core_->key_; }
CacheReplica::State CacheReplica::state() const { return core_->state_; }
absl::Status CacheReplica::unavailable_reason() const { return core_->unavailable_reason_; }
bool CacheReplica::upstream_healthy() const { return core_->traits_.healthy; }
MonotonicTime CacheReplica::healthy_since_or_lost_at() const {
  return core_->traits_.health_changed;
}

const RevisionPtr& CacheReplica::newest() const { return window().newest(); }
const std::optional<ListEnvelope>& CacheReplica::envelope() const {
  return core_->traits_.envelope;
}
uint64_t CacheReplica::published() const { return core_->traits_.published->sequence(); }
bool CacheReplica::namespaced() const { return core_->namespaced_; }
const std::string& CacheReplica::api_version() const { return core_->traits_.api_version; }
const std::string& CacheReplica::kind() const { return core_->traits_.kind; }
const Warnings& CacheReplica::warnings() const { return core_->traits_.warnings; }
RevisionPtr CacheReplica::After(uint64_t sequence) const { return window().After(sequence); }
std::optional<WatchPosition> CacheReplica::Find(ResourceVersion since) const {
  return window().Find(since);
}
uint64_t CacheReplica::EventsAfter(const WatchPosition& position) const {
  return window().EventsAfter(position);
}

const WatchWindow& CacheReplica::window() const {
  WEIR_CHECK(!core_->window_.empty());
  return core_->window_;
}

ViewClasses& CacheReplica::view_classes() const { return core_->view_classes_; }

void CacheReplica::WantEnvelope() {
  if (envelope().has_value()) return;
  core_->outlets_.ask([](Cacher& cacher) { cacher.WantEnvelope(); });
}

void CacheReplica::WantCurrent(ResourceVersion at_least) {
  core_->outlets_.ask([at_least](Cacher& cacher) { cacher.WantCurrent(at_least); });
}
MonotonicTime CacheReplica::current_as_of() const { return core_->traits_.current_as_of; }

void CacheReplica::WantAccess(ReadVerb verb) {
  core_->outlets_.ask([verb](Cacher& cacher) { cacher.WantAccess(verb); });
}
const Access& CacheReplica::access(ReadVerb verb) const {
  return core_->traits_.access.at(static_cast<size_t>(verb));
}

std::optional<bool> CacheReplica::stream_list() const { return core_->traits_.stream_list; }

bool CacheReplica::derives_metadata() const {
  return key().representation == Representation::kProtobuf ||
         (envelope().has_value() && !envelope()->custom_resource);
}

RequestHandle CacheReplica::Subscribe(Callbacks callbacks) {
  return core_->Subscribe(std::move(callbacks));
}
size_t CacheReplica::subscribers() const { return core_->subscribers_; }
size_t CacheReplica::readers() const { return core_->readers_->load(std::memory_order_relaxed); }

}  // namespace weir
