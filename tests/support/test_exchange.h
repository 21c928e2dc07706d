// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "proxy/http/client_pool.h"
#include "tests/support/test_client.h"

namespace weir {

// One request of a TestClient: callbacks fill it on the loop's thread, the test reads it on its
// own, under one lock.
class TestWatch::Exchange final : private ResponseHandler {
 public:
  // `owner` keeps `pool`.
  Exchange(std::shared_ptr<TestLoop> loop, std::shared_ptr<const void> owner, ClientPool& pool,
           RequestHead head, std::string_view body, bool paused);
  ~Exchange() override;

  ResponseHead WaitForHead(absl::Duration wait);  // Status 0: none came.
  std::optional<TestEvent> NextEvent(absl::Duration wait);
  State WaitForEnd(absl::Duration wait);
  absl::Status failure();
  void SetPaused(bool paused);
  void SendBody(std::string_view bytes);
  void EndBody();
  size_t bytes_received();
  std::string TakeBody();

 private:
  void OnInformational(ResponseHead) override {}
  void OnHead(ResponseHead head) override;
  void OnResponseBody(std::string_view bytes) override;
  void OnResponseEnd(HeaderList trailers) override;
  void OnResponseFailed(absl::Status reason, bool sent) override;
  void OnRequestWritable() override {}

  std::optional<std::string> TakeFrame();  // Under the lock.
  template <typename Holds>
  void Wait(std::unique_lock<std::mutex>& lock, absl::Duration wait, Holds holds);

  const std::shared_ptr<TestLoop> loop_;
  const std::shared_ptr<const void> owner_;

  // On the loop's thread.
  ClientStreamPtr stream_;
  size_t unconsumed_ = 0;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  bool paused_ = false;
  bool head_received_ = false;
  ResponseHead head_;
  std::string bytes_;  // Of which the test has read `taken_`.
  size_t taken_ = 0;
  size_t received_ = 0;
  State state_ = State::kOpen;
  absl::Status failure_;
};

}  // namespace weir
