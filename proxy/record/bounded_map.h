// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/base/strings.h"

namespace weir {

// A map from names that holds so many at most: what has not been got for longest goes first. A
// value.
template <typename Value>
class BoundedMap {
 public:
  explicit BoundedMap(size_t limit) : limit_(limit) {}

  Value* Find(std::string_view key) {
    const auto at = entries_.find(key);
    return at == entries_.end() ? nullptr : &at->second.value;
  }
  // The value of the key, made if need be; valid until the next call. `dropped` tells whether
  // another had to go for it.
  Value& Get(const std::string& key, bool* dropped = nullptr) {
    if (const auto at = entries_.find(key); at != entries_.end()) {
      at->second.number = next_++;
      Remember(at->second.number, key);
      return at->second.value;
    }
    if (entries_.size() >= limit_) {
      DropOldest();
      if (dropped != nullptr) *dropped = true;
    }
    const uint64_t number = next_++;
    Value& value = entries_.emplace(key, Entry{number, Value()}).first->second.value;
    Remember(number, key);
    return value;
  }
  void Erase(std::string_view key) {
    if (const auto at = entries_.find(key); at != entries_.end()) entries_.erase(at);
  }
  size_t size() const { return entries_.size(); }
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [key, entry] : entries_) visit(key, entry.value);
  }

 private:
  struct Entry {
    uint64_t number;  // Another one of the same key may come after it.
    Value value;
  };
  using Order = std::pair<uint64_t, std::string>;

  bool Stale(const Order& order) const {
    const auto at = entries_.find(order.second);
    return at == entries_.end() || at->second.number != order.first;
  }
  // What is left of earlier calls must not outgrow the map.
  void Remember(uint64_t number, const std::string& key) {
    order_.emplace_back(number, key);
    if (order_.size() <= 4 * limit_) return;
    std::erase_if(order_, [this](const Order& order) { return Stale(order); });
  }
  void DropOldest() {
    while (Stale(order_.front())) order_.pop_front();
    entries_.erase(order_.front().second);
    order_.pop_front();
  }

  const size_t limit_;
  uint64_t next_ = 0;
  StringMap<Entry> entries_;
  std::deque<Order> order_;
};

}  // namespace weir
