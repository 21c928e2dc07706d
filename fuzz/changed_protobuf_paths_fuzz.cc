// SPDX-License-Identifier: Apache-2.0
//
// FindChangedProtobufPaths of two objects: two bytes say how long the first one is. Within its
// bounds, the same both ways, and nothing between an object and itself.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/kube/changed_paths.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t first = std::min<size_t>(data[0] << 8 | data[1], size - 2);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::string_view before = bytes.substr(0, first);
  const std::string_view after = bytes.substr(first);
  const auto changed = weir::FindChangedProtobufPaths(before, after);
  for (const std::string_view object : {before, after}) {
    const auto same = weir::FindChangedProtobufPaths(object, object);
    WEIR_CHECK(!same.ok() || (same->paths.empty() && !same->more));
  }
  if (!changed.ok()) return 0;
  WEIR_CHECK(changed->paths.size() <= weir::ChangedPaths::kMaxPaths);
  WEIR_CHECK(!changed->more || changed->paths.size() == weir::ChangedPaths::kMaxPaths);
  const auto back = weir::FindChangedProtobufPaths(after, before);
  WEIR_CHECK(back.ok() && *back == *changed);
  return 0;
}
