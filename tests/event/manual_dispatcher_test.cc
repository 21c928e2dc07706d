// SPDX-License-Identifier: Apache-2.0
#include "tests/support/manual_dispatcher.h"

#include <csignal>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class ManualDispatcherTest : public testing::Test {
 protected:
  TimerPtr NoteIn(absl::Duration delay, std::string what) {
    TimerPtr timer = dispatcher_.CreateTimer([this, what] { notes_.push_back(what); });
    timer->Enable(delay);
    return timer;
  }

  ManualDispatcher dispatcher_;
  std::vector<std::string> notes_;
};

TEST_F(ManualDispatcherTest, RunsNothingUntilTold) {
  dispatcher_.Post([this] {
    notes_.push_back("first");
    dispatcher_.Post([this] { notes_.push_back("second"); });
  });
  EXPECT_THAT(notes_, IsEmpty());
  EXPECT_TRUE(dispatcher_.RunOnce());
  EXPECT_THAT(notes_, ElementsAre("first"));
  dispatcher_.RunReady();
  EXPECT_THAT(notes_, ElementsAre("first", "second"));
  EXPECT_FALSE(dispatcher_.RunOnce());
}

TEST_F(ManualDispatcherTest, MovesTheClockFromTimerToTimer) {
  const MonotonicTime start = dispatcher_.Now();
  const TimerPtr b = NoteIn(absl::Seconds(2), "b");
  const TimerPtr a = NoteIn(absl::Seconds(1), "a");
  const TimerPtr c = NoteIn(absl::Seconds(2), "c");
  const TimerPtr late = NoteIn(absl::Seconds(4), "late");
  EXPECT_EQ(dispatcher_.NextTimerIn(), absl::Seconds(1));
  dispatcher_.Advance(absl::Seconds(3));
  EXPECT_THAT(notes_, ElementsAre("a", "b", "c"));
  EXPECT_EQ(dispatcher_.Now() - start, absl::Seconds(3));
  EXPECT_EQ(dispatcher_.enabled_timers(), 1u);
}

TEST_F(ManualDispatcherTest, TimersThatTimersEnableFireOnTheWay) {
  int fired = 0;
  TimerPtr timer;
  timer = dispatcher_.CreateTimer([&] {
    if (++fired < 10) timer->Enable(absl::Seconds(1));
  });
  timer->Enable(absl::Seconds(1));
  dispatcher_.Advance(absl::Seconds(5));
  EXPECT_EQ(fired, 5);
}

TEST_F(ManualDispatcherTest, DisabledTimersDoNotFire) {
  TimerPtr a = NoteIn(absl::Seconds(1), "a");
  const TimerPtr b = NoteIn(absl::Seconds(1), "b");
  a.reset();
  b->Disable();
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_THAT(notes_, IsEmpty());
}

TEST_F(ManualDispatcherTest, ReportsFilesAndSignals) {
  FileEventPtr event = dispatcher_.CreateFileEvent(
      7, [this](uint32_t events) { notes_.push_back("fd " + std::to_string(events)); });
  const SignalEventPtr signal =
      dispatcher_.ListenForSignal(SIGTERM, [this] { notes_.push_back("term"); });
  dispatcher_.ReportReady(7, FileEvent::kReadable);
  event->Activate(FileEvent::kWritable);
  dispatcher_.ReportReady(8, FileEvent::kReadable);
  dispatcher_.RaiseSignal(SIGTERM);
  dispatcher_.RaiseSignal(SIGINT);
  dispatcher_.RunReady();
  EXPECT_THAT(notes_, ElementsAre("fd 3", "term"));
  event->Activate(FileEvent::kReadable);
  event.reset();
  dispatcher_.RunReady();
  EXPECT_EQ(notes_.size(), 2u);
}

TEST_F(ManualDispatcherTest, RunsUntilExit) {
  dispatcher_.Post([this] { dispatcher_.Exit(); });
  dispatcher_.Post([this] { dispatcher_.Post([this] { notes_.push_back("later"); }); });
  dispatcher_.Run();
  EXPECT_THAT(notes_, IsEmpty());
  dispatcher_.Run();
  EXPECT_THAT(notes_, ElementsAre("later"));
}

}  // namespace
}  // namespace weir
