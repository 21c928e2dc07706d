// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/base/stats.h"
#include "proxy/cache/watch_cursor.h"
#include "proxy/downstream/decision.h"
#include "proxy/downstream/delivery_lag.h"
#include "proxy/downstream/delivery_marks.h"
#include "proxy/downstream/pinned_streams.h"
#include "proxy/downstream/stream_row.h"
#include "proxy/http/exchange.h"

namespace weir {

struct WatchStreamStats {
  explicit WatchStreamStats(StatsRegistry& registry);
  CounterHandle events_sent, bookmarks_sent, differences_sent, bytes_sent, ended_by_timeout,
      ended_by_cache, ended_by_drain, ended_behind, ended_pinned;
  GaugeHandle open;
  DeliveryLags lags;
};

struct WatchStreamOptions {
  absl::Duration bookmark_interval = absl::Seconds(5);
  absl::Duration timeout;  // Then the stream ends cleanly.
  // A reader that the window has passed by is sent the difference. If not: it is ended cleanly, as
  // the API server ends a watch that is too slow, and asks the API server for what it has missed.
  bool coalesce = true;
};

// What a client has not been sent yet.
struct Backlog {
  uint64_t events = 0;
  std::optional<MonotonicTime> oldest = std::nullopt;  // When the oldest of it was published.
  // When it was sent something the last time, of a client that is to be sent bookmarks.
  std::optional<MonotonicTime> heard = std::nullopt;
};

// One client's watch, served from a cache: pulls from its WatchCursor whenever the connection
// can take more and holds nothing else. Objects go out by reference.
// REQUIRES: replica, writer, stats, pinned outlive it; the replica is synced.
class WatchStream : public RequestHandler, public PinningStream {
 public:
  // Sends the head at once, as the API server does: clients measure from it.
  WatchStream(CacheReplica& replica, WatchCursor cursor, const Decision& decision,
              const WatchStreamOptions& options, const ResponseHead& head, ResponseWriter& writer,
              WatchStreamStats& stats, PinnedStreams& pinned);
  ~WatchStream() override;

  // Begins to send. Not in the constructor, so that the owner has it by then. REQUIRES: marks, if
  // there are any, outlive the stream's last turn.
  void Start(DeliveryMarks* marks = nullptr);
  // Fills in what only the stream knows.
  void Describe(StreamRow& row) const;
  Backlog backlog() const;

  // REQUIRES: it has not ended.
  const WatchCursor& cursor() const { return *cursor_; }
  Place place() const override;
  void EndPinned() override;

  void OnBody(std::string_view bytes) override { writer_.ConsumeBody(bytes.size()); }
  void OnEnd(HeaderList) override {}
  void OnWritable() override { Pump(); }
  void OnReset(absl::Status reason) override;
  void OnDrain() override;

 private:
  void OnCacheChange();
  void Pump();
  // Until the connection takes no more or there is nothing left; caught_up_ says which.
  void SendPending();
  void Send(const WatchCursor::Item& item);
  void SendEvent(WatchEventType type, const ObjectPtr& object);
  void CountDifferences();
  void MarkReached(MonotonicTime now);
  void SendBookmark(ResourceVersion version, bool initial_events_end);
  // A bookmark, if the client wants them, has all there is and knows less than that.
  void SendDueBookmark();
  // With a last bookmark.
  void EndGracefully(Counter& reason);
  // Whatever is still to be sent. A client must not be left to think that its initial events have
  // all come.
  void Abandon(Counter& reason);
  void Finish();
  void Stop();

  // Set once.
  CacheReplica& replica_;
  const bool bookmarks_, end_bookmark_;
  const Representation representation_;
  const WatchStreamOptions options_;
  ResponseWriter& writer_;
  WatchStreamStats& stats_;
  PinnedStreams& pinned_;
  const MonotonicTime started_;

  // Changes with each event. The subscription keeps the replica that the cursor reads.
  RequestHandle subscription_;
  std::optional<WatchCursor> cursor_;  // Until it has ended.
  LagMeter lag_;
  DeliveryMarks* marks_ = nullptr;
  bool ended_ = false;
  bool caught_up_ = true;  // The last Pump() sent all there was.
  bool initial_done_;
  ResourceVersion sent_version_;
  uint64_t events_sent_ = 0, bookmarks_sent_ = 0, bytes_sent_ = 0, differences_seen_ = 0,
           folded_seen_ = 0;
  MonotonicTime last_sent_;
  std::string api_version_, kind_;  // Of bookmarks; from any object, else the list envelope.
  TimerPtr bookmark_timer_, timeout_timer_;
};

}  // namespace weir
