// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

// While it lives, the thread that made it is among those that are sampled, under this name.
class SampledThread {
 public:
  explicit SampledThread(std::string_view name);
  ~SampledThread();
  SampledThread(const SampledThread&) = delete;
  SampledThread& operator=(const SampledThread&) = delete;

 private:
  const uint32_t id_;
};

// One stack, as return addresses, the innermost function first.
struct StackSample {
  static constexpr size_t kMaxDepth = 48;
  uint32_t thread = 0;  // Key of CpuSamples::threads.
  uint32_t depth = 0;
  std::array<void*, kMaxDepth> frames;
};

struct CpuSamples {
  std::vector<StackSample> stacks;
  std::map<uint32_t, std::string> threads;
  uint64_t dropped = 0;  // For want of room.
};

// Looks at what each SampledThread executes, kHertz times in each second of CPU time that it uses
// (less where the kernel's clock ticks more slowly): a thread that waits is not seen. By timers of
// the threads' CPU clocks, and SIGPROF. One at a time in a process. Any thread.
class CpuSampler {
 public:
  static constexpr int kHertz = 100;
  static constexpr size_t kMaxSamples = 8192;  // 3 MB, while it runs.

  // Error: one is running already, or the kernel gives no timers.
  static absl::StatusOr<std::unique_ptr<CpuSampler>> Start();
  ~CpuSampler();
  CpuSampler(const CpuSampler&) = delete;
  CpuSampler& operator=(const CpuSampler&) = delete;

  // The end of it. Once.
  CpuSamples Stop();

  struct Buffer;

 private:
  CpuSampler();

  std::unique_ptr<Buffer> buffer_;  // Until it is stopped.
};

}  // namespace weir
