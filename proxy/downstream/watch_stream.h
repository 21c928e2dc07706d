// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "proxy/base/stats.h"
#include "proxy/cache/watch_cursor.h"
#include "proxy/downstream/decision.h"
#include "proxy/downstream/stream_row.h"
#include "proxy/http/exchange.h"

namespace weir {

struct WatchStreamStats {
  explicit WatchStreamStats(StatsRegistry& registry);
  CounterHandle events_sent, bookmarks_sent, differences_sent, bytes_sent, ended_by_timeout,
      ended_by_cache, ended_by_drain;
  GaugeHandle open;
};

struct WatchStreamOptions {
  absl::Duration bookmark_interval = absl::Seconds(5);
  absl::Duration timeout;  // Then the stream ends cleanly.
};

// One client's watch, served from a cache: pulls from its WatchCursor whenever the connection
// can take more and holds nothing else. Objects go out by reference.
// REQUIRES: replica, writer, stats outlive it; the replica is synced.
class WatchStream : public RequestHandler {
 public:
  // Sends the head at once, as the API server does: clients measure from it.
  WatchStream(CacheReplica& replica, WatchCursor cursor, const Decision& decision,
              const WatchStreamOptions& options, const ResponseHead& head, ResponseWriter& writer,
              WatchStreamStats& stats);
  ~WatchStream() override;

  // Begins to send. Not in the constructor, so that the owner has it by then.
  void Start();
  // Fills in what only the stream knows.
  void Describe(StreamRow& row) const;

  void OnBody(std::string_view bytes) override { writer_.ConsumeBody(bytes.size()); }
  void OnEnd(HeaderList) override {}
  void OnWritable() override { Pump(); }
  void OnReset(absl::Status reason) override;
  void OnDrain() override;

 private:
  void OnCacheChange();
  void Pump();
  void Send(const WatchCursor::Item& item);
  void SendEvent(WatchEventType type, const ObjectPtr& object);
  void SendBookmark(ResourceVersion version, bool initial_events_end);
  // A bookmark, if the client wants them, has all there is and knows less than that.
  void SendDueBookmark();
  void Expire();
  void Finish();
  void Stop();

  // Set once.
  CacheReplica& replica_;
  const bool bookmarks_, end_bookmark_;
  const Representation representation_;
  const WatchStreamOptions options_;
  ResponseWriter& writer_;
  WatchStreamStats& stats_;
  const MonotonicTime started_;

  // Changes with each event. The subscription keeps the replica that the cursor reads.
  RequestHandle subscription_;
  WatchCursor cursor_;
  bool ended_ = false;
  bool caught_up_ = false;  // The last Pump() sent all there was.
  bool initial_done_;
  ResourceVersion sent_version_;
  uint64_t events_sent_ = 0, bookmarks_sent_ = 0, bytes_sent_ = 0, differences_seen_ = 0;
  std::string api_version_, kind_;  // Of bookmarks; from any object, else the list envelope.
  TimerPtr bookmark_timer_, timeout_timer_;
};

}  // namespace weir
