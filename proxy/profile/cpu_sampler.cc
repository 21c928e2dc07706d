// SPDX-License-Identifier: Apache-2.0
#include "proxy/profile/cpu_sampler.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <mutex>
#include <optional>
#include <utility>

#include <execinfo.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

// glibc does not name this member of sigevent.
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

namespace weir {

struct CpuSampler::Buffer {
  std::unique_ptr<StackSample[]> stacks = std::make_unique<StackSample[]>(kMaxSamples);
  std::atomic<size_t> next{0};
};

namespace {

// On top of the function that was interrupted: the handler, and the kernel's way into it.
constexpr size_t kHandlerFrames = 2;
constexpr uint32_t kNotSampled = UINT32_MAX;

struct Thread {
  std::string name;
  pthread_t handle;
  pid_t id;
  std::optional<timer_t> timer = std::nullopt;  // While a sampler runs.
};

// Never destroyed: threads may outlive main().
struct Registry {
  std::mutex mutex;
  std::map<uint32_t, Thread> threads;
  std::map<uint32_t, std::string> gone;  // While a sampler runs.
  uint32_t next = 0;
  bool sampling = false;
};

Registry& TheRegistry() {
  static auto* const registry = new Registry();
  return *registry;
}

absl::Status StartTimer(Thread& thread) {
  clockid_t clock;
  if (const int error = pthread_getcpuclockid(thread.handle, &clock); error != 0) {
    return InternalError(StrCat("no CPU clock of thread ", thread.name, ": ", strerror(error)));
  }
  sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event.sigev_notify_thread_id = thread.id;
  timer_t timer;
  if (timer_create(clock, &event, &timer) != 0) {
    return InternalError(StrCat("no timer for thread ", thread.name, ": ", strerror(errno),
                                "; see the limit of pending signals (ulimit -i)"));
  }
  thread.timer = timer;
  itimerspec every = {};
  every.it_interval.tv_nsec = 1'000'000'000 / CpuSampler::kHertz;
  every.it_value = every.it_interval;
  timer_settime(timer, 0, &every, nullptr);
  return absl::OkStatus();
}

void StopTimer(Thread& thread) {
  if (thread.timer.has_value()) timer_delete(*std::exchange(thread.timer, std::nullopt));
}

// What the signal handler uses: its thread, where to put a sample, and how many handlers are at it.
thread_local uint32_t this_thread = kNotSampled;
std::atomic<CpuSampler::Buffer*> active{nullptr};
std::atomic<int> handlers{0};

// Only what may be done in a signal handler. That is not promised of glibc's backtrace(), but once
// it has run it takes no lock and no memory.
void TakeSample(int) {
  const int error = errno;
  handlers.fetch_add(1);
  CpuSampler::Buffer* const buffer = active.load();
  if (buffer != nullptr && this_thread != kNotSampled) {
    const size_t place = buffer->next.fetch_add(1, std::memory_order_relaxed);
    if (place < CpuSampler::kMaxSamples) {
      StackSample& sample = buffer->stacks[place];
      sample.thread = this_thread;
      const int depth = backtrace(sample.frames.data(), StackSample::kMaxDepth);
      sample.depth = static_cast<uint32_t>(std::max(depth, 0));
    }
  }
  handlers.fetch_sub(1);
  errno = error;
}

// The handler stays for good: a signal may come late, and SIGPROF would end the process.
void InstallHandler() {
  static const bool installed = [] {
    std::array<void*, 4> frames;
    backtrace(frames.data(), frames.size());  // Loads what it needs.
    struct sigaction action = {};
    action.sa_handler = TakeSample;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    return sigaction(SIGPROF, &action, nullptr) == 0;
  }();
  (void)installed;
}

StackSample WithoutHandler(const StackSample& sample) {
  StackSample stack = sample;
  const size_t skipped = std::min<size_t>(kHandlerFrames, sample.depth);
  stack.depth = sample.depth - static_cast<uint32_t>(skipped);
  std::copy_n(sample.frames.begin() + skipped, stack.depth, stack.frames.begin());
  return stack;
}

}  // namespace

SampledThread::SampledThread(std::string_view name)
    : id_([name] {
        Registry& registry = TheRegistry();
        const std::lock_guard lock(registry.mutex);
        Thread thread{.name = std::string(name),
                      .handle = pthread_self(),
                      .id = static_cast<pid_t>(syscall(SYS_gettid))};
        this_thread = registry.next;
        if (registry.sampling) (void)StartTimer(thread);
        registry.threads.emplace(registry.next, std::move(thread));
        return registry.next++;
      }()) {}

SampledThread::~SampledThread() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  auto node = registry.threads.extract(id_);
  StopTimer(node.mapped());
  if (registry.sampling) registry.gone.emplace(id_, std::move(node.mapped().name));
  this_thread = kNotSampled;
}

absl::StatusOr<std::unique_ptr<CpuSampler>> CpuSampler::Start() {
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  if (registry.sampling) return UnavailableError("a profile is being taken");
  InstallHandler();
  std::unique_ptr<CpuSampler> sampler(new CpuSampler());
  active.store(sampler->buffer_.get());
  registry.sampling = true;
  absl::Status started;
  for (auto& [id, thread] : registry.threads) {
    started = StartTimer(thread);
    if (!started.ok()) break;
  }
  if (started.ok()) return sampler;
  for (auto& [id, thread] : registry.threads) StopTimer(thread);
  active.store(nullptr);
  registry.sampling = false;
  while (handlers.load() > 0) sched_yield();
  sampler->buffer_.reset();
  return started;
}

CpuSampler::CpuSampler() : buffer_(std::make_unique<Buffer>()) {}

CpuSampler::~CpuSampler() {
  if (buffer_ != nullptr) Stop();
}

CpuSamples CpuSampler::Stop() {
  CpuSamples samples;
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  samples.threads = std::exchange(registry.gone, {});
  for (auto& [id, thread] : registry.threads) {
    StopTimer(thread);
    samples.threads.emplace(id, thread.name);
  }
  active.store(nullptr);
  while (handlers.load() > 0) sched_yield();
  registry.sampling = false;
  const size_t taken = buffer_->next.load();
  const size_t kept = std::min(taken, kMaxSamples);
  samples.dropped = taken - kept;
  samples.stacks.reserve(kept);
  for (size_t i = 0; i < kept; ++i) samples.stacks.push_back(WithoutHandler(buffer_->stacks[i]));
  buffer_.reset();
  return samples;
}

}  // namespace weir
