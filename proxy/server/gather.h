// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/event/dispatcher.h"

namespace weir {

// How long a worker has for its rows: it may be busy with something else, or stuck.
inline constexpr absl::Duration kGatherWithin = absl::Seconds(5);

// Runs `read` on each dispatcher's thread and hands all rows to `done` on `home`, where this is
// called. Error: a worker has not answered within kGatherWithin (IsTimeout). Destroying the handle
// cancels: `done` does not run after.
template <typename Row>
[[nodiscard]] RequestHandle GatherRows(
    Dispatcher& home,
    std::vector<std::pair<Dispatcher*, std::function<std::vector<Row>()>>> readers,
    std::function<void(absl::StatusOr<std::vector<Row>>)> done) {
  // Touched on home's thread only; the messages carry it there and back unread.
  struct State {
    std::vector<Row> rows;
    std::vector<bool> answered;
    size_t waiting = 0;
    std::function<void(absl::StatusOr<std::vector<Row>>)> done;

    void Finish(absl::StatusOr<std::vector<Row>> result) {
      if (done) std::exchange(done, nullptr)(std::move(result));
    }
    void OnDeadline() {
      if (waiting == 0) return;
      std::string late;
      for (size_t i = 0; i < answered.size(); ++i) {
        if (!answered[i]) StrAppend(late, late.empty() ? "" : ", ", i);
      }
      Finish(TimeoutError(StrCat("no answer within ", absl::FormatDuration(kGatherWithin),
                                 " from worker ", late,
                                 ": its loop is busy, see weir_event_loop_stall_seconds")));
    }
  };
  class Handle final : public Cancellable {
   public:
    Handle(Dispatcher& home, std::shared_ptr<State> state)
        : state_(std::move(state)),
          // In a turn of its own, as `done` may destroy this.
          deadline_(home.CreateTimer(
              [&home, state = state_] { home.Post([state] { state->OnDeadline(); }); })) {
      deadline_->Enable(kGatherWithin);
    }
    ~Handle() override { state_->done = nullptr; }

   private:
    const std::shared_ptr<State> state_;
    const TimerPtr deadline_;
  };

  auto state = std::make_shared<State>();
  state->waiting = readers.size();
  state->answered.resize(readers.size());
  state->done = std::move(done);
  for (size_t i = 0; i < readers.size(); ++i) {
    readers[i].first->Post([&home, state, i, read = std::move(readers[i].second)]() mutable {
      home.Post([state = std::move(state), i, rows = read()]() mutable {
        state->rows.insert(state->rows.end(), std::make_move_iterator(rows.begin()),
                           std::make_move_iterator(rows.end()));
        state->answered[i] = true;
        if (--state->waiting == 0) state->Finish(std::move(state->rows));
      });
    });
  }
  return std::make_unique<Handle>(home, std::move(state));
}

}  // namespace weir
