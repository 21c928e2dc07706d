// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/list_answer.h"

#include <utility>

#include "proxy/cache/view_class.h"

namespace weir {

ListAnswer::ListAnswer(CacheReplica& replica, ListEnvelope envelope, EventView view,
                       Representation representation, ResponseWriter& writer, Counter& bytes_total)
    : replica_(replica),
      subscription_(replica.Subscribe({.on_change = [] {}})),
      revision_(replica.newest()),
      envelope_(std::move(envelope)),
      view_(std::move(view)),
      representation_(representation),
      writer_(writer),
      bytes_total_(bytes_total) {}

void ListAnswer::Start(const ResponseHead& head) {
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
    return writer_.Reset();
  }
  if (more) return;
  Send(Bytes::Own(ListTail(representation_, envelope_, revision_->version, first_)));
  Stop();
  writer_.End();
}

// What was queued may take its time: nothing is held for it but that.
void ListAnswer::Stop() {
  ended_ = true;
  revision_ = nullptr;
  subscription_.reset();
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
  bytes_total_.Add(bytes.size());
  writer_.SendBody(std::move(bytes));
}

}  // namespace weir
