// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server_watch.h"

#include <algorithm>
#include <utility>

#include "proxy/base/strings.h"
#include "tests/support/fake_store_object.h"

namespace weir {

FakeWatch::FakeWatch(FakeApiState& state, FakeReadRequest request, ResponseWriter& writer)
    : state_(state), request_(std::move(request)), writer_(writer) {
  ResponseHead head;
  head.headers.Add("Audit-Id", "fake-audit-id");
  head.headers.Add("Cache-Control", "no-cache, private");
  const std::string_view type = ContentTypeOf(request_.format);
  head.headers.Add("Content-Type",
                   IsProtobuf(request_.format) ? StrCat(type, ";stream=watch") : std::string(type));
  state_.AddWarnings(request_.kind->resource.resource, head.headers);
  writer_.SendHead(head);
  state_.watches.insert(this);
  // A negative one is over at once, but for what is there already.
  if (const int64_t seconds = request_.options.timeout_seconds.value_or(0); seconds != 0) {
    timeout_ = state_.dispatcher.CreateTimer([this] { End(); });
    timeout_->Enable(absl::Seconds(std::max<int64_t>(0, seconds)));
  }
  Begin();
}

FakeWatch::~FakeWatch() { state_.watches.erase(this); }

void FakeWatch::Begin() {
  const ListOptions& options = request_.options;
  const uint64_t asked = ParseUint64(options.resource_version).value_or(0);
  const bool initial = options.send_initial_events.value_or(asked == 0);
  if (!initial) {
    seen_ = asked == 0 ? state_.served_version() : asked;
    if (asked != 0 && asked < state_.store.compacted()) {
      return Fail(TooOldVersion(asked, state_.store.compacted()));
    }
    return Pump();
  }
  if (asked > state_.served_version()) return WaitFor(asked);
  BeginWithObjects();
}

void FakeWatch::WaitFor(uint64_t version) {
  waiting_ = true;
  wait_timer_ = state_.dispatcher.CreateTimer([this, version] {
    waiting_ = false;
    if (version <= state_.served_version()) return BeginWithObjects();
    Fail(TooLargeVersion(version, state_.served_version()));
  });
  wait_timer_->Enable(state_.too_large_wait);
}

void FakeWatch::BeginWithObjects() {
  seen_ = state_.served_version();
  for (FakeObjectPtr& object : state_.store.ListAt(*request_.kind, seen_)) {
    if (request_.Selects(*object)) initial_.push_back(std::move(object));
  }
  initial_end_due_ = state_.stream_list && request_.options.allow_watch_bookmarks;
  Pump();
}

bool FakeWatch::PumpInitial() {
  for (; !initial_.empty() && writer_.writable(); initial_.pop_front()) {
    Send(EncodeEvent(request_.format, WatchEventType::kAdded, *initial_.front()));
  }
  if (!initial_.empty()) return false;
  if (std::exchange(initial_end_due_, false)) {
    Send(EncodeBookmark(request_.format, *request_.kind, seen_, true));
  }
  return true;
}

void FakeWatch::Pump() {
  if (over_ || waiting_ || state_.watches_paused || !PumpInitial()) return;
  while (!over_ && writer_.writable()) {
    const FakeEvent* event = state_.store.NextEvent(*request_.kind, seen_);
    if (event == nullptr || event->version > state_.served_version()) return;
    seen_ = event->version;
    SendEvent(*event);
  }
}

// As the API server's cacher turns the store's events into those of one watch.
void FakeWatch::SendEvent(const FakeEvent& event) {
  const bool before = event.previous != nullptr && request_.Selects(*event.previous);
  const bool after = event.type != WatchEventType::kDeleted && request_.Selects(*event.object);
  if (!before && !after) return;
  if (before && after) {
    return Send(EncodeEvent(request_.format, WatchEventType::kModified, *event.object));
  }
  if (after) return Send(EncodeEvent(request_.format, WatchEventType::kAdded, *event.object));
  Send(EncodeEvent(request_.format, WatchEventType::kDeleted,
                   *LastState(*event.previous, event.version)));
}

void FakeWatch::SendBookmark() {
  Pump();
  if (over_ || waiting_ || !request_.options.allow_watch_bookmarks || !initial_.empty()) return;
  if (seen_ > state_.served_version()) return;
  seen_ = state_.served_version();
  Send(EncodeBookmark(request_.format, *request_.kind, seen_, false));
}

void FakeWatch::SendRaw(std::string_view bytes) { Send(std::string(bytes)); }

void FakeWatch::End() {
  if (std::exchange(over_, true)) return;
  writer_.End();
}

void FakeWatch::Reset() {
  if (std::exchange(over_, true)) return;
  writer_.Reset();
}

void FakeWatch::Expire() { Fail(TooOldVersion(seen_, state_.store.version())); }

void FakeWatch::Fail(const FakeStatus& status) {
  Send(EncodeErrorEvent(request_.format, status));
  End();
}

void FakeWatch::Send(std::string frame) {
  if (!over_) writer_.SendBody(Bytes::Own(std::move(frame)));
}

}  // namespace weir
