// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace weir {

// The audit ids of the last writes, by numbers that are smaller than ids: what the writes led to is
// told of somewhat later.
class AuditIds {
 public:
  static constexpr size_t kIds = 512;       // 33 KiB, for the writes of a quarter of a second.
  static constexpr size_t kMaxLength = 64;  // As the API server's own limit.

  // 0: it has none, or it is too long to be one.
  uint32_t Add(std::string_view id) {
    if (id.empty() || id.size() > kMaxLength) return 0;
    if (ids_.empty()) ids_.resize(kIds);
    if (++last_ == 0) ++last_;
    Id& kept = ids_[last_ % kIds];
    kept.length = static_cast<uint8_t>(id.size());
    std::copy(id.begin(), id.end(), kept.text.begin());
    return last_;
  }
  // Valid until the next Add(). "": of none, or it has been forgotten.
  std::string_view Of(uint32_t number) const {
    if (number == 0 || last_ - number >= kIds) return {};
    const Id& kept = ids_[number % kIds];
    return {kept.text.data(), kept.length};
  }

 private:
  struct Id {
    uint8_t length = 0;
    std::array<char, kMaxLength> text;
  };

  uint32_t last_ = 0;
  std::vector<Id> ids_;
};

}  // namespace weir
