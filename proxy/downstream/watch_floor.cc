// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/watch_floor.h"

#include <algorithm>
#include <utility>

#include "proxy/kube/media_type.h"

namespace weir {
namespace {

constexpr int kSwitchingProtocols = 101;

}  // namespace

WatchFloor::WatchFloor(ReadFloors& floors, const RequestInfo& info)
    : floors_(floors), resource_(info.resource), namespace_name_(info.object_namespace()) {}

void WatchFloor::NoteHead(const ResponseHead& head) {
  const bool success = head.status >= 200 && head.status < 300;
  if (!success && head.status != kSwitchingProtocols) return;
  const auto representation = RepresentationOf(head.headers.Get("Content-Type"));
  const bool readable = success && representation && !head.headers.Has("Content-Encoding");
  mode_ = readable ? Mode::kEvents : Mode::kUnread;
  if (readable) decoder_.emplace(*representation);
}

ResourceVersion WatchFloor::ToldBy(const WatchEvent& event) {
  if (event.type == WatchEventType::kBookmark && std::exchange(bookmarked_, true)) return {};
  return event.version;
}

void WatchFloor::NoteBody(std::string_view bytes, MonotonicTime now) {
  if (mode_ == Mode::kEvents) {
    events_.clear();
    if (!decoder_->Decode(bytes, events_).ok()) mode_ = Mode::kUnread;
    ResourceVersion told;
    for (const WatchEvent& event : events_) {
      told = std::max(told, ToldBy(event));
    }
    events_.clear();
    if (told.is_set()) floors_.Raise(resource_, namespace_name_, told);
  }
  if (mode_ == Mode::kUnread) floors_.Unclear(resource_, namespace_name_, now);
}

}  // namespace weir
