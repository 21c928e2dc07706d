// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/watch_frames.h"

#include <algorithm>

namespace weir {

size_t WatchFrames::Advance(std::string_view bytes) {
  if (bytes.empty()) return 0;
  if (representation_ == Representation::kJson) {
    at_boundary_ = bytes.back() == '\n';
    return bytes.rfind('\n') + 1;  // npos + 1 is 0.
  }
  size_t complete = 0;
  size_t pos = 0;
  while (pos < bytes.size()) {
    if (length_bytes_ < 4) {
      length_ = length_ << 8 | static_cast<unsigned char>(bytes[pos++]);
      if (++length_bytes_ == 4) body_missing_ = length_;
    } else {
      const size_t taken = std::min<uint64_t>(body_missing_, bytes.size() - pos);
      pos += taken;
      body_missing_ -= taken;
    }
    if (length_bytes_ == 4 && body_missing_ == 0) {
      complete = pos;
      length_ = 0;
      length_bytes_ = 0;
    }
  }
  at_boundary_ = complete == bytes.size();
  return complete;
}

}  // namespace weir
