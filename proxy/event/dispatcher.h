// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"

#include "proxy/base/clock.h"

namespace weir {

// Runs its callback once, some time after Enable(). Destroying it disables it.
class Timer {
 public:
  virtual ~Timer() = default;
  virtual void Enable(absl::Duration delay) = 0;  // Replaces a pending one.
  virtual void Disable() = 0;
  virtual bool enabled() const = 0;
};
using TimerPtr = std::unique_ptr<Timer>;

// Watches a file descriptor, edge-triggered: after a callback, read or write until it would
// block, or call Activate(). Destroying it stops; it does not close the descriptor.
class FileEvent {
 public:
  static constexpr uint32_t kReadable = 1;
  static constexpr uint32_t kWritable = 2;
  virtual ~FileEvent() = default;
  // Calls back with these events in the next turn of the loop, whatever the descriptor says.
  virtual void Activate(uint32_t events) = 0;
};
using FileEventPtr = std::unique_ptr<FileEvent>;
using FileReadyCallback = std::function<void(uint32_t events)>;

class SignalEvent {
 public:
  virtual ~SignalEvent() = default;
};
using SignalEventPtr = std::unique_ptr<SignalEvent>;

// What DeferDelete takes: anything with a virtual destructor.
class Deferred {
 public:
  virtual ~Deferred() = default;
};

// An event loop: one per worker thread, owner of nothing but its queue. Production: libevent
// (NewDispatcher). Tests: ManualDispatcher, whose clock is moved by hand.
//
// Everything runs on the thread that runs Run(); only Post() may be called from another.
// A callback never runs before the call that asked for it has returned.
class Dispatcher {
 public:
  using Callback = absl::AnyInvocable<void()>;

  virtual ~Dispatcher() = default;

  virtual MonotonicTime Now() = 0;
  // Since when what is being handled in this turn of the loop can have been ready, at the earliest:
  // when the loop woke for it, or when the turn before began if it did not sleep in between.
  virtual MonotonicTime ReadySince() = 0;
  // `report` runs at the end of each turn that took longer than `least`: the loop did nothing else
  // meanwhile. Before Run().
  virtual void ReportSlowTurns(absl::Duration least,
                               std::function<void(absl::Duration took)> report) = 0;
  // Any thread. First in, first out. Callbacks not run when the dispatcher is destroyed are
  // destroyed unrun.
  virtual void Post(Callback callback) = 0;
  [[nodiscard]] virtual TimerPtr CreateTimer(std::function<void()> callback) = 0;
  [[nodiscard]] virtual FileEventPtr CreateFileEvent(int fd, FileReadyCallback ready) = 0;
  [[nodiscard]] virtual SignalEventPtr ListenForSignal(int signal,
                                                       std::function<void()> callback) = 0;
  // Destroys `object` in the next turn of the loop, so that no frame above on the stack still
  // runs in it. First in, first out.
  virtual void DeferDelete(std::unique_ptr<Deferred> object) = 0;
  // Destroys, unrun, what was posted and deferred, until nothing is left: the owner of the objects
  // that those refer to calls it before they go. REQUIRES: Run() has returned.
  virtual void DropPending() = 0;
  virtual void Run() = 0;   // Until Exit().
  virtual void Exit() = 0;  // Any thread.
  // The calling thread is the one that runs this loop.
  virtual bool IsCurrent() const = 0;
};
using DispatcherPtr = std::unique_ptr<Dispatcher>;

// libevent: epoll, edge-triggered. `name` is the thread's name in logs.
DispatcherPtr NewDispatcher(std::string_view name);

// Asynchronous work under way: destroying it cancels, nothing runs after.
class Cancellable {
 public:
  virtual ~Cancellable() = default;
};
using RequestHandle = std::unique_ptr<Cancellable>;

}  // namespace weir
