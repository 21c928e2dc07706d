// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/list_answer.h"

#include <algorithm>
#include <utility>

#include "proxy/cache/view_class.h"

namespace weir {

ListAnswerStats::ListAnswerStats(StatsRegistry& registry)
    : bytes_sent(registry.AddCounter("weir_downstream_list_bytes_total",
                                     "Bytes of lists that were answered from the cache.")),
      cut_off_by_timeout(registry.AddCounter("weir_downstream_list_cut_offs_total",
                                             "Lists from the cache cut off before their end.",
                                             {{"reason", "timeout"}})),
      cut_off_pinned(registry.AddCounter("weir_downstream_list_cut_offs_total",
                                         "Lists from the cache cut off before their end.",
                                         {{"reason", "pinned"}})) {}

ListAnswer::ListAnswer(CacheReplica& replica, ListEnvelope envelope, EventView view,
                       const ListAnswerOptions& options, ResponseWriter& writer,
                       ListAnswerStats& stats, PinnedStreams& pinned)
    : replica_(replica),
      subscription_(replica.Subscribe({.on_change = [this] { CountIfPinning(); }})),
      revision_(replica.newest()),
      envelope_(std::move(envelope)),
      view_(std::move(view)),
      representation_(options.representation),
      writer_(writer),
      stats_(stats),
      pinned_(pinned),
      timeout_(options.timeout),
      timer_(writer.dispatcher().CreateTimer([this] { CutOff(*stats_.cut_off_by_timeout); })) {}

ListAnswer::~ListAnswer() { pinned_.Remove(*this); }

void ListAnswer::Start(const ResponseHead& head) {
  timer_->Enable(timeout_);
  writer_.SendHead(head);
  const uint64_t items = representation_ == Representation::kProtobuf ? ItemsBytes() : 0;
  Send(Bytes::Own(ListHead(representation_, envelope_, revision_->version, items)));
  Pump();
}

uint64_t ListAnswer::ItemsBytes() {
  uint64_t bytes = 0;
  revision_->objects.Scan({}, false, [&](const ObjectPtr& object) {
    if (const ObjectPtr shown = Shown(object)) bytes += ListItemSize(*shown);
    return true;
  });
  return bytes;
}

void ListAnswer::Pump() {
  if (ended_ || !writer_.writable()) return;
  bool more = false;
  revision_->objects.Scan(last_ == nullptr ? ObjectKeyView{} : last_->key(), last_ != nullptr,
                          [&](const ObjectPtr& object) {
                            more = !writer_.writable();
                            if (more) return false;
                            if (const ObjectPtr shown = Shown(object)) SendItem(shown);
                            last_ = object;
                            return !not_showable_;
                          });
  if (not_showable_) {
    // The client asks again, and will be answered from a cache of metadata.
    replica_.view_classes().FoundNotShowable();
    Stop();
    timer_->Disable();
    return writer_.Reset();
  }
  if (more) return;
  Send(Bytes::Own(ListTail(representation_, envelope_, revision_->version, first_)));
  Stop();
  writer_.End();
}

// What was queued may take the time that is left: nothing is held for it but that.
void ListAnswer::Stop() {
  ended_ = true;
  pinned_.Remove(*this);
  revision_ = nullptr;
  last_ = nullptr;
  subscription_.reset();
}

void ListAnswer::OnReset(absl::Status) {
  Stop();
  timer_->Disable();
}

// As the API server's own time-out does once an answer has begun: the client must not take what it
// has for the whole.
void ListAnswer::CutOff(Counter& reason) {
  reason.Add();
  Stop();
  timer_->Disable();
  writer_.Reset();
}

void ListAnswer::CountIfPinning() {
  if (!ended_ && place().bytes() > 0) pinned_.Add(*this);
}

PinningStream::Place ListAnswer::place() const {
  const uint64_t retired = replica_.window().RetiredSince(*revision_);
  return {.cache = &replica_,
          .retired_since = retired,
          .by_place = std::min(retired, revision_->object_bytes)};
}

ObjectPtr ListAnswer::Shown(const ObjectPtr& object) {
  if (view_.everything()) return object;
  if (!view_.Includes(*object)) return nullptr;
  ObjectPtr shown = view_.Show(object);
  not_showable_ = not_showable_ || shown == nullptr;
  return shown;
}

void ListAnswer::SendItem(const ObjectPtr& object) {
  const std::string_view item =
      object->list_item_needs_brace() || representation_ == Representation::kProtobuf
          ? object->list_item_tail()
          : object->raw();
  if (representation_ == Representation::kProtobuf) {
    Send(Bytes::Own(ListItemPrefix(*object, first_)));
  } else if (object->list_item_needs_brace()) {
    Send(Bytes::Static(first_ ? "[{" : ",{"));
  } else {
    Send(Bytes::Static(first_ ? "[" : ","));
  }
  Send(Bytes::Share(object, item));
  first_ = false;
}

void ListAnswer::Send(Bytes bytes) {
  stats_.bytes_sent->Add(bytes.size());
  writer_.SendBody(std::move(bytes));
}

}  // namespace weir
