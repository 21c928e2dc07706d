// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/cacher_map.h"

#include <utility>

#include "proxy/cache/cacher_map_core.h"

namespace weir {

CacherMap::CacherMap(Environment environment)
    : core_(std::make_unique<Core>(std::move(environment))) {}
CacherMap::~CacherMap() = default;

// All share what the first one's has.
void CacherMap::SetPeers(const std::vector<CacherMap*>& peers) {
  std::vector<Core*> cores;
  cores.reserve(peers.size());
  for (CacherMap* peer : peers) cores.push_back(peer->core_.get());
  core_->SetPeers(cores, cores.front()->common());
}

void CacherMap::Stop() { core_->Stop(); }

CacheReplica* CacherMap::Get(const CacheKey& key, const Narrowing& narrowing) {
  return core_->Get(key, narrowing);
}
CacheReplica* CacherMap::Find(const CacheKey& key, const Narrowing& narrowing) {
  return core_->Find(key, narrowing);
}
void CacherMap::ForEachOf(const GroupVersionResource& resource,
                          const std::function<void(const CacheReplica&)>& visit) const {
  core_->ForEachOf(resource, visit);
}
ResourceVersion CacherMap::PublishedElsewhere(const CacheKey& than,
                                              std::string_view namespace_name) {
  return core_->PublishedElsewhere(than, namespace_name);
}
void CacherMap::DropAll(const absl::Status& reason) { core_->DropAll(reason); }
std::vector<CacheRow> CacherMap::Rows() const { return core_->Rows(); }
std::vector<ChangeRow> CacherMap::Changes(const ChangeQuery& query) const {
  return core_->Changes(query);
}

}  // namespace weir
