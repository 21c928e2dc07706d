// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "proxy/base/clock.h"

namespace weir {

// What a reader may do, each with a right of its own.
enum class ReadVerb { kGet, kList, kWatch };
inline constexpr size_t kReadVerbs = 3;

constexpr std::string_view ReadVerbName(ReadVerb verb) {
  return verb == ReadVerb::kGet ? "get" : verb == ReadVerb::kList ? "list" : "watch";
}

// What the API server last said of Weir's own credential, one verb and the scope of one cache.
struct Access {
  bool allowed = false;
  MonotonicTime proved;  // When it was asked: it has said so at this moment or later.
  bool known = false;    // It has said anything.
  MonotonicTime failed;  // When it was last asked and gave no such answer, but did not stay silent.
  MonotonicTime silent;  // When that it had stayed silent, or could not be reached, was last seen.

  friend bool operator==(const Access&, const Access&) = default;
};
using AccessTable = std::array<Access, kReadVerbs>;  // By verb.

}  // namespace weir
