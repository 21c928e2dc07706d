// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/cacher_map_core.h"

#include <algorithm>
#include <utility>

#include "absl/hash/hash.h"

#include "proxy/base/log.h"
#include "proxy/base/status.h"

namespace weir {

CacherMap::Core::Core(Environment environment)
    : env_(std::move(environment)),
      peers_({this}),
      common_(std::make_shared<Common>()),
      refused_(env_.registry.AddCounter(
          "weir_cache_refused_total",
          "Requests forwarded because no new cache was made: too many, or the byte budget is used "
          "up.")),
      evicted_(env_.registry.AddCounter(
          "weir_cache_evicted_total",
          "Caches without readers that were dropped to make room for others.")),
      leave_timer_(env_.dispatcher.CreateTimer([this] {
        leaving_bytes_ = 0;
        std::exchange(leaving_, {});
      })) {}

CacherMap::Core::~Core() { Stop(); }

void CacherMap::Core::SetPeers(std::vector<Core*> peers, std::shared_ptr<Common> common) {
  peers_ = std::move(peers);
  common_ = std::move(common);
}

void CacherMap::Core::Stop() {
  stopped_ = true;
  homes_.clear();
  leaving_.clear();
  for (const auto& [id, slot] : slots_) slot->idle_timer->Disable();
}

// Not by DeferDelete: the dispatcher outlives what a source refers to.
void CacherMap::Core::Leave(std::unique_ptr<Leaving> leaving) {
  leaving_.push_back(std::move(leaving));
  if (!stopped_) leave_timer_->Enable(absl::ZeroDuration());
}

void CacherMap::Core::Send(Core& to, absl::AnyInvocable<void(Core&)> message) {
  if (&to == this) return message(*this);
  if (stopped_) return;
  to.env_.dispatcher.Post([&to, message = std::move(message)]() mutable { message(to); });
}

CacherMap::Core& CacherMap::Core::HomeOf(const CacheKey& key) {
  return *peers_[absl::Hash<CacheKey>{}(key) % peers_.size()];
}

// The side of the readers.

CacheReplica* CacherMap::Core::Get(const CacheKey& key, const Narrowing& narrowing) {
  thread_.Check();
  if (CacheReplica* const found = Find(key, narrowing)) return found;
  if (stopped_ || RecentlyUnavailable(key)) return nullptr;
  if (slots_.size() >= env_.options.max_caches || !MakeRoom()) {
    refused_->Add();
    return nullptr;
  }
  return Make(key);
}

// Asks the registry, which knows the Cachers of every worker: this is once per new cache.
// Drops Cachers of this worker that nobody reads, the largest first, if that is enough.
bool CacherMap::Core::MakeRoom() {
  const double used =
      env_.registry.Sum("weir_cache_object_bytes") + env_.registry.Sum("weir_cache_window_bytes");
  const double limit = static_cast<double>(env_.options.byte_budget + leaving_bytes_);
  if (used < limit) return true;
  std::vector<std::pair<uint64_t, CacheKey>> idle;
  uint64_t idle_bytes = 0;
  for (const auto& [key, home] : homes_) {
    if (home->bytes() == 0 || home->readers() > 0) continue;
    idle.emplace_back(home->bytes(), key);
    idle_bytes += home->bytes();
  }
  if (used - static_cast<double>(idle_bytes) >= limit) return false;
  std::sort(idle.begin(), idle.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  uint64_t freed = 0;
  for (const auto& [bytes, key] : idle) {
    if (used - static_cast<double>(freed) < limit) break;
    freed += bytes;
    Evict(key);
  }
  return true;
}

void CacherMap::Core::Evict(const CacheKey& key) {
  const auto it = homes_.find(key);
  if (it == homes_.end()) return;
  evicted_->Add();
  LogInfo("a cache without readers makes room for another",
          {{"resource", key.resource.Name()}, {"bytes", it->second->bytes()}});
  it->second->TellUnavailable(LimitError("the byte budget is used up"));
  DropHome(key);
}

CacheReplica* CacherMap::Core::Find(const CacheKey& key, const Narrowing& narrowing) {
  CacheReplica* const exact = FindExact(key);
  if (exact != nullptr && exact->state() == CacheReplica::State::kSynced) return exact;
  CacheReplica* const wider = FindWider(key, narrowing);
  return wider != nullptr ? wider : exact;
}

CacheReplica* CacherMap::Core::FindExact(const CacheKey& key) {
  const auto it = replicas_.find(key);
  if (it == replicas_.end()) return nullptr;
  Slot& slot = *it->second;
  if (slot.replica->subscribers() == 0) slot.idle_timer->Enable(env_.options.idle_timeout);
  return slot.replica.get();
}

// Of those that hold what is asked for, the ones that hold least beyond it come first.
CacheReplica* CacherMap::Core::FindWider(const CacheKey& key, const Narrowing& narrowing) {
  constexpr unsigned kWholeObjects = 8, kAllNamespaces = 4, kAllFields = 2, kAllLabels = 1;
  const unsigned possible =
      (key.metadata_only && narrowing.metadata_local ? kWholeObjects : 0) |
      (key.namespace_name.empty() ? 0 : kAllNamespaces) |
      (!key.field_selector.empty() && narrowing.fields_local ? kAllFields : 0) |
      (key.label_selector.empty() ? 0 : kAllLabels);
  for (unsigned widened = 1; widened <= possible; ++widened) {
    if ((widened & ~possible) != 0) continue;
    CacheKey wider = key;
    if ((widened & kWholeObjects) != 0) wider.metadata_only = false;
    if ((widened & kAllNamespaces) != 0) wider.namespace_name.clear();
    if ((widened & kAllFields) != 0) wider.field_selector.clear();
    if ((widened & kAllLabels) != 0) wider.label_selector.clear();
    CacheReplica* const found = FindSynced(wider);
    if (found == nullptr) continue;
    if ((widened & kWholeObjects) != 0 &&
        (!found->derives_metadata() || found->view_classes().not_showable())) {
      continue;
    }
    if ((widened & kAllFields) != 0 && wider.metadata_only && !narrowing.fields_in_metadata) {
      continue;
    }
    const bool by_namespace = (widened & kAllNamespaces) != 0 ||
                              ((widened & kAllFields) != 0 && narrowing.fields_of_namespace);
    if (by_namespace && !found->namespaced()) continue;
    return FindExact(wider);
  }
  return nullptr;
}

CacheReplica* CacherMap::Core::FindSynced(const CacheKey& key) const {
  const auto it = replicas_.find(key);
  if (it == replicas_.end()) return nullptr;
  CacheReplica* const replica = it->second->replica.get();
  return replica->state() == CacheReplica::State::kSynced ? replica : nullptr;
}

void CacherMap::Core::ForEachOf(const GroupVersionResource& resource,
                                const std::function<void(const CacheReplica&)>& visit) const {
  for (const auto& [key, slot] : replicas_) {
    if (key.resource.resource != resource.resource || key.resource.group != resource.group) {
      continue;
    }
    if (slot->replica->state() == CacheReplica::State::kSynced) visit(*slot->replica);
  }
}

// Caches of one key follow each other, and none begins below the last one.
ResourceVersion CacherMap::Core::PublishedElsewhere(const CacheKey& than,
                                                    std::string_view namespace_name) {
  ResourceVersion newest;
  std::vector<CacheKey> not_here;
  const auto visit = [&](const PublishedState& state) {
    const CacheKey& key = state.key();
    const bool apart = !key.namespace_name.empty() && !namespace_name.empty() &&
                       key.namespace_name != namespace_name;
    if (key == than || apart || !state.told()) return;
    CacheReplica* const own = FindSynced(key);
    if (own != nullptr && own->core().HasAllOf(state)) return;
    newest = std::max(newest, state.content());
    not_here.push_back(key);
  };
  const ResourceVersion gone = common_->published.ForEachOf(than.resource, visit);
  for (const CacheKey& key : not_here) Join(key);
  return std::max(newest, gone);
}

// Without a reader of its own it goes again when it is idle.
void CacherMap::Core::Join(const CacheKey& key) {
  const bool leaving = &HomeOf(key) == this && !homes_.contains(key);
  const bool room = slots_.size() < env_.options.max_caches;
  if (replicas_.contains(key) || leaving || !room || stopped_ || RecentlyUnavailable(key)) return;
  Make(key);
}

bool CacherMap::Core::RecentlyUnavailable(const CacheKey& key) {
  const auto it = unavailable_until_.find(key);
  if (it == unavailable_until_.end()) return false;
  if (env_.dispatcher.Now() < it->second) return true;
  unavailable_until_.erase(it);
  return false;
}

CacheReplica* CacherMap::Core::Make(const CacheKey& key) {
  const uint64_t id = next_id_++;
  auto slot = std::make_unique<Slot>();
  slot->key = key;
  slot->id = id;
  slot->replica = std::make_unique<CacheReplica>(std::make_unique<CacheReplica::Core>(
      key, env_.options,
      CacheReplica::Core::Outlets{.ask =
                                      [this, key](std::function<void(Cacher&)> request) {
                                        Send(HomeOf(key),
                                             [key, request = std::move(request)](Core& home) {
                                               home.Ask(key, request);
                                             });
                                      },
                                  .on_readers = [this, id] { OnReaders(id); }}));
  slot->idle_timer = env_.dispatcher.CreateTimer([this, id] { OnIdle(id); });
  slot->idle_timer->Enable(env_.options.idle_timeout);
  slot->readers = env_.registry.AddGauge("weir_cache_readers", "Requests that read a cache.",
                                         {{"resource", key.resource.Name()}});
  CacheReplica* const replica = slot->replica.get();
  const Attachment attachment{.worker = this, .id = id, .readers = replica->core().readers()};
  replicas_.emplace(key, slot.get());
  slots_.emplace(id, std::move(slot));
  Send(HomeOf(key), [key, attachment](Core& home) { home.Attach(key, attachment); });
  return replica;
}

void CacherMap::Core::OnReaders(uint64_t id) {
  const auto it = slots_.find(id);
  if (it == slots_.end()) return;
  Slot& slot = *it->second;
  slot.readers->Set(static_cast<int64_t>(slot.replica->readers()));
  if (slot.replica->subscribers() > 0 || stopped_) return slot.idle_timer->Disable();
  if (slot.replica->state() == CacheReplica::State::kUnavailable) return Retire(id);
  slot.idle_timer->Enable(env_.options.idle_timeout);
}

void CacherMap::Core::OnIdle(uint64_t id) {
  const auto it = slots_.find(id);
  if (it == slots_.end() || it->second->replica->subscribers() > 0) return;
  const CacheKey key = it->second->key;
  Retire(id);
  Send(HomeOf(key), [key, attachment = Attachment{.worker = this, .id = id, .readers = nullptr}](
                        Core& home) { home.Detach(key, attachment); });
}

// Its Cacher is told, or is the one that says so.
void CacherMap::Core::Retire(uint64_t id) {
  auto node = slots_.extract(id);
  if (node.empty()) return;
  const auto it = replicas_.find(node.mapped()->key);
  if (it != replicas_.end() && it->second == node.mapped().get()) replicas_.erase(it);
  node.mapped()->idle_timer->Disable();
  Leave(std::move(node.mapped()));
}

void CacherMap::Core::Deliver(uint64_t id, const Cacher::ReplicaUpdate& update) {
  thread_.Check();
  const auto it = slots_.find(id);
  if (it != slots_.end()) update(it->second->replica->core());
}

void CacherMap::Core::Lose(uint64_t id, absl::Status reason) {
  thread_.Check();
  const auto it = slots_.find(id);
  if (it == slots_.end()) return;
  Slot& slot = *it->second;
  if (slot.replica->state() == CacheReplica::State::kUnavailable) return;
  const MonotonicTime now = env_.dispatcher.Now();
  if (unavailable_until_.size() >= env_.options.max_caches) {
    absl::erase_if(unavailable_until_, [now](const auto& entry) { return entry.second <= now; });
  }
  // One that is forgotten is asked for again sooner.
  if (unavailable_until_.size() >= env_.options.max_caches) {
    unavailable_until_.erase(unavailable_until_.begin());
  }
  unavailable_until_[slot.key] = now + env_.options.retry_unavailable;
  replicas_.erase(slot.key);
  slot.replica->core().SetUnavailable(std::move(reason));
  // Unless its last reader, being told, has done so.
  if (slot.replica->subscribers() == 0) Retire(id);
}

// The side of the Cachers.

CacherHome& CacherMap::Core::HomeFor(const CacheKey& key) {
  const auto it = homes_.find(key);
  if (it != homes_.end()) return *it->second;
  auto home =
      std::make_unique<CacherHome>(Cacher::Environment{.dispatcher = env_.dispatcher,
                                                       .registry = env_.registry,
                                                       .floors = common_->floors,
                                                       .published = common_->published,
                                                       .options = env_.options},
                                   key, env_.new_source(key), env_.new_filters(key.resource), *this,
                                   [this, key] { DropHome(key); });
  home->Start();
  return *homes_.emplace(key, std::move(home)).first->second;
}

void CacherMap::Core::DropHome(const CacheKey& key) {
  auto node = homes_.extract(key);
  if (node.empty()) return;
  node.mapped()->cacher().RaiseFloor();
  LeaveHome(std::move(node.mapped()));
}

void CacherMap::Core::LeaveHome(std::unique_ptr<CacherHome> home) {
  leaving_bytes_ += home->bytes();
  Leave(std::move(home));
}

void CacherMap::Core::Attach(const CacheKey& key, Attachment attachment) {
  thread_.Check();
  HomeFor(key).Attach(std::move(attachment));
}

void CacherMap::Core::Detach(const CacheKey& key, const Attachment& attachment) {
  thread_.Check();
  const auto it = homes_.find(key);
  if (it != homes_.end() && !it->second->Detach(attachment)) DropHome(key);
}

void CacherMap::Core::Ask(const CacheKey& key, const std::function<void(Cacher&)>& request) {
  thread_.Check();
  const auto it = homes_.find(key);
  if (it != homes_.end()) request(it->second->cacher());
}

void CacherMap::Core::DropAll(const absl::Status& reason) {
  for (Core* peer : peers_) {
    if (peer == this) continue;
    Send(*peer, [copy = UnsharedCopy(reason)](Core& core) { core.DropOwn(copy); });
  }
  DropOwn(reason);
}

void CacherMap::Core::DropOwn(const absl::Status& reason) {
  std::vector<std::unique_ptr<CacherHome>> homes;
  for (auto& [key, home] : homes_) homes.push_back(std::move(home));
  homes_.clear();
  std::vector<std::pair<uint64_t, CacheKey>> replicas;
  for (const auto& [key, slot] : replicas_) replicas.emplace_back(slot->id, key);

  for (std::unique_ptr<CacherHome>& home : homes) {
    home->TellUnavailable(reason);
    LeaveHome(std::move(home));
  }
  // Those that are fed by other workers.
  for (const auto& [id, key] : replicas) {
    const Attachment attachment{.worker = this, .id = id, .readers = nullptr};
    Send(HomeOf(key), [key = key, attachment](Core& home) { home.Detach(key, attachment); });
    Lose(id, reason);
  }
}

std::vector<CacheRow> CacherMap::Core::Rows() const {
  std::vector<CacheRow> rows;
  rows.reserve(homes_.size());
  for (const auto& [key, home] : homes_) rows.push_back(home->Row());
  return rows;
}

std::vector<ChangeRow> CacherMap::Core::Changes(const ChangeQuery& query) const {
  ChangeReader reader(query, env_.dispatcher.Now());
  for (const auto& [key, home] : homes_)
    reader.Add(key, home->cacher().window(), home->cacher().filters());
  return reader.Take();
}

}  // namespace weir
