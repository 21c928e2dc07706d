// SPDX-License-Identifier: Apache-2.0
#include "proxy/profile/profiler.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "absl/time/clock.h"

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {

namespace {

int PthreadCreate(pthread_t* thread, void* (*run)(void*), void* argument) {
  return pthread_create(thread, nullptr, run, argument);
}

}  // namespace

// What its thread is given.
struct Profiler::Job {
  Profiler& profiler;
  Profile profile;
  std::weak_ptr<Done> done;
};

Profiler::Profiler(Dispatcher& dispatcher, NewThread new_thread)
    : dispatcher_(dispatcher),
      new_thread_(new_thread ? std::move(new_thread) : NewThread(PthreadCreate)) {}

Profiler::~Profiler() {
  *self_ = nullptr;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  cut_short_.notify_all();
  JoinThread();
}

void Profiler::JoinThread() {
  if (thread_.has_value()) pthread_join(*std::exchange(thread_, std::nullopt), nullptr);
}

absl::StatusOr<RequestHandle> Profiler::Take(absl::Duration length, Done done) {
  struct Handle final : Cancellable {
    std::shared_ptr<Done> done;
  };
  if (running_) return UnavailableError("a profile is being taken; try again when it is over");
  auto handle = std::make_unique<Handle>();
  handle->done = std::make_shared<Done>(std::move(done));
  Profile profile;
  profile.length = length;
  profile.reason = "asked for";
  WEIR_RETURN_IF_ERROR(Begin(std::move(profile), handle->done));
  return handle;
}

void Profiler::OnSlow(std::string what) {
  const MonotonicTime now = dispatcher_.Now();
  if (running_ || (any_slow_ && now - last_slow_ < kSlowPause)) return;
  any_slow_ = true;
  last_slow_ = now;
  Profile profile;
  profile.length = kSlowLength;
  profile.reason = std::move(what);
  profile.slow = true;
  LogInfo("taking a profile", {{"because", profile.reason}});
  const absl::Status begun = Begin(std::move(profile), {});
  if (!begun.ok()) LogWarning("cannot take a profile", {{"because", MessageOf(begun)}});
}

// Not std::thread, which would end the process where a container may have no more threads.
absl::Status Profiler::Begin(Profile profile, std::weak_ptr<Done> done) {
  JoinThread();  // The last act of the one before was to post its result.
  profile.id = next_id_;
  profile.began = absl::Now();
  auto job = std::make_unique<Job>(Job{*this, std::move(profile), std::move(done)});
  const auto run = [](void* argument) -> void* {
    const std::unique_ptr<Job> own(static_cast<Job*>(argument));
    own->profiler.Run(std::move(own->profile), std::move(own->done));
    return nullptr;
  };
  pthread_t thread;
  if (const int error = new_thread_(&thread, run, job.get()); error != 0) {
    return InternalError(StrCat("no thread for a profile: ", strerror(error),
                                "; see the container's limit of processes (pids.max)"));
  }
  job.release();
  thread_ = thread;
  ++next_id_;
  running_ = true;
  return absl::OkStatus();
}

void Profiler::Run(Profile profile, std::weak_ptr<Done> done) {
  absl::StatusOr<std::unique_ptr<CpuSampler>> sampler = CpuSampler::Start();
  absl::Status status = sampler.status();
  if (status.ok()) {
    std::unique_lock lock(mutex_);
    cut_short_.wait_for(lock, absl::ToChronoNanoseconds(profile.length), [this] { return stop_; });
    lock.unlock();
    const CpuSamples samples = (*sampler)->Stop();
    profile.samples = samples.stacks.size();
    profile.dropped = samples.dropped;
    profile.stacks = Fold(samples);
  }
  dispatcher_.Post([self = self_, profile = std::move(profile), done = std::move(done),
                    status = std::move(status)]() mutable {
    if (*self != nullptr) (*self)->OnRun(std::move(profile), status, done);
  });
}

void Profiler::OnRun(Profile profile, const absl::Status& status, const std::weak_ptr<Done>& done) {
  running_ = false;
  absl::StatusOr<ProfilePtr> result = nullptr;
  if (status.ok()) {
    result = std::make_shared<const Profile>(std::move(profile));
    Keep(*result);
  } else {
    result = status;
    LogWarning("cannot take a profile", {{"because", MessageOf(status)}});
  }
  if (const auto held = done.lock()) (*held)(std::move(result));
}

void Profiler::Keep(ProfilePtr profile) {
  std::deque<ProfilePtr>& kept = profile->slow ? slow_ : asked_;
  kept.push_back(std::move(profile));
  if (kept.size() > kKept) kept.pop_front();
}

std::vector<ProfilePtr> Profiler::Kept() const {
  std::vector<ProfilePtr> kept(asked_.begin(), asked_.end());
  kept.insert(kept.end(), slow_.begin(), slow_.end());
  std::sort(kept.begin(), kept.end(),
            [](const ProfilePtr& a, const ProfilePtr& b) { return a->id > b->id; });
  return kept;
}

ProfilePtr Profiler::Find(uint64_t id) const {
  for (const auto* kept : {&asked_, &slow_}) {
    for (const ProfilePtr& profile : *kept) {
      if (profile->id == id) return profile;
    }
  }
  return nullptr;
}

}  // namespace weir
