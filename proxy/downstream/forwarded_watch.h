// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/downstream/decision.h"
#include "proxy/downstream/watch_floor.h"
#include "proxy/http/exchange.h"

namespace weir {

// Stands between a watch that is forwarded and its client, counts (a row of /streams), and notes
// what it tells. Owned by the request. What passes is not held.
class ForwardedWatch : public ResponseWriter {
 public:
  // Of what a client has written, the row keeps so many bytes.
  static constexpr size_t kMaxText = 256;

  // Whether the request has such a row: also a watch over a WebSocket, but no other upgrade.
  static bool Is(const RequestInfo& info) {
    return info.is_resource_request && info.verb == "watch";
  }
  // REQUIRES: `writer` outlives it. `target` is read here only. Without a floor nothing is noted.
  ForwardedWatch(ResponseWriter& writer, ForwardReason reason, std::string_view target,
                 std::optional<WatchFloor> floor)
      : writer_(writer), reason_(reason), floor_(std::move(floor)) {
    const size_t query = target.find('?');
    if (query == std::string_view::npos) return;
    const auto options = ListOptions::Parse(target.substr(query + 1));
    if (!options.ok()) return;  // What it selects is not known.
    label_selector_ = options->label_selector.substr(0, kMaxText);
    field_selector_ = options->field_selector.substr(0, kMaxText);
  }

  ForwardReason reason() const { return reason_; }
  const std::string& label_selector() const { return label_selector_; }
  const std::string& field_selector() const { return field_selector_; }
  uint64_t bytes_sent() const { return bytes_sent_; }

  void SendInformational(const ResponseHead& head) override { writer_.SendInformational(head); }
  void SendHead(const ResponseHead& head) override {
    if (floor_.has_value()) floor_->NoteHead(head);
    writer_.SendHead(head);
  }
  void SendBody(Bytes bytes) override {
    bytes_sent_ += bytes.size();
    if (floor_.has_value()) floor_->NoteBody(bytes.view(), dispatcher().Now());
    writer_.SendBody(std::move(bytes));
  }
  void End(HeaderList trailers) override { writer_.End(std::move(trailers)); }
  void Reset() override { writer_.Reset(); }
  bool writable() const override { return writer_.writable(); }
  size_t queued_bytes() const override { return writer_.queued_bytes(); }
  void ConsumeBody(size_t count) override { writer_.ConsumeBody(count); }
  Dispatcher& dispatcher() override { return writer_.dispatcher(); }
  std::string peer() const override { return writer_.peer(); }

 private:
  ResponseWriter& writer_;
  const ForwardReason reason_;
  std::optional<WatchFloor> floor_;
  std::string label_selector_, field_selector_;
  uint64_t bytes_sent_ = 0;
};

}  // namespace weir
