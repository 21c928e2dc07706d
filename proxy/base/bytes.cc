// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/bytes.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"

namespace weir {

Bytes Bytes::Copy(std::string_view text) { return Own(std::string(text)); }

Bytes Bytes::Own(std::string text) {
  if (text.empty()) return Bytes();
  auto owner = std::make_shared<const std::string>(std::move(text));
  const std::string_view view = *owner;
  return Bytes(std::move(owner), view);
}

void BytesQueue::Append(Bytes bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  pieces_.push_back(std::move(bytes));
}

void BytesQueue::Drain(size_t count) {
  WEIR_CHECK(count <= size_);
  size_ -= count;
  while (count > 0) {
    Bytes& front = pieces_.front();
    if (count < front.size()) {
      front = front.Sub(count, front.size() - count);
      return;
    }
    count -= front.size();
    pieces_.pop_front();
  }
}

size_t BytesQueue::MoveTo(std::string& out, size_t limit) {
  const size_t total = std::min(limit, size_);
  size_t left = total;
  while (left > 0) {
    const size_t count = std::min(left, pieces_.front().size());
    out.append(pieces_.front().view().substr(0, count));
    Drain(count);
    left -= count;
  }
  return total;
}

void BytesQueue::Clear() {
  pieces_.clear();
  size_ = 0;
}

}  // namespace weir
