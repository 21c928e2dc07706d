// SPDX-License-Identifier: Apache-2.0
//
// FindChangedPaths of two objects, one on each line: within its bounds, the same both ways, and
// nothing between an object and itself.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/kube/changed_paths.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const size_t line_end = text.find('\n');
  if (line_end == std::string_view::npos) return 0;
  const std::string_view before = text.substr(0, line_end);
  const std::string_view after = text.substr(line_end + 1);
  const auto changed = weir::FindChangedPaths(before, after);
  if (!changed.ok()) return 0;
  WEIR_CHECK(changed->paths.size() <= weir::ChangedPaths::kMaxPaths);
  WEIR_CHECK(!changed->more || changed->paths.size() == weir::ChangedPaths::kMaxPaths);
  const auto back = weir::FindChangedPaths(after, before);
  WEIR_CHECK(back.ok() && *back == *changed);
  for (const std::string_view object : {before, after}) {
    const auto same = weir::FindChangedPaths(object, object);
    WEIR_CHECK(same.ok() && same->paths.empty() && !same->more);
  }
  return 0;
}
