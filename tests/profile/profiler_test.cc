// SPDX-License-Identifier: Apache-2.0
#include "proxy/profile/profiler.h"

#include <cerrno>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/log.h"
#include "proxy/base/status.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class ProfilerTest : public testing::Test {
 protected:
  ProfilerTest() { SetLogLevel(LogLevel::kOff); }
  ~ProfilerTest() override { SetLogLevel(LogLevel::kInfo); }

  // Until `is` holds. Profiles are taken by a thread of their own, in real time.
  template <typename Condition>
  void RunUntil(Condition is) {
    const TimerPtr often = dispatcher_->CreateTimer([&] {
      if (is()) return dispatcher_->Exit();
      often_->Enable(absl::Milliseconds(5));
    });
    often_ = often.get();
    often_->Enable(absl::ZeroDuration());
    dispatcher_->Run();
  }

  Timer* often_ = nullptr;
  DispatcherPtr dispatcher_ = NewDispatcher("test");
};

TEST_F(ProfilerTest, TakesOneAndKeepsIt) {
  Profiler profiler(*dispatcher_);
  std::optional<absl::StatusOr<ProfilePtr>> taken;
  const auto handle = profiler.Take(absl::Milliseconds(50), [&](auto result) { taken = result; });
  ASSERT_TRUE(handle.ok());
  const auto second = profiler.Take(absl::Seconds(1), [](auto) { FAIL(); });
  EXPECT_TRUE(IsUnavailable(second.status())) << "one at a time";
  RunUntil([&] { return taken.has_value(); });
  ASSERT_TRUE(taken->ok()) << taken->status();
  EXPECT_EQ((**taken)->id, 1U);
  EXPECT_EQ((**taken)->reason, "asked for");
  EXPECT_EQ(profiler.Find(1), **taken);
  EXPECT_EQ(profiler.Find(2), nullptr);
  EXPECT_THAT(profiler.Kept(), SizeIs(1));
}

TEST_F(ProfilerTest, WhoeverHasGoneIsNotToldAndTheProfileIsKept) {
  Profiler profiler(*dispatcher_);
  ASSERT_TRUE(profiler.Take(absl::Milliseconds(20), [](auto) { FAIL(); }).ok());
  RunUntil([&] { return !profiler.Kept().empty(); });
}

TEST_F(ProfilerTest, TheLastEightOfEachAreKept) {
  Profiler profiler(*dispatcher_);
  profiler.OnSlow("dispatch of pods");
  profiler.OnSlow("not now");
  std::optional<absl::StatusOr<ProfilePtr>> taken;
  for (int i = 0; i < 10; ++i) {
    RunUntil([&] {
      return profiler.Take(absl::Milliseconds(1), [&](auto result) { taken = result; }).ok();
    });
    RunUntil([&] { return profiler.Kept().front()->id == static_cast<uint64_t>(i) + 2; });
  }
  EXPECT_THAT(profiler.Kept(), SizeIs(Profiler::kKept + 1));
  const ProfilePtr slow = profiler.Find(1);
  ASSERT_NE(slow, nullptr) << "others do not push out a slow moment";
  EXPECT_EQ(slow->reason, "dispatch of pods");
  EXPECT_EQ(slow->length, Profiler::kSlowLength);
  EXPECT_EQ(profiler.Find(3), nullptr);
  EXPECT_NE(profiler.Find(11), nullptr);
}

TEST_F(ProfilerTest, OneOfASlowMomentAMinute) {
  Profiler profiler(*dispatcher_);
  profiler.OnSlow("first");
  RunUntil([&] { return !profiler.Kept().empty(); });
  profiler.OnSlow("second");
  EXPECT_TRUE(profiler.Take(absl::Milliseconds(1), [](auto) {}).ok()) << "none is being taken";
}

TEST_F(ProfilerTest, NoThreadIsAnErrorAndNotTheEnd) {
  bool fails = true;
  Profiler profiler(*dispatcher_, [&](pthread_t* thread, void* (*run)(void*), void* argument) {
    return fails ? EAGAIN : pthread_create(thread, nullptr, run, argument);
  });
  const auto refused = profiler.Take(absl::Milliseconds(1), [](auto) { FAIL(); });
  EXPECT_TRUE(!refused.ok() && !IsUnavailable(refused.status()));
  EXPECT_THAT(std::string(MessageOf(refused.status())), HasSubstr("pids.max"));
  profiler.OnSlow("slow, and nothing to look with");
  fails = false;
  ASSERT_TRUE(profiler.Take(absl::Milliseconds(1), [](auto) {}).ok()) << "none is being taken";
  RunUntil([&] { return profiler.Find(1) != nullptr; });
}

TEST_F(ProfilerTest, ItsEndCutsAProfileShort) {
  auto profiler = std::make_unique<Profiler>(*dispatcher_);
  const auto handle = profiler->Take(absl::Hours(1), [](auto) { FAIL(); });
  ASSERT_TRUE(handle.ok());
  profiler.reset();
  Profiler next(*dispatcher_);
  std::optional<absl::StatusOr<ProfilePtr>> taken;
  const auto again = next.Take(absl::Milliseconds(1), [&](auto result) { taken = result; });
  RunUntil([&] { return taken.has_value(); });
  EXPECT_TRUE(taken->ok());
}

}  // namespace
}  // namespace weir
