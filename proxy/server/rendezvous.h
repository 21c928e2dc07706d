// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <mutex>

namespace weir {

// Holds threads up until all of them are there. Once.
class Rendezvous {
 public:
  explicit Rendezvous(int threads) : missing_(threads) {}
  void ArriveAndWait() {
    std::unique_lock lock(mutex_);
    if (--missing_ == 0) all_there_.notify_all();
    all_there_.wait(lock, [this] { return missing_ <= 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable all_there_;
  int missing_;  // Guarded by mutex_.
};

}  // namespace weir
