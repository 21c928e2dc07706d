// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/watch_decoder.h"

#include <algorithm>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/watch_event_decoder.h"

namespace weir {
namespace {

constexpr size_t kLengthBytes = 4;
// One large event must not leave each idle watch with a buffer of its size.
constexpr size_t kKeptCapacity = 64 << 10;

// REQUIRES: at least kLengthBytes.
size_t FrameLength(std::string_view frame) {
  size_t length = 0;
  for (const char c : frame.substr(0, kLengthBytes)) length = length << 8 | static_cast<uint8_t>(c);
  return length;
}

void ClearPending(std::string& pending) {
  pending.clear();
  if (pending.capacity() > kKeptCapacity) std::string().swap(pending);
}

absl::Status Append(Representation representation, std::string_view bytes,
                    std::vector<WatchEvent>& events) {
  WEIR_ASSIGN_OR_RETURN(WatchEvent event, DecodeWatchEvent(representation, bytes));
  events.push_back(std::move(event));
  return absl::OkStatus();
}

}  // namespace

WatchDecoder::WatchDecoder(Representation representation, size_t max_event_bytes)
    : representation_(representation), max_event_bytes_(max_event_bytes) {}

absl::Status WatchDecoder::Decode(std::string_view chunk, std::vector<WatchEvent>& events) {
  return representation_ == Representation::kProtobuf ? DecodeFrames(chunk, events)
                                                      : DecodeLines(chunk, events);
}

absl::Status WatchDecoder::DecodeLines(std::string_view chunk, std::vector<WatchEvent>& events) {
  while (!chunk.empty()) {
    // pending_ has been searched already: each byte is looked at once, however it is cut.
    const size_t line_end = chunk.find('\n');
    const std::string_view line = chunk.substr(0, line_end);
    if (pending_.size() + line.size() > max_event_bytes_) {
      return TooLarge(pending_.size() + line.size());
    }
    if (line_end == std::string_view::npos) {
      pending_.append(line);
      return absl::OkStatus();
    }
    chunk.remove_prefix(line_end + 1);
    if (pending_.empty() && line.empty()) continue;
    if (pending_.empty()) {
      WEIR_RETURN_IF_ERROR(Append(representation_, line, events));
      continue;
    }
    pending_.append(line);
    WEIR_RETURN_IF_ERROR(Append(representation_, pending_, events));
    ClearPending(pending_);
  }
  return absl::OkStatus();
}

absl::Status WatchDecoder::DecodeFrames(std::string_view chunk, std::vector<WatchEvent>& events) {
  while (!chunk.empty()) {
    if (!pending_.empty() || chunk.size() < kLengthBytes) {
      Collect(chunk, kLengthBytes);
      if (pending_.size() < kLengthBytes) return absl::OkStatus();
    }
    const size_t length = FrameLength(pending_.empty() ? chunk : std::string_view(pending_));
    if (length > max_event_bytes_) return TooLarge(length);
    const size_t frame_size = kLengthBytes + length;
    if (pending_.empty() && chunk.size() >= frame_size) {
      WEIR_RETURN_IF_ERROR(Append(representation_, chunk.substr(kLengthBytes, length), events));
      chunk.remove_prefix(frame_size);
      continue;
    }
    Collect(chunk, frame_size);
    if (pending_.size() < frame_size) return absl::OkStatus();
    const std::string_view event = std::string_view(pending_).substr(kLengthBytes);
    WEIR_RETURN_IF_ERROR(Append(representation_, event, events));
    ClearPending(pending_);
  }
  return absl::OkStatus();
}

void WatchDecoder::Collect(std::string_view& chunk, size_t size) {
  if (pending_.size() >= size) return;
  const size_t count = std::min(size - pending_.size(), chunk.size());
  pending_.append(chunk.substr(0, count));
  chunk.remove_prefix(count);
}

absl::Status WatchDecoder::TooLarge(size_t size) const {
  return LimitError(StrCat("a watch event of ", size, " bytes or more is larger than the ",
                           max_event_bytes_, " that are read"));
}

}  // namespace weir
