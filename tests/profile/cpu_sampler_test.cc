// SPDX-License-Identifier: Apache-2.0
#include "proxy/profile/cpu_sampler.h"

#include <algorithm>
#include <atomic>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include "proxy/profile/folded_stacks.h"

namespace weir {

double ThreadCpuSeconds() {
  timespec used;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

// Outside the anonymous namespace, and not inlined, for their names.
__attribute__((noinline)) uint64_t BurnCpu(double seconds) {
  uint64_t value = 1;
  for (const double end = ThreadCpuSeconds() + seconds; ThreadCpuSeconds() < end;) {
    for (int i = 0; i < 10'000; ++i) value = value * 6364136223846793005U + 1;
  }
  return value;
}

__attribute__((noinline)) uint64_t CallsTheBurner(double seconds) {
  const uint64_t value = BurnCpu(seconds);
  return value + 1;  // Not a tail call.
}

namespace {

using testing::HasSubstr;

uint64_t SamplesOf(const std::vector<FoldedStack>& stacks, const std::string& part) {
  uint64_t sum = 0;
  for (const FoldedStack& stack : stacks) {
    if (stack.frames.find(part) != std::string::npos) sum += stack.count;
  }
  return sum;
}

// By CPU time and not by the clock: as many samples on a busy machine.
TEST(CpuSamplerTest, FindsTheFunctionThatUsesTheTimeAndItsCaller) {
  const SampledThread sampled("tester");
  auto sampler = CpuSampler::Start();
  ASSERT_TRUE(sampler.ok()) << sampler.status();
  EXPECT_NE(CallsTheBurner(1.0), 0U);
  const std::vector<FoldedStack> stacks = Fold((*sampler)->Stop());
  const uint64_t all = SamplesOf(stacks, "tester;");
  EXPECT_GE(all, 20U);
  EXPECT_LE(all, 110U);
  EXPECT_GE(SamplesOf(stacks, "weir::CallsTheBurner();weir::BurnCpu()"), all * 9 / 10)
      << FoldedText(stacks);
}

TEST(CpuSamplerTest, SeesEachThreadUnderItsNameAndNoOther) {
  std::atomic<bool> begin{false};
  std::thread named([&] {
    const SampledThread sampled("named");
    while (!begin) std::this_thread::yield();
    BurnCpu(0.5);
  });
  std::thread unknown([&] {
    while (!begin) std::this_thread::yield();
    BurnCpu(0.5);
  });
  auto sampler = CpuSampler::Start();
  ASSERT_TRUE(sampler.ok());
  begin = true;
  named.join();
  unknown.join();
  // A thread that comes later, and one that has gone, are in it too.
  std::thread late([] {
    const SampledThread sampled("late");
    BurnCpu(0.5);
  });
  late.join();
  const std::vector<FoldedStack> stacks = Fold((*sampler)->Stop());
  EXPECT_GT(SamplesOf(stacks, "named;"), 5U);
  EXPECT_GT(SamplesOf(stacks, "late;"), 5U);
  EXPECT_EQ(SamplesOf(stacks, ""), SamplesOf(stacks, "named;") + SamplesOf(stacks, "late;"));
}

TEST(CpuSamplerTest, OneAtATime) {
  auto first = CpuSampler::Start();
  ASSERT_TRUE(first.ok());
  EXPECT_FALSE(CpuSampler::Start().ok());
  (*first)->Stop();
  auto second = CpuSampler::Start();
  EXPECT_TRUE(second.ok());
  second->reset();
  EXPECT_TRUE(CpuSampler::Start().ok()) << "its end is the end of sampling";
}

TEST(CpuSamplerTest, NothingIsSampledAfterTheEnd) {
  const SampledThread sampled("tester");
  auto sampler = CpuSampler::Start();
  ASSERT_TRUE(sampler.ok());
  (*sampler)->Stop();
  BurnCpu(0.2);  // A signal that came now would find no room.
  auto next = CpuSampler::Start();
  ASSERT_TRUE(next.ok());
  EXPECT_TRUE((*next)->Stop().stacks.empty());
}

// Threads come and go, and profiles begin and end, at once.
TEST(CpuSamplerTest, ThreadsMayComeAndGoMeanwhile) {
  std::atomic<bool> end{false};
  std::thread starter([&] {
    while (!end) {
      std::thread([] {
        const SampledThread sampled("short");
        BurnCpu(0.002);
      }).join();
    }
  });
  for (int i = 0; i < 50; ++i) {
    auto sampler = CpuSampler::Start();
    ASSERT_TRUE(sampler.ok());
    std::this_thread::yield();
    (*sampler)->Stop();
  }
  end = true;
  starter.join();
}

CpuSamples SamplesOfDepths(std::initializer_list<uint32_t> depths) {
  CpuSamples samples;
  samples.threads[7] = "worker-0";
  for (const uint32_t depth : depths) {
    StackSample stack{.thread = 7, .depth = depth, .frames = {}};
    for (uint32_t i = 0; i < depth; ++i)
      stack.frames[i] = reinterpret_cast<void*>(uintptr_t{16} + i);
    samples.stacks.push_back(stack);
  }
  return samples;
}

TEST(FoldedStacksTest, EqualStacksAreOneLine) {
  const std::vector<FoldedStack> stacks = Fold(SamplesOfDepths({2, 1, 2}));
  EXPECT_EQ(FoldedText(stacks), "worker-0;[unknown] 3\n") << "what cannot be told apart is one";
}

TEST(FoldedStacksTest, TheRarestAreCountedOnly) {
  CpuSamples samples = SamplesOfDepths({1, 1, 1, 1, 1, 1});
  samples.stacks[0].thread = samples.stacks[1].thread = 8;
  samples.threads[8] = "a";
  const std::vector<FoldedStack> stacks = Fold(samples, 20);
  EXPECT_EQ(FoldedText(stacks), "a;(rare stacks) 2\nworker-0;[unknown] 4\n");
}

}  // namespace
}  // namespace weir
