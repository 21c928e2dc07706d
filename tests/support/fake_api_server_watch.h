// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>

#include "proxy/http/exchange.h"
#include "tests/support/fake_api_server_list.h"

namespace weir {

// One watch of the fake API server: initial events, then the store's history as it grows, one
// encoded event at a time and only as fast as the connection takes them.
class FakeWatch {
 public:
  // Sends the head. REQUIRES: `state` and `writer` outlive it.
  FakeWatch(FakeApiState& state, FakeReadRequest request, ResponseWriter& writer);
  ~FakeWatch();

  // Sends what there is to send.
  void Pump();
  // A regular bookmark, if the client allows them and it would say anything new.
  void SendBookmark();
  // Any bytes in place of an event.
  void SendRaw(std::string_view bytes);
  void End();
  void Reset();
  void Expire();
  void Fail(const FakeStatus& status);
  void ForgetWriter() { over_ = true; }

  const FakeReadRequest& request() const { return request_; }
  uint64_t seen() const { return seen_; }

 private:
  void Begin();
  void WaitFor(uint64_t version);
  void BeginWithObjects();
  bool PumpInitial();
  void SendEvent(const FakeEvent& event);
  void Send(std::string frame);

  FakeApiState& state_;
  const FakeReadRequest request_;
  ResponseWriter& writer_;
  std::deque<FakeObjectPtr> initial_;
  bool initial_end_due_ = false;
  uint64_t seen_ = 0;     // Every event up to here has been sent.
  bool waiting_ = false;  // For a version that the server does not have yet.
  bool over_ = false;
  TimerPtr timeout_;
  TimerPtr wait_timer_;
};

}  // namespace weir
