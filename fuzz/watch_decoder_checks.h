// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "proxy/base/check.h"
#include "proxy/kube/watch_decoder.h"

namespace weir {

inline void CheckSameEvents(const std::vector<WatchEvent>& a, const std::vector<WatchEvent>& b) {
  WEIR_CHECK(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    WEIR_CHECK(a[i].type == b[i].type && a[i].version == b[i].version);
    WEIR_CHECK((a[i].object == nullptr) == (b[i].object == nullptr));
    if (a[i].object != nullptr) WEIR_CHECK(a[i].object->raw() == b[i].object->raw());
    WEIR_CHECK(a[i].initial_events_end == b[i].initial_events_end && a[i].kind == b[i].kind);
    WEIR_CHECK(a[i].error.code == b[i].error.code && a[i].error.message == b[i].error.message);
  }
}

// The first byte is the size of the pieces; the rest is the stream, which must be read the same
// in pieces as at once.
inline void CheckWatchStream(Representation representation, const uint8_t* data, size_t size) {
  if (size == 0) return;
  constexpr size_t kLimit = 4096;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 1, size - 1);
  WatchDecoder whole(representation, kLimit);
  std::vector<WatchEvent> events;
  const absl::Status status = whole.Decode(stream, events);

  const size_t piece = data[0] + 1;
  WatchDecoder cut(representation, kLimit);
  std::vector<WatchEvent> same;
  absl::Status cut_status;
  for (size_t pos = 0; pos < stream.size() && cut_status.ok(); pos += piece) {
    cut_status = cut.Decode(stream.substr(pos, piece), same);
  }
  WEIR_CHECK(status.ok() == cut_status.ok());
  CheckSameEvents(events, same);
  if (status.ok()) WEIR_CHECK(whole.mid_event() == cut.mid_event());
  for (const WatchEvent& event : events) {
    const bool has_object =
        event.type != WatchEventType::kBookmark && event.type != WatchEventType::kError;
    WEIR_CHECK(has_object == (event.object != nullptr));
    WEIR_CHECK(event.version.is_set() == (event.type != WatchEventType::kError));
  }
}

}  // namespace weir
