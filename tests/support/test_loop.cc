// SPDX-License-Identifier: Apache-2.0
#include "tests/support/test_loop.h"

#include <chrono>
#include <future>
#include <mutex>

#include "absl/time/clock.h"

namespace weir {

TestLoop::TestLoop(std::string_view name) : dispatcher_(NewDispatcher(name)) {
  thread_ = std::thread([this] { dispatcher_->Run(); });
}

TestLoop::~TestLoop() {
  Stop();
  dispatcher_->DropPending();
}

void TestLoop::Stop() {
  if (!thread_.joinable()) return;
  dispatcher_->Exit();
  thread_.join();
}

std::shared_ptr<TestLoop> TestLoop::Shared() {
  static std::mutex mutex;
  static std::weak_ptr<TestLoop> shared;
  const std::lock_guard lock(mutex);
  std::shared_ptr<TestLoop> loop = shared.lock();
  if (loop == nullptr) shared = loop = std::make_shared<TestLoop>("test");
  return loop;
}

void TestLoop::Run(const std::function<void()>& work) {
  // Shared: the loop's thread may still be leaving set_value() when wait() has returned.
  auto done = std::make_shared<std::promise<void>>();
  dispatcher_->Post([&work, done] {
    work();
    done->set_value();
  });
  done->get_future().wait();
}

bool WaitFor(const std::function<bool()>& holds, absl::Duration wait) {
  const absl::Time deadline = absl::Now() + wait;
  while (!holds()) {
    if (absl::Now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace weir
