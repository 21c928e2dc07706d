// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "proxy/event/dispatcher.h"

namespace weir {

// A callback that runs once, after the current one has returned, however often it was asked for
// meanwhile. Destroying it cancels. Cheaper than a Timer of zero: no clock, no heap of timeouts.
class PostedCall {
 public:
  PostedCall(Dispatcher& dispatcher, std::function<void()> callback)
      : dispatcher_(dispatcher), state_(std::make_shared<State>()) {
    state_->callback = std::move(callback);
  }
  ~PostedCall() { state_->alive = false; }
  PostedCall(const PostedCall&) = delete;
  PostedCall& operator=(const PostedCall&) = delete;

  void Schedule() {
    state_->wanted = true;
    if (std::exchange(state_->posted, true)) return;
    dispatcher_.Post([state = state_] {
      state->posted = false;
      if (state->alive && std::exchange(state->wanted, false)) state->callback();
    });
  }
  // True if it was scheduled and has not run.
  bool Cancel() { return std::exchange(state_->wanted, false); }

 private:
  struct State {
    std::function<void()> callback;
    bool alive = true;
    bool wanted = false;
    bool posted = false;
  };
  Dispatcher& dispatcher_;
  std::shared_ptr<State> state_;
};

}  // namespace weir
