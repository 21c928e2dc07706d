// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/downstream/read_floors.h"
#include "proxy/http/message.h"
#include "proxy/kube/request_info.h"
#include "proxy/kube/watch_decoder.h"

namespace weir {

// Reads what a forwarded watch tells its client, as AnswerObserver does of other answers, and notes
// it: REQUIRES of its caller that it does so before the client has the same bytes. What cannot be
// read (compressed, Tables, a WebSocket) is noted as unclear whenever something comes. A watch's
// first bookmark says what the initial events were of, so that what was not among them is not
// there; the others tell of nothing that an event has not. On the worker of its request.
class WatchFloor {
 public:
  // REQUIRES: `floors` outlives it.
  WatchFloor(ReadFloors& floors, const RequestInfo& info);

  void NoteHead(const ResponseHead& head);
  void NoteBody(std::string_view bytes, MonotonicTime now);

 private:
  // The version of the state that is told by this; not set if it tells of none.
  ResourceVersion ToldBy(const WatchEvent& event);

  enum class Mode { kNothing, kEvents, kUnread };

  ReadFloors& floors_;
  const GroupVersionResource resource_;
  const std::string namespace_name_;
  Mode mode_ = Mode::kNothing;  // Until the head has come; stays so if it is a refusal.
  bool bookmarked_ = false;
  std::optional<WatchDecoder> decoder_;
  std::vector<WatchEvent> events_;  // Of one chunk; kept for its capacity.
};

}  // namespace weir
