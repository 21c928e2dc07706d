// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/list_answer.h"

#include <utility>

namespace weir {

ListAnswer::ListAnswer(RevisionPtr revision, ListEnvelope envelope, EventView view,
                       Representation representation, ResponseWriter& writer)
    : revision_(std::move(revision)),
      envelope_(std::move(envelope)),
      view_(std::move(view)),
      representation_(representation),
      writer_(writer) {}

void ListAnswer::Start(const ResponseHead& head) {
  writer_.SendHead(head);
  const uint64_t items = representation_ == Representation::kProtobuf ? ItemsBytes() : 0;
  Send(Bytes::Own(ListHead(representation_, envelope_, revision_->version, items)));
  Pump();
}

uint64_t ListAnswer::ItemsBytes() const {
  uint64_t bytes = 0;
  revision_->objects.Scan({}, false, [&](const ObjectPtr& object) {
    if (view_.Includes(*object)) bytes += ListItemSize(*object);
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
                            if (view_.Includes(*object)) SendItem(object);
                            last_ = object;
                            return true;
                          });
  if (more) return;
  ended_ = true;
  Send(Bytes::Own(ListTail(representation_, envelope_, revision_->version, first_)));
  writer_.End();
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
  bytes_sent_ += bytes.size();
  writer_.SendBody(std::move(bytes));
}

}  // namespace weir
