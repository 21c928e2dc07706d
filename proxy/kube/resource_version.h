// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// A point in the history of one resource of one API server; the only place that compares them.
// Well-formed: decimal digits, no leading zero, at most 2^128-1 (KEP-5504). The default value is
// before every version ("0" and "" on the wire are requests' words, see ListOptions, and do not
// parse here).
class ResourceVersion {
 public:
  constexpr ResourceVersion() = default;
  constexpr explicit ResourceVersion(unsigned __int128 value) : value_(value) {}
  static absl::StatusOr<ResourceVersion> Parse(std::string_view text);

  std::string ToString() const;  // "0" for the default value.
  constexpr bool is_set() const { return value_ != 0; }
  constexpr unsigned __int128 value() const { return value_; }
  friend constexpr auto operator<=>(ResourceVersion, ResourceVersion) = default;

 private:
  unsigned __int128 value_ = 0;
};

}  // namespace weir
