// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "proxy/kube/watch_event.h"

namespace weir {

// Cuts the body of a watch into events, whatever way the bytes are cut on the wire. JSON: one
// line each. Protobuf: 4-byte big-endian length and a bare WatchEvent. Buffers at most one event.
class WatchDecoder {
 public:
  // An event larger than `max_event_bytes` is an error (client-go's own frame limit is 16 MiB).
  explicit WatchDecoder(Representation representation, size_t max_event_bytes = 16 << 20);

  // Appends the events that `chunk` completes to `events`. After an error the stream is unusable:
  // events before it are still good.
  absl::Status Decode(std::string_view chunk, std::vector<WatchEvent>& events);
  // Whether a partial event waits for more bytes.
  bool mid_event() const { return !pending_.empty(); }

 private:
  absl::Status DecodeLines(std::string_view chunk, std::vector<WatchEvent>& events);
  absl::Status DecodeFrames(std::string_view chunk, std::vector<WatchEvent>& events);
  // Moves up to `size` bytes from `chunk` to pending_.
  void Collect(std::string_view& chunk, size_t size);
  absl::Status TooLarge(size_t size) const;

  Representation representation_;
  size_t max_event_bytes_;
  std::string pending_;  // The beginning of an event. JSON: holds no line end.
};

}  // namespace weir
