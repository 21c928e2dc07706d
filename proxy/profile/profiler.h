// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include <pthread.h>

#include "proxy/event/dispatcher.h"
#include "proxy/profile/folded_stacks.h"

namespace weir {

// What the threads of Weir have spent CPU time on for a while.
struct Profile {
  uint64_t id = 0;  // Counts up from 1.
  absl::Time began;
  absl::Duration length;
  std::string reason;  // "asked for", or what was slow.
  bool slow = false;
  uint64_t samples = 0, dropped = 0;
  std::vector<FoldedStack> stacks;
};
using ProfilePtr = std::shared_ptr<const Profile>;

// Takes profiles, one at a time, and keeps the last ones. Sampling and looking up symbols are done
// on a thread of its own. One thread: that of the dispatcher, which outlives it.
class Profiler {
 public:
  static constexpr size_t kKept = 8;  // Of each: those that were asked for, and slow moments.
  static constexpr absl::Duration kSlowLength = absl::Seconds(2);
  static constexpr absl::Duration kSlowPause = absl::Minutes(1);  // Between two of slow moments.

  // As pthread_create: tests have it fail.
  using NewThread = std::function<int(pthread_t* thread, void* (*run)(void*), void* argument)>;
  explicit Profiler(Dispatcher& dispatcher, NewThread new_thread = nullptr);
  ~Profiler();  // Cuts one short.

  using Done = std::function<void(absl::StatusOr<ProfilePtr>)>;
  // `done` runs later, with the profile, which is kept; or with an error: the kernel gives no
  // timers. Without the handle it does not run; the profile is kept all the same. At once,
  // kUnavailable: one is being taken; another: the kernel gives no thread.
  absl::StatusOr<RequestHandle> Take(absl::Duration length, Done done);
  // Something is slow now. Takes and keeps a profile, unless one is being taken or was lately.
  void OnSlow(std::string what);

  std::vector<ProfilePtr> Kept() const;  // Newest first.
  ProfilePtr Find(uint64_t id) const;    // nullptr: not kept.

 private:
  struct Job;
  absl::Status Begin(Profile profile, std::weak_ptr<Done> done);
  void JoinThread();
  void Run(Profile profile, std::weak_ptr<Done> done);
  void OnRun(Profile profile, const absl::Status& status, const std::weak_ptr<Done>& done);
  void Keep(ProfilePtr profile);

  Dispatcher& dispatcher_;
  const NewThread new_thread_;
  uint64_t next_id_ = 1;
  std::deque<ProfilePtr> asked_, slow_;  // Oldest first.
  MonotonicTime last_slow_;
  bool any_slow_ = false;
  bool running_ = false;
  std::optional<pthread_t> thread_;
  // For posts that come after the end of this.
  std::shared_ptr<Profiler*> self_ = std::make_shared<Profiler*>(this);

  std::mutex mutex_;
  std::condition_variable cut_short_;
  bool stop_ = false;  // Guarded by mutex_.
};

}  // namespace weir
