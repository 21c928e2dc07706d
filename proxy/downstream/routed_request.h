// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "proxy/cache/cacher_map.h"
#include "proxy/downstream/answer_observer.h"
#include "proxy/downstream/authenticator.h"
#include "proxy/downstream/cached_head.h"
#include "proxy/downstream/client_counts.h"
#include "proxy/downstream/decision.h"
#include "proxy/downstream/forwarded_watch.h"
#include "proxy/downstream/late_streams.h"
#include "proxy/downstream/list_answer.h"
#include "proxy/downstream/pinned_streams.h"
#include "proxy/downstream/read_check.h"
#include "proxy/downstream/read_floors.h"
#include "proxy/downstream/request_stats.h"
#include "proxy/downstream/router.h"
#include "proxy/downstream/stream_row.h"
#include "proxy/downstream/watch_stream.h"
#include "proxy/http/exchange.h"
#include "proxy/upstream/upstream.h"

namespace weir {

// What the requests of one worker share.
struct RouterContext {
  Dispatcher& dispatcher;
  CacherMap& caches;
  Authenticator& authenticator;
  Upstream& upstream;
  ReadFloors& floors;  // Of all workers.
  const RouterOptions options;
  StatsRegistry& registry;
  RequestStats requests{registry};
  ClientCounts clients = {};
  WatchStreamStats streams{registry};
  std::unique_ptr<PinnedStreams> pinned =
      std::make_unique<PinnedStreams>(dispatcher, options.pinned_bytes_budget, registry);
  std::unique_ptr<EventTap> tap;
  ListAnswerStats lists{registry};
  // Kinds that have no protobuf (custom resources), learnt from 406 answers; by Name().
  StringSet no_protobuf;
  absl::flat_hash_set<class RoutedRequest*> open_streams;  // From the cache.
  absl::flat_hash_set<RoutedRequest*> forwarded_watches = {};
  std::unique_ptr<LateStreams> late = nullptr;  // Of open_streams.
  uint64_t next_stream_id = 1;
};

// One request's way: proves the caller, waits for the cache, then hands over to the handler that
// answers (ListAnswer, WatchStream) or, whenever an exact answer is not to be had, to a
// Passthrough. Until that choice nothing has been sent, so it can always still forward.
class RoutedRequest : public RequestHandler {
 public:
  RoutedRequest(RouterContext& context, RequestHead head, Decision decision,
                ResponseWriter& writer);
  ~RoutedRequest() override;

  // A request that is not for the cache is forwarded at once, body and all.
  void ForwardNow(ForwardReason reason) { Forward(reason); }
  // REQUIRES: it is one of the context's open_streams or forwarded_watches.
  StreamRow Describe() const;
  Backlog backlog() const { return stream_ == nullptr ? Backlog{} : stream_->backlog(); }

  void OnBody(std::string_view bytes) override;
  void OnEnd(HeaderList trailers) override;
  void OnWritable() override;
  void OnReset(absl::Status reason) override;
  void OnDrain() override;

 private:
  void OnVerdict(Authenticator::Verdict verdict);
  void FindCache();
  // Serves if the cache can; forwards if it never will; else waits for a change.
  void TryServe();
  void OnUnavailable();
  void Serve();
  void ServeObject();
  void ServeList();
  void ServeWatch();
  void CountFromCache();
  // Asks the cache for what the verdict misses, and waits.
  void WaitFor(const ReadVerdict& verdict);
  void Ask(const ReadVerdict& verdict);
  void Wait(absl::Duration at_most, ForwardReason then);
  void OnWaited();
  void Forward(ForwardReason reason);
  void StopWaiting();
  // The writer that a forwarded request answers to.
  ResponseWriter& ForwardWriter(ForwardReason reason);
  void NoteToldByWatches();
  ResponseHead NewHead(std::string_view content_type) const {
    return CachedHead(head_.headers, content_type, replica_->warnings());
  }
  // No later answer is older than the one that is about to be given.
  void NoteShown(ResourceVersion version) {
    context_.floors.Raise(decision_.key.resource, decision_.key.namespace_name, version);
  }

  RouterContext& context_;
  RequestHead head_;
  Decision decision_;
  ResponseWriter& writer_;
  const uint64_t id_;
  const MonotonicTime arrived_;
  const std::string method_, authorization_, user_agent_;

  ReadFloors::Told told_;              // When it came.
  std::optional<uint64_t> published_;  // By the cache: the same, or when it was synced.
  RequestHandle check_;
  CacheReplica* replica_ = nullptr;  // Alive while subscription_ or the inner handler is.
  RequestHandle subscription_;
  TimerPtr wait_timer_;
  ForwardReason wait_reason_ = ForwardReason::kNone;
  std::optional<ReadVerdict> asked_;          // What it waits for has been asked for.
  bool moment_over_ = false;                  // What was under way has not come.
  bool unanswered_ = false;                   // The API server does not say what Weir may read.
  std::unique_ptr<AnswerObserver> observer_;  // Of a forwarded request; inner_ writes to it.
  std::unique_ptr<ForwardedWatch> watched_;   // As observer_, of a watch.
  bool draining_ = false;
  RequestHandlerPtr inner_;
  EventTap::StreamHandle tapped_;  // While stream_ runs.
  WatchStream* stream_ = nullptr;  // inner_, if it is a watch from the cache.
};

}  // namespace weir
