// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/watch_stream.h"

#include <array>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/partial_metadata.h"
#include "proxy/kube/watch_event.h"

namespace weir {
namespace {

// The JSON prefix depends on the type alone: made once, shared by every frame.
Bytes FramePrefix(WatchEventType type, const Object& object) {
  if (object.representation() != Representation::kJson) {
    return Bytes::Own(WatchFramePrefix(type, object));
  }
  static const auto* const prefixes =
      new std::array<std::string, 3>{WatchFramePrefix(WatchEventType::kAdded, object),
                                     WatchFramePrefix(WatchEventType::kModified, object),
                                     WatchFramePrefix(WatchEventType::kDeleted, object)};
  return Bytes::Static((*prefixes)[static_cast<size_t>(type)]);
}

}  // namespace

WatchStreamStats::WatchStreamStats(StatsRegistry& registry)
    : events_sent(registry.AddCounter("weir_downstream_watch_events_total",
                                      "Watch events sent from the cache, bookmarks left out.")),
      bookmarks_sent(registry.AddCounter("weir_downstream_watch_bookmarks_total",
                                         "Bookmarks sent from the cache.")),
      differences_sent(registry.AddCounter(
          "weir_downstream_watch_differences_total",
          "Times a reader fell behind the window and was sent the difference instead.")),
      bytes_sent(registry.AddCounter("weir_downstream_watch_bytes_total",
                                     "Bytes of watch events sent from the cache.")),
      ended_by_timeout(registry.AddCounter("weir_downstream_watch_ends_total",
                                           "Watches ended by Weir.", {{"reason", "timeout"}})),
      ended_by_cache(registry.AddCounter("weir_downstream_watch_ends_total",
                                         "Watches ended by Weir.", {{"reason", "cache"}})),
      ended_by_drain(registry.AddCounter("weir_downstream_watch_ends_total",
                                         "Watches ended by Weir.", {{"reason", "drain"}})),
      ended_behind(registry.AddCounter("weir_downstream_watch_ends_total", "Watches ended by Weir.",
                                       {{"reason", "behind"}})),
      ended_pinned(registry.AddCounter("weir_downstream_watch_ends_total", "Watches ended by Weir.",
                                       {{"reason", "pinned"}})),
      open(registry.AddGauge("weir_downstream_watch_streams",
                             "Watches being served from the cache.")),
      lags(registry) {}

WatchStream::WatchStream(CacheReplica& replica, WatchCursor cursor, const Decision& decision,
                         const WatchStreamOptions& options, const ResponseHead& head,
                         ResponseWriter& writer, WatchStreamStats& stats, PinnedStreams& pinned)
    : replica_(replica),
      bookmarks_(decision.bookmarks),
      // Other watches that begin with every object get one where the API server has stream-lists.
      end_bookmark_(decision.initial_events && decision.bookmarks &&
                    (decision.stream_list || replica.stream_list().value_or(false))),
      representation_(decision.key.representation),
      options_(options),
      writer_(writer),
      stats_(stats),
      pinned_(pinned),
      started_(writer.dispatcher().Now()),
      cursor_(std::move(cursor)),
      lag_(stats.lags.Of(decision.key.resource.Name()), started_),
      initial_done_(!decision.initial_events),
      sent_version_(decision.initial_events ? ResourceVersion() : decision.at_least),
      last_sent_(started_) {
  stats_.open->Add(1);
  const bool to_metadata = cursor_->view().shape().to_metadata;
  api_version_ = to_metadata ? kPartialMetadataApiVersion : replica_.api_version();
  kind_ = to_metadata ? kPartialMetadataKind : replica_.kind();
  writer_.SendHead(head);
}

WatchStream::~WatchStream() {
  pinned_.Remove(*this);
  stats_.open->Add(-1);
}

void WatchStream::Start(DeliveryMarks* marks) {
  marks_ = marks;
  subscription_ = replica_.Subscribe({.on_change = [this] { OnCacheChange(); }});
  if (bookmarks_) {
    bookmark_timer_ = writer_.dispatcher().CreateTimer([this] {
      bookmark_timer_->Enable(options_.bookmark_interval);
      SendDueBookmark();
    });
    bookmark_timer_->Enable(options_.bookmark_interval);
  }
  timeout_timer_ =
      writer_.dispatcher().CreateTimer([this] { EndGracefully(*stats_.ended_by_timeout); });
  timeout_timer_->Enable(options_.timeout);
  Pump();
}

void WatchStream::OnReset(absl::Status) { Stop(); }

// What was queued may take its time: nothing is held for it but that.
void WatchStream::Stop() {
  ended_ = true;
  pinned_.Remove(*this);
  cursor_.reset();
  subscription_.reset();
  // Not destroyed: one of them may be calling.
  if (bookmark_timer_ != nullptr) bookmark_timer_->Disable();
  if (timeout_timer_ != nullptr) timeout_timer_->Disable();
}

void WatchStream::OnDrain() {
  if (!ended_) EndGracefully(*stats_.ended_by_drain);
}

// What is pulled before the bookmark may have ended it already.
void WatchStream::EndGracefully(Counter& reason) {
  SendDueBookmark();
  if (ended_) return;
  reason.Add();
  Finish();
}

void WatchStream::OnCacheChange() {
  if (replica_.state() == CacheReplica::State::kSynced) return Pump();
  // Access was lost or the resource has gone: the client asks again and is told by the API server.
  if (!ended_) Abandon(*stats_.ended_by_cache);
}

void WatchStream::Pump() {
  if (ended_) return;
  lag_.Begin(!caught_up_);
  const uint64_t sent_before = bytes_sent_;
  SendPending();
  const MonotonicTime now = writer_.dispatcher().Now();
  if (bytes_sent_ != sent_before) last_sent_ = now;
  lag_.End(now);
  MarkReached(now);
  if (!ended_ && !caught_up_ && cursor_->pinned().bytes() > 0) pinned_.Add(*this);
}

void WatchStream::MarkReached(MonotonicTime now) {
  if (marks_ == nullptr || ended_ || !initial_done_ || cursor_->in_difference()) return;
  marks_->Reached(cursor_->seen_sequence(), now);
}

void WatchStream::SendPending() {
  caught_up_ = false;
  while (!caught_up_) {
    if (!options_.coalesce && initial_done_ && cursor_->passed_by()) {
      // The client goes on from the last version it was sent.
      return Abandon(*stats_.ended_behind);
    }
    if (!writer_.writable()) return;
    const std::optional<WatchCursor::Item> item = cursor_->Next();
    if (item.has_value()) Send(*item);
    if (ended_) return;
    caught_up_ = !item.has_value();
  }
}

void WatchStream::Send(const WatchCursor::Item& item) {
  switch (item.kind) {
    case WatchCursor::Item::Kind::kEvent:
      SendEvent(item.type, item.object);
      // Initial objects come in the order of their keys: their versions say nothing yet.
      if (!initial_done_) return;
      if (sent_version_ < item.version) sent_version_ = item.version;
      lag_.Sent(item.published, writer_.dispatcher());
      return;
    case WatchCursor::Item::Kind::kInitialEventsEnd:
      initial_done_ = true;
      if (end_bookmark_) {
        SendBookmark(item.version, true);
      } else {
        sent_version_ = item.version;
      }
      return;
    case WatchCursor::Item::Kind::kBookmark:
      if (bookmarks_ && sent_version_ < item.version) SendBookmark(item.version, false);
      return;
    case WatchCursor::Item::Kind::kExpired:
    case WatchCursor::Item::Kind::kNotShowable:
      return Abandon(*stats_.ended_by_cache);
  }
}

void WatchStream::SendEvent(WatchEventType type, const ObjectPtr& object) {
  Bytes prefix = FramePrefix(type, *object);
  const std::string_view suffix = WatchFrameSuffix(representation_);
  const size_t size = prefix.size() + object->raw().size() + suffix.size();
  writer_.SendBody(std::move(prefix));
  writer_.SendBody(Bytes::Share(object, object->raw()));
  if (!suffix.empty()) writer_.SendBody(Bytes::Static(suffix));
  ++events_sent_;
  bytes_sent_ += size;
  stats_.events_sent->Add();
  stats_.bytes_sent->Add(size);
  CountDifferences();
}

void WatchStream::CountDifferences() {
  const uint64_t differences = cursor_->differences_sent();
  if (differences == differences_seen_) return;
  stats_.differences_sent->Add(differences - differences_seen_);
  differences_seen_ = differences;
  lag_.Folded(cursor_->events_folded() - folded_seen_);
  folded_seen_ = cursor_->events_folded();
}

void WatchStream::SendBookmark(ResourceVersion version, bool initial_events_end) {
  Bytes frame =
      Bytes::Own(BookmarkFrame(representation_, api_version_, kind_, version, initial_events_end));
  bytes_sent_ += frame.size();
  stats_.bytes_sent->Add(frame.size());
  writer_.SendBody(std::move(frame));
  ++bookmarks_sent_;
  stats_.bookmarks_sent->Add();
  last_sent_ = writer_.dispatcher().Now();
  lag_.Bookmarked(last_sent_);
  sent_version_ = version;
}

void WatchStream::SendDueBookmark() {
  Pump();
  if (ended_ || !bookmarks_ || !initial_done_ || !caught_up_) return;
  const ResourceVersion complete = cursor_->complete_through();
  if (sent_version_ < complete) SendBookmark(complete, false);
}

PinningStream::Place WatchStream::place() const {
  const WatchCursor::Pinned pinned = cursor_->pinned();
  return {.cache = &replica_,
          .retired_since = cursor_->retired_since(),
          .by_place = pinned.by_place,
          .by_difference = pinned.by_difference};
}

void WatchStream::EndPinned() { Abandon(*stats_.ended_pinned); }

// A clean end before the end bookmark makes client-go ask for the same again at once; a reset makes
// it list instead.
void WatchStream::Abandon(Counter& reason) {
  reason.Add();
  if (initial_done_ || !end_bookmark_) return Finish();
  Stop();
  writer_.Reset();
}

void WatchStream::Finish() {
  Stop();
  writer_.End();
}

void WatchStream::Describe(StreamRow& row) const {
  const MonotonicTime now = writer_.dispatcher().Now();
  row.age = now - started_;
  row.events_sent = events_sent_;
  row.bytes_sent = bytes_sent_;
  row.bookmarks_sent = bookmarks_sent_;
  row.differences_sent = cursor_ ? cursor_->differences_sent() : differences_seen_;
  row.sent_version = sent_version_;
  row.queued_bytes = writer_.queued_bytes();
  const Backlog behind = backlog();
  row.events_behind = behind.events;
  if (behind.oldest.has_value()) row.seconds_behind = now - *behind.oldest;
}

Backlog WatchStream::backlog() const {
  if (ended_ || replica_.state() != CacheReplica::State::kSynced) return {};
  Backlog backlog{.events = cursor_->events_behind(), .oldest = cursor_->oldest_pending()};
  if (bookmarks_) backlog.heard = last_sent_;
  return backlog;
}

}  // namespace weir
