// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "proxy/event/dispatcher.h"

namespace weir {

// A Dispatcher whose clock stands still until Advance() moves it, and which runs nothing until
// it is told to. Same order as the real one: posted callbacks and activated file events first
// in, first out; then deferred deletes; then timers that are due, by deadline.
class ManualDispatcher final : public Dispatcher {
 public:
  ManualDispatcher();
  ~ManualDispatcher() override;

  // Runs what is ready, and what becomes ready by that, until nothing is. The clock stands.
  void RunReady();
  // One turn of the loop; false when there was nothing to do.
  bool RunOnce();
  // RunReady(), then moves the clock, stopping at each timer on the way.
  void Advance(absl::Duration duration);
  // As if epoll had reported `events` for all file events of `fd`.
  void ReportReady(int fd, uint32_t events);
  void RaiseSignal(int signal);

  size_t enabled_timers() const { return timers_.size(); }
  // Until the next timer; InfiniteDuration() without one.
  absl::Duration NextTimerIn() const;
  bool exited() const { return exited_; }

  MonotonicTime Now() override { return now_; }
  MonotonicTime ReadySince() override { return ready_since_.value_or(now_); }
  void ReportSlowTurns(absl::Duration, std::function<void(absl::Duration)>) override {}
  // What ReadySince() says from now on.
  void set_ready_since(MonotonicTime since) { ready_since_ = since; }
  void Post(Callback callback) override;
  TimerPtr CreateTimer(std::function<void()> callback) override;
  FileEventPtr CreateFileEvent(int fd, FileReadyCallback ready) override;
  SignalEventPtr ListenForSignal(int signal, std::function<void()> callback) override;
  void DeferDelete(std::unique_ptr<Deferred> object) override;
  void DropPending() override;
  void Run() override;  // RunReady(), until Exit().
  void Exit() override { exited_ = true; }
  bool IsCurrent() const override { return true; }

 private:
  class ManualTimer;
  class ManualFileEvent;
  class ManualSignal;
  using Deadline = std::pair<MonotonicTime, uint64_t>;  // The number keeps equal ones in order.

  bool RunPosted();
  bool DeleteDeferred();
  bool RunDueTimers();

  std::mutex mutex_;
  std::vector<Callback> posted_;  // Guarded by mutex_.
  std::vector<std::unique_ptr<Deferred>> deferred_;
  std::map<Deadline, ManualTimer*> timers_;
  std::map<uint64_t, ManualFileEvent*> file_events_;  // By number, as they were made.
  std::map<uint64_t, ManualSignal*> signals_;
  uint64_t next_number_ = 0;
  MonotonicTime now_;
  std::optional<MonotonicTime> ready_since_;
  bool exited_ = false;
};

}  // namespace weir
