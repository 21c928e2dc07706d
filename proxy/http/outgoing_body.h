// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "proxy/base/bytes.h"
#include "proxy/http/exchange.h"

namespace weir {

// Body bytes on their way out of one stream, by reference until they go into the connection's
// output buffer, and whether the giver has been asked to stop.
class OutgoingBody {
 public:
  void Append(Bytes bytes) {
    queue_.Append(std::move(bytes));
    if (queue_.size() >= kStreamHighMark) full_ = true;
  }
  void End(HeaderList trailers) {
    ended_ = true;
    trailers_ = std::move(trailers);
  }
  void Clear() { queue_.Clear(); }
  // Moves up to `limit` of the oldest bytes to the end of `out`; says how many.
  size_t MoveTo(std::string& out, size_t limit) {
    const size_t count = queue_.MoveTo(out, limit);
    taken_ |= count > 0;
    return count;
  }
  // True when the giver was asked to stop and may now go on; asked once.
  bool TakeRelief() {
    return full_ && queue_.size() < kStreamLowMark && std::exchange(full_, false);
  }

  size_t size() const { return queue_.size(); }
  bool empty() const { return queue_.empty(); }
  bool writable() const { return !full_; }
  bool ended() const { return ended_; }
  // Bytes have left: the body can no longer be sent from its beginning.
  bool taken() const { return taken_; }
  const HeaderList& trailers() const { return trailers_; }

 private:
  BytesQueue queue_;
  HeaderList trailers_;
  bool ended_ = false;
  bool full_ = false;
  bool taken_ = false;
};

}  // namespace weir
