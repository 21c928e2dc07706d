// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/kube/media_type.h"

namespace weir {

// Finds where the events of a watch end in bytes that only pass through, so that the watch can be
// ended between two of them. JSON: lines. Protobuf: 4-byte big-endian lengths.
class WatchFrames {
 public:
  explicit WatchFrames(Representation representation) : representation_(representation) {}

  // How many of `bytes` belong to events that are complete with them.
  size_t Advance(std::string_view bytes);
  // What has come so far ends with an event.
  bool at_boundary() const { return at_boundary_; }

 private:
  Representation representation_;
  bool at_boundary_ = true;
  uint64_t length_ = 0;   // Protobuf: of the frame, as far as it is read.
  int length_bytes_ = 0;  // Of the four.
  uint64_t body_missing_ = 0;
};

}  // namespace weir
