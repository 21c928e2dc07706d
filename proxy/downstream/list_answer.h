// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "proxy/base/stats.h"
#include "proxy/cache/cache_replica.h"
#include "proxy/cache/event_view.h"
#include "proxy/http/exchange.h"

namespace weir {

// A LIST answered from one Revision: walks its frozen objects as the connection takes them, so it
// holds a root and a key, never a copy of the list. The bytes are the API server's own at that
// version.
class ListAnswer : public RequestHandler {
 public:
  // REQUIRES: `writer` and `bytes_total` outlive it; `replica` is synced.
  ListAnswer(CacheReplica& replica, ListEnvelope envelope, EventView view,
             Representation representation, ResponseWriter& writer, Counter& bytes_total);

  void Start(const ResponseHead& head);

  void OnBody(std::string_view bytes) override { writer_.ConsumeBody(bytes.size()); }
  void OnEnd(HeaderList) override {}
  void OnWritable() override { Pump(); }
  void OnReset(absl::Status) override { Stop(); }

 private:
  void Pump();
  void Stop();
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
  Counter& bytes_total_;
};

}  // namespace weir
