// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "proxy/base/stats.h"
#include "proxy/cache/cache_replica.h"
#include "proxy/cache/event_view.h"
#include "proxy/downstream/pinned_streams.h"
#include "proxy/http/exchange.h"

namespace weir {

struct ListAnswerStats {
  explicit ListAnswerStats(StatsRegistry& registry);
  CounterHandle bytes_sent, cut_off_by_timeout, cut_off_pinned;
};

struct ListAnswerOptions {
  Representation representation = Representation::kJson;
  absl::Duration timeout;  // The client has taken all of it by then, or the answer is cut off.
};

// A LIST answered from one Revision: walks its frozen objects as the connection takes them, so it
// holds a root and a key, never a copy of the list. The bytes are the API server's own at that
// version. A client that does not read keeps that root for as long as it is given time, and only
// within the budget of PinnedStreams.
class ListAnswer : public RequestHandler, public PinningStream {
 public:
  // REQUIRES: `writer`, `stats` and `pinned` outlive it; `replica` is synced.
  ListAnswer(CacheReplica& replica, ListEnvelope envelope, EventView view,
             const ListAnswerOptions& options, ResponseWriter& writer, ListAnswerStats& stats,
             PinnedStreams& pinned);
  ~ListAnswer() override;

  void Start(const ResponseHead& head);

  Place place() const override;
  void EndPinned() override { CutOff(*stats_.cut_off_pinned); }

  void OnBody(std::string_view bytes) override { writer_.ConsumeBody(bytes.size()); }
  void OnEnd(HeaderList) override {}
  void OnWritable() override { Pump(); }
  void OnReset(absl::Status) override;

 private:
  void Pump();
  // Holds nothing of the cache any more.
  void Stop();
  void CutOff(Counter& reason);
  void CountIfPinning();
  // As the view shows it; not in the view: nullptr.
  ObjectPtr Shown(const ObjectPtr& object);
  void SendItem(const ObjectPtr& object);
  void Send(Bytes bytes);
  // What the protobuf form must say before the first item.
  uint64_t ItemsBytes();

  CacheReplica& replica_;
  RequestHandle subscription_;  // Keeps it.
  RevisionPtr revision_;
  const ListEnvelope envelope_;
  const EventView view_;
  const Representation representation_;
  ResponseWriter& writer_;
  ObjectPtr last_;  // The last object looked at; nullptr before the first.
  bool first_ = true;
  bool ended_ = false;
  bool not_showable_ = false;  // An object's bytes cannot be told (EventView::Show).
  ListAnswerStats& stats_;
  PinnedStreams& pinned_;
  const absl::Duration timeout_;
  const TimerPtr timer_;
};

}  // namespace weir
