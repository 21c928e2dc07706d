// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/event/dispatcher.h"

namespace weir {

// Runs `read` on each dispatcher's thread and hands all rows to `done` on `home`, where this is
// called. Destroying the handle cancels: `done` does not run after.
template <typename Row>
[[nodiscard]] RequestHandle GatherRows(
    Dispatcher& home,
    std::vector<std::pair<Dispatcher*, std::function<std::vector<Row>()>>> readers,
    std::function<void(std::vector<Row>)> done) {
  // Touched on home's thread only; the messages carry it there and back unread.
  struct State {
    std::vector<Row> rows;
    size_t waiting = 0;
    std::function<void(std::vector<Row>)> done;
  };
  class Handle final : public Cancellable {
   public:
    explicit Handle(std::shared_ptr<State> state) : state_(std::move(state)) {}
    ~Handle() override { state_->done = nullptr; }

   private:
    std::shared_ptr<State> state_;
  };

  auto state = std::make_shared<State>();
  state->waiting = readers.size();
  state->done = std::move(done);
  for (auto& [dispatcher, read] : readers) {
    dispatcher->Post([&home, state, read = std::move(read)]() mutable {
      home.Post([state = std::move(state), rows = read()]() mutable {
        state->rows.insert(state->rows.end(), std::make_move_iterator(rows.begin()),
                           std::make_move_iterator(rows.end()));
        if (--state->waiting > 0 || !state->done) return;
        std::exchange(state->done, nullptr)(std::move(state->rows));
      });
    });
  }
  return std::make_unique<Handle>(state);
}

}  // namespace weir
