// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/downstream/event_tap.h"
#include "proxy/downstream/read_floors.h"
#include "proxy/http/exchange.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/kube/media_type.h"
#include "proxy/kube/object.h"
#include "proxy/kube/request_info.h"

namespace weir {

// Stands between a forwarded request and its client: reads what the answer tells of the resource's
// state and notes it before the client has the answer whole, so that whoever has been told of a
// write or has read an object finds no older state in the next cached read, on any worker. An
// object's answer is held back until it is complete, its head too: who sees "200" may already ask
// for what it has written. A list passes as it comes. What cannot be read (compressed, a Table,
// larger than any object) is noted as unclear.
class AnswerObserver : public ResponseWriter {
 public:
  // Whether answers to such a request say anything of the resource's state.
  static bool Observes(const RequestInfo& info);
  // REQUIRES: both references outlive it; Observes(info).
  AnswerObserver(ResponseWriter& writer, ReadFloors& floors, const RequestInfo& info);
  ~AnswerObserver() override;
  // Tells of a write, which came then, when it has been answered. REQUIRES: tap outlives this.
  void Record(EventTap& tap, MonotonicTime came) {
    tap_ = &tap;
    came_ = came;
  }

  void SendInformational(const ResponseHead& head) override { writer_.SendInformational(head); }
  void SendHead(const ResponseHead& head) override;
  void SendBody(Bytes bytes) override;
  void End(HeaderList trailers) override;
  void Reset() override { writer_.Reset(); }
  bool writable() const override { return writer_.writable(); }
  size_t queued_bytes() const override { return writer_.queued_bytes() + held_.size(); }
  void ConsumeBody(size_t count) override { writer_.ConsumeBody(count); }
  Dispatcher& dispatcher() override { return writer_.dispatcher(); }
  std::string peer() const override { return writer_.peer(); }

 private:
  enum class Mode { kPass, kObject, kList };

  void NoteFailure();
  void NoteObject();
  void NoteList(std::string_view bytes);
  void NoteUnclear() { floors_.Unclear(resource_, namespace_name_, writer_.dispatcher().Now()); }
  void NoteGone(std::string uid) {
    floors_.Gone(resource_, {namespace_name_, name_}, std::move(uid), writer_.dispatcher().Now());
  }
  // An answered object, if it is known; otherwise its uid, if that is.
  void TellWrite(const Object* object, std::string uid);
  // Passes on what was held back.
  void Release();

  // Set once.
  ResponseWriter& writer_;
  ReadFloors& floors_;
  const GroupVersionResource resource_;
  const std::string verb_, namespace_name_, name_;
  const bool whole_;  // The request names no subresource.
  EventTap* tap_ = nullptr;
  MonotonicTime came_;

  // Of the answer.
  int status_ = 0;
  std::string audit_id_;
  MonotonicTime answered_;
  Mode mode_ = Mode::kPass;
  Representation representation_ = Representation::kJson;
  std::optional<ResponseHead> held_head_;
  std::string held_;
  std::optional<ListDecoder> list_;
};

}  // namespace weir
