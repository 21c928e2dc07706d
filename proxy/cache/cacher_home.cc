// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/cacher_home.h"

#include <algorithm>
#include <utility>

#include "proxy/cache/cacher_map_core.h"

namespace weir {

CacherHome::CacherHome(Cacher::Environment environment, CacheKey key, ListerWatcherPtr source,
                       std::unique_ptr<FilterChain> filters, CacherMap::Core& worker,
                       std::function<void()> unavailable)
    : worker_(worker),
      cacher_(environment, std::move(key), std::move(source), std::move(filters),
              {.publish = [this](const Cacher::ReplicaUpdate& update) { Publish(update); },
               .unavailable =
                   [this, unavailable = std::move(unavailable)](const absl::Status& reason) {
                     TellUnavailable(reason);
                     unavailable();
                   }}) {}

void CacherHome::Attach(Attachment attachment) {
  if (cacher_.synced()) {
    worker_.Send(*attachment.worker, [id = attachment.id, state = cacher_.CurrentState()](
                                         CacherMap::Core& core) { core.Deliver(id, state); });
  }
  // The others have to be woken: they are told first.
  const bool own = attachment.worker == &worker_;
  attachments_.insert(own ? attachments_.end() : attachments_.begin(), std::move(attachment));
}

bool CacherHome::Detach(const Attachment& attachment) {
  const auto same = [&attachment](const Attachment& a) {
    return a.worker == attachment.worker && a.id == attachment.id;
  };
  attachments_.erase(std::remove_if(attachments_.begin(), attachments_.end(), same),
                     attachments_.end());
  return !attachments_.empty();
}

// By index: a reader that is told may make caches, and so attach here.
void CacherHome::Publish(const Cacher::ReplicaUpdate& update) {
  for (size_t i = 0; i < attachments_.size(); ++i) {
    worker_.Send(*attachments_[i].worker, [id = attachments_[i].id, update](CacherMap::Core& core) {
      core.Deliver(id, update);
    });
  }
}

void CacherHome::TellUnavailable(const absl::Status& reason) {
  cacher_.RaiseFloor();
  for (const Attachment& attachment : std::exchange(attachments_, {})) {
    worker_.Send(*attachment.worker, [id = attachment.id, copy = UnsharedCopy(reason)](
                                         CacherMap::Core& core) { core.Lose(id, copy); });
  }
}

size_t CacherHome::readers() const {
  size_t sum = 0;
  for (const Attachment& attachment : attachments_) {
    sum += attachment.readers->load(std::memory_order_relaxed);
  }
  return sum;
}

CacheRow CacherHome::Row() const {
  CacheRow row;
  row.key = cacher_.key();
  row.state = cacher_.synced() ? "synced" : "syncing";
  row.detail = cacher_.Describe();
  row.version = cacher_.version();
  row.objects = cacher_.objects();
  row.object_bytes = cacher_.object_bytes();
  row.window_events = cacher_.window().events();
  row.window_bytes = cacher_.window().bytes();
  row.relists = cacher_.relists();
  row.readers = readers();
  row.since_event = cacher_.SinceHeard();
  return row;
}

}  // namespace weir
