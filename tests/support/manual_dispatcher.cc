// SPDX-License-Identifier: Apache-2.0
#include "tests/support/manual_dispatcher.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"

namespace weir {
namespace {

// More turns without the clock moving than any test needs: something wakes itself for ever.
constexpr int kEndlessTurns = 1'000'000;

}  // namespace

class ManualDispatcher::ManualTimer final : public Timer {
 public:
  ManualTimer(ManualDispatcher& dispatcher, std::function<void()> callback)
      : dispatcher_(dispatcher), callback_(std::move(callback)) {}
  ~ManualTimer() override { Disable(); }

  void Enable(absl::Duration delay) override {
    Disable();
    delay = std::clamp(delay, absl::ZeroDuration(), absl::Hours(24 * 365));
    deadline_ = {dispatcher_.now_ + delay, dispatcher_.next_number_++};
    dispatcher_.timers_.emplace(deadline_, this);
    enabled_ = true;
  }
  void Disable() override {
    if (enabled_) dispatcher_.timers_.erase(deadline_);
    enabled_ = false;
  }
  bool enabled() const override { return enabled_; }

  void Fire() {
    Disable();
    callback_();
  }

 private:
  ManualDispatcher& dispatcher_;
  const std::function<void()> callback_;
  Deadline deadline_;
  bool enabled_ = false;
};

class ManualDispatcher::ManualFileEvent final : public FileEvent {
 public:
  ManualFileEvent(ManualDispatcher& dispatcher, int fd, FileReadyCallback ready)
      : dispatcher_(dispatcher),
        number_(dispatcher.next_number_++),
        fd_(fd),
        ready_(std::move(ready)) {
    dispatcher_.file_events_.emplace(number_, this);
  }
  ~ManualFileEvent() override { dispatcher_.file_events_.erase(number_); }

  void Activate(uint32_t events) override {
    const bool first = activated_ == 0;
    activated_ |= events;
    if (!first) return;
    dispatcher_.Post([&dispatcher = dispatcher_, number = number_] {
      const auto it = dispatcher.file_events_.find(number);
      if (it == dispatcher.file_events_.end()) return;
      it->second->ready_(std::exchange(it->second->activated_, 0));
    });
  }
  int fd() const { return fd_; }

 private:
  ManualDispatcher& dispatcher_;
  const uint64_t number_;
  const int fd_;
  const FileReadyCallback ready_;
  uint32_t activated_ = 0;
};

class ManualDispatcher::ManualSignal final : public SignalEvent {
 public:
  ManualSignal(ManualDispatcher& dispatcher, int signal, std::function<void()> callback)
      : dispatcher_(dispatcher),
        number_(dispatcher.next_number_++),
        signal_(signal),
        callback_(std::move(callback)) {
    dispatcher_.signals_.emplace(number_, this);
  }
  ~ManualSignal() override { dispatcher_.signals_.erase(number_); }

  void Raise(int signal) {
    if (signal != signal_) return;
    dispatcher_.Post([&dispatcher = dispatcher_, number = number_] {
      const auto it = dispatcher.signals_.find(number);
      if (it != dispatcher.signals_.end()) it->second->callback_();
    });
  }

 private:
  ManualDispatcher& dispatcher_;
  const uint64_t number_;
  const int signal_;
  const std::function<void()> callback_;
};

// Not at zero, as no real clock is.
ManualDispatcher::ManualDispatcher() : now_(MonotonicTime() + absl::Seconds(1000)) {}

ManualDispatcher::~ManualDispatcher() { DropPending(); }

void ManualDispatcher::DropPending() {
  while (true) {
    DeleteDeferred();
    std::vector<Callback> unrun;
    {
      const std::lock_guard lock(mutex_);
      unrun.swap(posted_);
    }
    if (unrun.empty() && deferred_.empty()) break;
  }
}

void ManualDispatcher::Post(Callback callback) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(std::move(callback));
}

TimerPtr ManualDispatcher::CreateTimer(std::function<void()> callback) {
  return std::make_unique<ManualTimer>(*this, std::move(callback));
}

FileEventPtr ManualDispatcher::CreateFileEvent(int fd, FileReadyCallback ready) {
  return std::make_unique<ManualFileEvent>(*this, fd, std::move(ready));
}

SignalEventPtr ManualDispatcher::ListenForSignal(int signal, std::function<void()> callback) {
  return std::make_unique<ManualSignal>(*this, signal, std::move(callback));
}

void ManualDispatcher::DeferDelete(std::unique_ptr<Deferred> object) {
  deferred_.push_back(std::move(object));
}

void ManualDispatcher::ReportReady(int fd, uint32_t events) {
  for (const auto& [number, event] : file_events_) {
    if (event->fd() == fd) event->Activate(events);
  }
}

void ManualDispatcher::RaiseSignal(int signal) {
  for (const auto& [number, event] : signals_) event->Raise(signal);
}

void ManualDispatcher::Run() {
  while (!exited_ && RunOnce()) {
  }
  exited_ = false;
}

void ManualDispatcher::RunReady() {
  int turns = 0;
  while (RunOnce()) WEIR_CHECK(++turns < kEndlessTurns);
}

bool ManualDispatcher::RunOnce() {
  const bool posted = RunPosted();
  const bool deleted = DeleteDeferred();
  const bool timed = RunDueTimers();
  return posted || deleted || timed;
}

bool ManualDispatcher::RunPosted() {
  std::vector<Callback> batch;
  {
    const std::lock_guard lock(mutex_);
    batch.swap(posted_);
  }
  for (Callback& callback : batch) {
    callback();
    callback = nullptr;
  }
  return !batch.empty();
}

bool ManualDispatcher::DeleteDeferred() {
  std::vector<std::unique_ptr<Deferred>> objects;
  objects.swap(deferred_);
  for (std::unique_ptr<Deferred>& object : objects) object.reset();
  return !objects.empty();
}

// Only timers that were enabled before this turn: one enabled by another waits for the next.
bool ManualDispatcher::RunDueTimers() {
  const uint64_t enabled_before = next_number_;
  bool ran = false;
  auto it = timers_.begin();
  while (it != timers_.end() && it->first.first <= now_) {
    if (it->first.second >= enabled_before) {
      ++it;
      continue;
    }
    it->second->Fire();
    it = timers_.begin();
    ran = true;
  }
  return ran;
}

void ManualDispatcher::Advance(absl::Duration duration) {
  const MonotonicTime end = now_ + duration;
  RunReady();
  while (!timers_.empty() && timers_.begin()->first.first <= end) {
    now_ = timers_.begin()->first.first;
    RunReady();
  }
  now_ = end;
}

absl::Duration ManualDispatcher::NextTimerIn() const {
  if (timers_.empty()) return absl::InfiniteDuration();
  return timers_.begin()->first.first - now_;
}

}  // namespace weir
