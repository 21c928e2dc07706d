// SPDX-License-Identifier: Apache-2.0
#include "proxy/event/dispatcher.h"

#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include <sys/socket.h>
#include <unistd.h>

namespace weir {
namespace {

using testing::ElementsAre;

class Noted final : public Deferred {
 public:
  explicit Noted(std::function<void()> gone) : gone_(std::move(gone)) {}
  ~Noted() override { gone_(); }

 private:
  std::function<void()> gone_;
};

class DispatcherTest : public testing::Test {
 protected:
  DispatcherTest() { EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair_), 0); }
  ~DispatcherTest() override {
    close(pair_[0]);
    close(pair_[1]);
  }

  void Note(std::string what) { notes_.push_back(std::move(what)); }
  // Turns of the loop, so that what is due next turn has run.
  void RunTurns(int turns) {
    if (turns == 0) return dispatcher_->Exit();
    dispatcher_->Post([this, turns] { RunTurns(turns - 1); });
  }
  void Run(int turns = 3) {
    RunTurns(turns);
    dispatcher_->Run();
  }
  void Fill(int fd) {
    const std::string bytes(4096, 'x');
    while (write(fd, bytes.data(), bytes.size()) > 0) {
    }
  }

  int pair_[2];
  std::vector<std::string> notes_;
  DispatcherPtr dispatcher_ = NewDispatcher("test");
};

TEST_F(DispatcherTest, RunsPostedCallbacksInOrder) {
  for (const char* name : {"a", "b", "c"}) {
    dispatcher_->Post([this, name] { Note(name); });
  }
  EXPECT_TRUE(notes_.empty());
  Run();
  EXPECT_THAT(notes_, ElementsAre("a", "b", "c"));
}

TEST_F(DispatcherTest, RunsWhatIsPostedMeanwhileInTheNextTurn) {
  dispatcher_->Post([this] {
    dispatcher_->Post([this] { Note("later"); });
    dispatcher_->DeferDelete(std::make_unique<Noted>([this] { Note("deleted"); }));
    Note("first");
  });
  dispatcher_->Post([this] { Note("second"); });
  Run();
  EXPECT_THAT(notes_, ElementsAre("first", "second", "deleted", "later"));
}

TEST_F(DispatcherTest, WakesForPostsOfOtherThreads) {
  constexpr int kPosts = 10000;
  int ran = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kPosts; ++i) {
        dispatcher_->Post([&] {
          EXPECT_TRUE(dispatcher_->IsCurrent());
          if (++ran == 2 * kPosts) dispatcher_->Exit();
        });
      }
    });
  }
  dispatcher_->Run();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ran, 2 * kPosts);
}

TEST_F(DispatcherTest, ExitsFromAnotherThreadEvenBeforeItRuns) {
  std::thread([this] { dispatcher_->Exit(); }).join();
  dispatcher_->Run();
  std::thread later([this] { dispatcher_->Exit(); });
  dispatcher_->Run();
  later.join();
}

TEST_F(DispatcherTest, IsCurrentOnItsThreadOnly) {
  std::thread runner([this] {
    dispatcher_->Post([this] { EXPECT_TRUE(dispatcher_->IsCurrent()); });
    Run();
  });
  runner.join();
  EXPECT_FALSE(dispatcher_->IsCurrent());
}

TEST_F(DispatcherTest, FiresTimersInOrderAndNeverEarly) {
  const MonotonicTime start = dispatcher_->Now();
  const TimerPtr late = dispatcher_->CreateTimer([&] {
    EXPECT_GE(dispatcher_->Now() - start, absl::Milliseconds(12));
    Note("late");
    dispatcher_->Exit();
  });
  const TimerPtr early = dispatcher_->CreateTimer([&] {
    EXPECT_GE(dispatcher_->Now() - start, absl::Milliseconds(3));
    Note("early");
  });
  late->Enable(absl::Milliseconds(12));
  early->Enable(absl::Milliseconds(3));
  EXPECT_TRUE(late->enabled());
  dispatcher_->Run();
  EXPECT_THAT(notes_, ElementsAre("early", "late"));
  EXPECT_FALSE(late->enabled());
}

TEST_F(DispatcherTest, MovesATimerBothWays) {
  const MonotonicTime start = dispatcher_->Now();
  const TimerPtr later = dispatcher_->CreateTimer([&] {
    EXPECT_GE(dispatcher_->Now() - start, absl::Milliseconds(10));
    Note("later");
    dispatcher_->Exit();
  });
  const TimerPtr sooner = dispatcher_->CreateTimer([this] { Note("sooner"); });
  later->Enable(absl::Milliseconds(1));
  later->Enable(absl::Milliseconds(10));
  sooner->Enable(absl::Hours(100));
  sooner->Enable(absl::Milliseconds(2));
  dispatcher_->Run();
  EXPECT_THAT(notes_, ElementsAre("sooner", "later"));
}

TEST_F(DispatcherTest, DisabledAndDestroyedTimersDoNotFire) {
  const TimerPtr disabled = dispatcher_->CreateTimer([this] { Note("disabled"); });
  TimerPtr destroyed = dispatcher_->CreateTimer([this] { Note("destroyed"); });
  const TimerPtr end = dispatcher_->CreateTimer([this] { dispatcher_->Exit(); });
  disabled->Enable(absl::ZeroDuration());
  destroyed->Enable(absl::ZeroDuration());
  end->Enable(absl::Milliseconds(2));
  disabled->Disable();
  destroyed.reset();
  dispatcher_->Run();
  EXPECT_TRUE(notes_.empty());
}

TEST_F(DispatcherTest, TakesTimersOfAnyLength) {
  const TimerPtr forever = dispatcher_->CreateTimer([this] { Note("forever"); });
  const TimerPtr past = dispatcher_->CreateTimer([this] {
    Note("past");
    dispatcher_->Exit();
  });
  forever->Enable(absl::InfiniteDuration());
  past->Enable(-absl::InfiniteDuration());
  dispatcher_->Run();
  EXPECT_THAT(notes_, ElementsAre("past"));
}

TEST_F(DispatcherTest, ReportsEdgesOnce) {
  Fill(pair_[0]);
  const FileEventPtr event = dispatcher_->CreateFileEvent(pair_[0], [this](uint32_t events) {
    Note((events & FileEvent::kReadable) != 0 ? "readable" : "writable");
  });
  ASSERT_EQ(write(pair_[1], "x", 1), 1);
  Run(10);
  EXPECT_THAT(notes_, ElementsAre("readable"));  // Still readable, but told.
  ASSERT_EQ(write(pair_[1], "y", 1), 1);
  Run(10);
  EXPECT_THAT(notes_, ElementsAre("readable", "readable"));
}

TEST_F(DispatcherTest, ReportsWritableWhenThereIsRoomAgain) {
  Fill(pair_[0]);
  const FileEventPtr event = dispatcher_->CreateFileEvent(pair_[0], [this](uint32_t events) {
    if ((events & FileEvent::kWritable) != 0) Note("writable");
  });
  Run();
  EXPECT_TRUE(notes_.empty());
  std::vector<char> buffer(1 << 20);
  while (read(pair_[1], buffer.data(), buffer.size()) > 0) {
  }
  Run();
  EXPECT_FALSE(notes_.empty());
}

TEST_F(DispatcherTest, ActivatesInTheNextTurnAndOnce) {
  Fill(pair_[0]);
  FileEventPtr event = dispatcher_->CreateFileEvent(pair_[0], [&](uint32_t events) {
    EXPECT_EQ(events, FileEvent::kReadable | FileEvent::kWritable);
    Note("active");
    if (notes_.size() < 3) event->Activate(FileEvent::kReadable | FileEvent::kWritable);
  });
  event->Activate(FileEvent::kReadable);
  event->Activate(FileEvent::kWritable);
  EXPECT_TRUE(notes_.empty());
  Run(10);
  EXPECT_THAT(notes_, ElementsAre("active", "active", "active"));
  event->Activate(FileEvent::kReadable);
  event.reset();
  Run();
  EXPECT_EQ(notes_.size(), 3u);
}

TEST_F(DispatcherTest, ActivatingForEverLetsOthersRun) {
  Fill(pair_[0]);
  FileEventPtr greedy;
  greedy = dispatcher_->CreateFileEvent(pair_[0],
                                        [&](uint32_t) { greedy->Activate(FileEvent::kReadable); });
  greedy->Activate(FileEvent::kReadable);
  Run(10);
}

TEST_F(DispatcherTest, DeletesDeferredObjectsInOrderOutsideTheCaller) {
  dispatcher_->Post([this] {
    for (const char* name : {"a", "b"}) {
      dispatcher_->DeferDelete(std::make_unique<Noted>([this, name] { Note(name); }));
    }
    Note("still here");
  });
  Run();
  EXPECT_THAT(notes_, ElementsAre("still here", "a", "b"));
}

TEST_F(DispatcherTest, DestroysUnrunCallbacksAndDeferredObjects) {
  auto held = std::make_shared<int>(1);
  Dispatcher& dispatcher = *dispatcher_;
  dispatcher.Post([this, held] { Note("ran"); });
  // A destructor that hands over more work of its own.
  dispatcher.DeferDelete(std::make_unique<Noted>([this, &dispatcher, held] {
    dispatcher.Post([held] {});
    dispatcher.DeferDelete(std::make_unique<Noted>([this, held] { Note("inner"); }));
  }));
  dispatcher_.reset();
  EXPECT_THAT(notes_, ElementsAre("inner"));
  EXPECT_EQ(held.use_count(), 1);
}

TEST_F(DispatcherTest, DropsWhatIsPendingWhenToldTo) {
  auto held = std::make_shared<int>(1);
  dispatcher_->Post([this, held] { Note("ran"); });
  dispatcher_->DeferDelete(std::make_unique<Noted>([this, held] { Note("deleted"); }));
  dispatcher_->DropPending();
  EXPECT_EQ(held.use_count(), 1);
  Run();
  EXPECT_THAT(notes_, ElementsAre("deleted"));
}

TEST_F(DispatcherTest, ReportsTurnsThatTakeLong) {
  constexpr absl::Duration kLong = absl::Milliseconds(20);
  std::vector<absl::Duration> slow;
  dispatcher_->ReportSlowTurns(kLong, [&slow](absl::Duration took) { slow.push_back(took); });
  dispatcher_->Post([] { absl::SleepFor(kLong); });
  Run();
  ASSERT_FALSE(slow.empty());
  EXPECT_GE(slow[0], kLong);
}

// Whether the loop has slept is told by how long it polled, which a busy machine may prolong: what
// matters here is that it can be told.
TEST_F(DispatcherTest, WhatBecomesReadyDuringATurnIsReadySinceThen) {
  bool told = false;
  for (int tries = 0; tries < 100 && !told; ++tries) {
    MonotonicTime began;
    dispatcher_->Post([&] {
      began = dispatcher_->Now();
      absl::SleepFor(absl::Milliseconds(1));
      dispatcher_->Post([&] { told = dispatcher_->ReadySince() <= began; });
    });
    Run();
  }
  EXPECT_TRUE(told);
}

TEST_F(DispatcherTest, WhatTheLoopWakesForIsReadySinceThen) {
  const MonotonicTime start = dispatcher_->Now();
  MonotonicTime ready_since;
  const TimerPtr timer = dispatcher_->CreateTimer([&] {
    ready_since = dispatcher_->ReadySince();
    dispatcher_->Exit();
  });
  timer->Enable(absl::Milliseconds(5));
  dispatcher_->Run();
  EXPECT_GE(ready_since - start, absl::Milliseconds(5));
  EXPECT_LE(ready_since, dispatcher_->Now());
}

TEST_F(DispatcherTest, HearsSignals) {
  const SignalEventPtr event = dispatcher_->ListenForSignal(SIGUSR1, [this] {
    Note("signal");
    dispatcher_->Exit();
  });
  dispatcher_->Post([] { raise(SIGUSR1); });
  dispatcher_->Run();
  EXPECT_THAT(notes_, ElementsAre("signal"));
}

TEST_F(DispatcherTest, BrokenPipeDoesNotKill) {
  close(pair_[1]);
  EXPECT_EQ(write(pair_[0], "x", 1), -1);
  pair_[1] = dup(pair_[0]);
}

}  // namespace
}  // namespace weir
