// SPDX-License-Identifier: Apache-2.0
#include "proxy/event/dispatcher.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <ctime>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <event2/event.h>
#include <event2/event_struct.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "proxy/base/check.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/base/thread_owner.h"

namespace weir {
namespace {

// No timer waits longer; keeps sums of times in range.
constexpr absl::Duration kLongestDelay = absl::Hours(24 * 365);

constexpr timeval kNextTurn = {0, 0};

MonotonicTime MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return MonotonicTime::FromNanos(int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec);
}

// Once per process. A write to a socket whose peer has gone must fail, not kill (OpenSSL writes
// without MSG_NOSIGNAL), and libevent's own words go where all others go.
void PrepareProcess() {
  static std::once_flag once;
  std::call_once(once, [] {
    std::signal(SIGPIPE, SIG_IGN);
    event_set_log_callback([](int severity, const char* message) {
      if (severity == EVENT_LOG_DEBUG) return;
      LogWarning("event loop", {{"reason", message}});
    });
  });
}

// When the turns of a loop began. A turn is what is called back between two polls.
class TurnClock {
 public:
  // At the beginning of each callback.
  void Enter() {
    if (in_turn_) return;
    in_turn_ = true;
    const MonotonicTime now = MonotonicNow();
    ready_since_ = now - ended_ <= kNoSleep ? began_ : now;
    began_ = now;
  }
  // After the turn, if there was one: how long it took.
  absl::Duration Leave() {
    if (!std::exchange(in_turn_, false)) return absl::ZeroDuration();
    ended_ = MonotonicNow();
    return ended_ - began_;
  }
  MonotonicTime ready_since() const { return ready_since_; }

 private:
  // A poll that finds something ready at once takes less.
  static constexpr absl::Duration kNoSleep = absl::Microseconds(100);
  bool in_turn_ = false;
  MonotonicTime began_, ended_, ready_since_;
};

// libevent reads its clock once per turn, so its timeouts may come early by as long as a turn
// has taken; and moving a timeout costs more than keeping it. Hence the deadline kept here: a
// timeout that comes before it waits again, and one that is only put off is left where it is.
class LibeventTimer final : public Timer {
 public:
  LibeventTimer(event_base* base, TurnClock& turns, std::function<void()> callback)
      : turns_(turns), callback_(std::move(callback)) {
    evtimer_assign(&event_, base, &LibeventTimer::OnTimeout, this);
  }
  ~LibeventTimer() override { Disable(); }

  void Enable(absl::Duration delay) override {
    const MonotonicTime now = MonotonicNow();
    deadline_ = now + std::clamp(delay, absl::ZeroDuration(), kLongestDelay);
    enabled_ = true;
    if (scheduled_ && timeout_at_ <= deadline_) return;
    Schedule(now);
  }
  void Disable() override {
    enabled_ = false;
    if (scheduled_) event_del(&event_);
    scheduled_ = false;
  }
  bool enabled() const override { return enabled_; }

 private:
  static void OnTimeout(evutil_socket_t /*fd*/, short /*events*/, void* self) {
    static_cast<LibeventTimer*>(self)->Fire();
  }

  void Schedule(MonotonicTime now) {
    timeout_at_ = deadline_;
    scheduled_ = true;
    // Rounded up: a microsecond early would be a turn for nothing.
    const timeval delay = absl::ToTimeval(deadline_ - now + absl::Nanoseconds(999));
    event_add(&event_, &delay);
  }

  void Fire() {
    turns_.Enter();
    scheduled_ = false;
    if (const MonotonicTime now = MonotonicNow(); now < deadline_) return Schedule(now);
    enabled_ = false;
    callback_();
  }

  TurnClock& turns_;
  const std::function<void()> callback_;
  event event_;
  MonotonicTime deadline_;
  MonotonicTime timeout_at_;  // What libevent was told; <= deadline_ while scheduled_.
  bool scheduled_ = false;
  bool enabled_ = false;
};

class LibeventFileEvent final : public FileEvent {
 public:
  LibeventFileEvent(event_base* base, TurnClock& turns, int fd, FileReadyCallback ready)
      : turns_(turns), ready_(std::move(ready)) {
    event_assign(&event_, base, fd, EV_READ | EV_WRITE | EV_ET | EV_PERSIST,
                 &LibeventFileEvent::OnEvents, this);
    evtimer_assign(&soon_, base, &LibeventFileEvent::OnEvents, this);
    WEIR_CHECK(event_add(&event_, nullptr) == 0);
  }
  ~LibeventFileEvent() override {
    event_del(&event_);
    event_del(&soon_);
  }

  // Not event_active(): that runs in the same turn and could keep the loop from polling.
  void Activate(uint32_t events) override {
    if (activated_ == 0) event_add(&soon_, &kNextTurn);
    activated_ |= events;
  }

 private:
  static void OnEvents(evutil_socket_t /*fd*/, short events, void* self) {
    static_cast<LibeventFileEvent*>(self)->Ready(events);
  }

  void Ready(short events) {
    turns_.Enter();
    uint32_t ready = 0;
    if ((events & EV_READ) != 0) ready |= kReadable;
    if ((events & EV_WRITE) != 0) ready |= kWritable;
    if ((events & EV_TIMEOUT) != 0) ready |= std::exchange(activated_, 0);
    if (ready != 0) ready_(ready);
  }

  TurnClock& turns_;
  const FileReadyCallback ready_;
  event event_;
  event soon_;
  uint32_t activated_ = 0;
};

class LibeventSignal final : public SignalEvent {
 public:
  LibeventSignal(event_base* base, TurnClock& turns, int signal, std::function<void()> callback)
      : turns_(turns), callback_(std::move(callback)) {
    evsignal_assign(
        &event_, base, signal,
        [](evutil_socket_t /*signal*/, short /*events*/, void* self) {
          static_cast<LibeventSignal*>(self)->Raised();
        },
        this);
    WEIR_CHECK(evsignal_add(&event_, nullptr) == 0);
  }
  ~LibeventSignal() override { evsignal_del(&event_); }

 private:
  void Raised() {
    turns_.Enter();
    callback_();
  }

  TurnClock& turns_;
  const std::function<void()> callback_;
  event event_;
};

class LibeventDispatcher final : public Dispatcher {
 public:
  explicit LibeventDispatcher(std::string_view name);
  ~LibeventDispatcher() override;

  MonotonicTime Now() override { return MonotonicNow(); }
  MonotonicTime ReadySince() override { return turns_.ready_since(); }
  void ReportSlowTurns(absl::Duration least, std::function<void(absl::Duration)> report) override {
    slow_turn_ = least;
    report_slow_turn_ = std::move(report);
  }
  void Post(Callback callback) override;
  TimerPtr CreateTimer(std::function<void()> callback) override {
    return std::make_unique<LibeventTimer>(base_, turns_, std::move(callback));
  }
  FileEventPtr CreateFileEvent(int fd, FileReadyCallback ready) override {
    return std::make_unique<LibeventFileEvent>(base_, turns_, fd, std::move(ready));
  }
  SignalEventPtr ListenForSignal(int signal, std::function<void()> callback) override {
    return std::make_unique<LibeventSignal>(base_, turns_, signal, std::move(callback));
  }
  void DeferDelete(std::unique_ptr<Deferred> object) override;
  void DropPending() override;
  void Run() override;
  void Exit() override;
  bool IsCurrent() const override { return thread_.load() == std::this_thread::get_id(); }

 private:
  // The dispatcher whose Run() is on this thread's stack.
  static thread_local const LibeventDispatcher* running;

  static void OnWake(evutil_socket_t /*fd*/, short /*events*/, void* self) {
    static_cast<LibeventDispatcher*>(self)->Turn();
  }
  void Wake();
  void Turn();
  void OnTurnEnd();
  void RunPosted();
  void DeleteDeferred();

  // Set once.
  const std::string name_;
  event_base* base_ = nullptr;
  int wake_fd_ = -1;
  event wake_;       // The eventfd: another thread has posted.
  event next_turn_;  // This thread has posted or deferred.

  // Any thread.
  std::mutex mutex_;
  std::vector<Callback> posted_;  // Guarded by mutex_, which is held only to move the queue.
  std::atomic<bool> exit_{false};
  std::atomic<std::thread::id> thread_;  // That of the constructor until Run().

  absl::Duration slow_turn_ = absl::InfiniteDuration();
  std::function<void(absl::Duration)> report_slow_turn_;

  // The thread of Run() only.
  TurnClock turns_;
  std::vector<Callback> batch_;
  std::vector<std::unique_ptr<Deferred>> deferred_;
};

thread_local const LibeventDispatcher* LibeventDispatcher::running = nullptr;

LibeventDispatcher::LibeventDispatcher(std::string_view name)
    : name_(name), thread_(std::this_thread::get_id()) {
  event_config* config = event_config_new();
  // One thread uses the base; the others only write to the eventfd.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  wake_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  // Both fail only when the process cannot have a few descriptors at its start.
  WEIR_CHECK(base_ != nullptr && wake_fd_ >= 0);
  // Edge-triggered: each write wakes, so the counter need never be read.
  event_assign(&wake_, base_, wake_fd_, EV_READ | EV_ET | EV_PERSIST, &OnWake, this);
  event_add(&wake_, nullptr);
  evtimer_assign(&next_turn_, base_, &OnWake, this);
}

LibeventDispatcher::~LibeventDispatcher() {
  DropPending();
  event_del(&next_turn_);
  event_del(&wake_);
  event_base_free(base_);
  close(wake_fd_);
}

void LibeventDispatcher::DropPending() {
  // Destructors may post and defer in their turn.
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

void LibeventDispatcher::Post(Callback callback) {
  bool first;
  {
    const std::lock_guard lock(mutex_);
    first = posted_.empty();
    posted_.push_back(std::move(callback));
  }
  // Not the first: whoever posted that has woken the loop, and it has not run yet.
  if (first) Wake();
}

void LibeventDispatcher::Wake() {
  if (running == this) {
    event_add(&next_turn_, &kNextTurn);
  } else {
    eventfd_write(wake_fd_, 1);
  }
}

void LibeventDispatcher::DeferDelete(std::unique_ptr<Deferred> object) {
  if (deferred_.empty()) Wake();
  deferred_.push_back(std::move(object));
}

void LibeventDispatcher::Exit() {
  exit_.store(true);
  Wake();
}

void LibeventDispatcher::Run() {
  thread_.store(std::this_thread::get_id());
  // The main thread's name is the process's, and stays.
  if (gettid() != getpid()) pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  running = this;
  while (event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) >= 0) {
    OnTurnEnd();
    if (event_base_got_break(base_)) break;
  }
  running = nullptr;
}

void LibeventDispatcher::OnTurnEnd() {
  const absl::Duration took = turns_.Leave();
  if (took > slow_turn_) report_slow_turn_(took);
}

// What was posted runs before what was deferred is destroyed: a callback may have been posted
// by an object that was given up later in the same turn.
void LibeventDispatcher::Turn() {
  turns_.Enter();
  RunPosted();
  DeleteDeferred();
  if (exit_.exchange(false)) event_base_loopbreak(base_);
}

void LibeventDispatcher::RunPosted() {
  {
    const std::lock_guard lock(mutex_);
    batch_.swap(posted_);
  }
  for (Callback& callback : batch_) {
    callback();
    callback = nullptr;  // What it holds goes in order, too.
  }
  batch_.clear();
}

void LibeventDispatcher::DeleteDeferred() {
  std::vector<std::unique_ptr<Deferred>> objects;
  objects.swap(deferred_);
  for (std::unique_ptr<Deferred>& object : objects) object.reset();
}

}  // namespace

DispatcherPtr NewDispatcher(std::string_view name) {
  PrepareProcess();
  return std::make_unique<LibeventDispatcher>(name);
}

}  // namespace weir
