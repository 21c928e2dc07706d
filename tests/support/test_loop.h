// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <thread>

#include "absl/time/time.h"

#include "proxy/event/dispatcher.h"
#include "proxy/net/resolver.h"

namespace weir {

// A dispatcher on a thread of its own, for tests that block while it works.
class TestLoop {
 public:
  explicit TestLoop(std::string_view name);
  ~TestLoop();
  // The one that all clients share; it goes with the last of them.
  static std::shared_ptr<TestLoop> Shared();

  // Runs `work` on the loop's thread and waits for it.
  void Run(const std::function<void()>& work);
  Dispatcher& dispatcher() { return *dispatcher_; }
  Resolver& resolver() { return resolver_; }
  // Stops the thread; what is left may be destroyed from the caller's.
  void Stop();

 private:
  Resolver resolver_;
  DispatcherPtr dispatcher_;
  std::thread thread_;
};

// Asks again every few milliseconds until `holds` says true; false after `wait`.
bool WaitFor(const std::function<bool()>& holds, absl::Duration wait = absl::Seconds(30));

}  // namespace weir
