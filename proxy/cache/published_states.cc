// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/published_states.h"

#include <algorithm>

namespace weir {

void PublishedState::Publish(uint64_t sequence, ResourceVersion content) {
  const unsigned __int128 value = content.value();
  content_high_.store(static_cast<uint64_t>(value >> 64), std::memory_order_release);
  content_low_.store(static_cast<uint64_t>(value), std::memory_order_release);
  sequence_.store(sequence, std::memory_order_release);
}

// The higher half changes once in an API server's life, if ever. Whoever reads amid that change
// gets too much, and waits for nothing once.
ResourceVersion PublishedState::content() const {
  uint64_t high = 0, low = 0;
  do {
    high = content_high_.load(std::memory_order_acquire);
    low = content_low_.load(std::memory_order_acquire);
  } while (high != content_high_.load(std::memory_order_acquire));
  return ResourceVersion((static_cast<unsigned __int128>(high) << 64) | low);
}

std::shared_ptr<PublishedState> PublishedStates::Add(const CacheKey& key) {
  auto state = std::make_shared<PublishedState>(key);
  const std::lock_guard lock(mutex_);
  resources_[KeyOf(key.resource)].states.push_back(state);
  return state;
}

void PublishedStates::Remove(const PublishedState& state) {
  const std::lock_guard lock(mutex_);
  Resource& resource = resources_[KeyOf(state.key().resource)];
  if (state.told()) resource.gone = std::max(resource.gone, state.content());
  std::erase_if(resource.states, [&state](const auto& held) { return held.get() == &state; });
}

ResourceVersion PublishedStates::ForEachOf(
    const GroupVersionResource& resource,
    absl::FunctionRef<void(const PublishedState&)> visit) const {
  const std::lock_guard lock(mutex_);
  const auto it = resources_.find(KeyOf(resource));
  if (it == resources_.end()) return {};
  for (const auto& state : it->second.states) visit(*state);
  return it->second.gone;
}

}  // namespace weir
