// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <iterator>
#include <list>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace weir {

// A map from names that holds so many at most: what has not been got for longest goes first.
// References stay valid until their entry goes.
template <typename Value>
class BoundedMap {
 public:
  explicit BoundedMap(size_t limit) : limit_(limit) {}

  Value* Find(std::string_view key) {
    const auto at = places_.find(key);
    return at == places_.end() ? nullptr : &at->second->second;
  }
  // The value of the key, made if need be. `dropped` tells whether another had to go for it.
  Value& Get(std::string_view key, bool* dropped = nullptr) {
    if (const auto at = places_.find(key); at != places_.end()) {
      entries_.splice(entries_.end(), entries_, at->second);
      return at->second->second;
    }
    if (entries_.size() >= limit_) {
      Erase(entries_.front().first);
      if (dropped != nullptr) *dropped = true;
    }
    entries_.emplace_back(std::string(key), Value());
    const auto last = std::prev(entries_.end());
    places_.emplace(last->first, last);
    return last->second;
  }
  void Erase(std::string_view key) {
    const auto at = places_.find(key);
    if (at == places_.end()) return;
    const auto entry = at->second;
    places_.erase(at);  // First: it views the entry's key.
    entries_.erase(entry);
  }
  size_t size() const { return entries_.size(); }
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (const auto& [key, value] : entries_) visit(key, value);
  }

 private:
  using Entries = std::list<std::pair<const std::string, Value>>;

  const size_t limit_;
  Entries entries_;  // Those got last are at the end.
  absl::flat_hash_map<std::string_view, typename Entries::iterator> places_;
};

}  // namespace weir
