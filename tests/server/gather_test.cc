// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/gather.h"

#include <string>
#include <vector>

#include "tests/support/manual_dispatcher.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::UnorderedElementsAre;

class GatherRowsTest : public testing::Test {
 protected:
  using Readers = std::vector<std::pair<Dispatcher*, std::function<std::vector<int>()>>>;
  Readers TwoReaders() {
    return {{&first_,
             [] {
               return std::vector<int>{1, 2};
             }},
            {&second_, [] { return std::vector<int>{3}; }}};
  }
  RequestHandle Gather(Readers readers) {
    return GatherRows<int>(home_, std::move(readers),
                           [this](absl::StatusOr<std::vector<int>> rows) {
                             ++done_;
                             status_ = rows.status();
                             if (rows.ok()) rows_ = *std::move(rows);
                           });
  }

  ManualDispatcher home_, first_, second_;
  int done_ = 0;
  absl::Status status_;
  std::vector<int> rows_;
};

TEST_F(GatherRowsTest, CollectsTheRowsOfEveryWorker) {
  const RequestHandle handle = Gather(TwoReaders());
  first_.RunReady();
  home_.RunReady();
  EXPECT_EQ(done_, 0) << "one is missing";
  second_.RunReady();
  EXPECT_EQ(done_, 0) << "not on a worker's thread";
  home_.RunReady();
  EXPECT_EQ(done_, 1);
  EXPECT_THAT(rows_, UnorderedElementsAre(1, 2, 3));
}

TEST_F(GatherRowsTest, DestroyedHandleCancels) {
  RequestHandle handle = Gather(TwoReaders());
  first_.RunReady();
  handle.reset();
  second_.RunReady();
  home_.RunReady();
  EXPECT_EQ(done_, 0);
}

TEST_F(GatherRowsTest, HandleMayBeDestroyedInTheCallback) {
  RequestHandle handle;
  handle = GatherRows<int>(home_, TwoReaders(), [&](const absl::StatusOr<std::vector<int>>&) {
    ++done_;
    handle.reset();
  });
  first_.RunReady();
  second_.RunReady();
  home_.RunReady();
  EXPECT_EQ(done_, 1);
}

TEST_F(GatherRowsTest, WorkerMayBeTheHomeItself) {
  const RequestHandle handle = Gather({{&home_, [] { return std::vector<int>{7}; }}});
  EXPECT_EQ(done_, 0) << "never before the call has returned";
  home_.RunReady();
  EXPECT_THAT(rows_, ElementsAre(7));
}

TEST_F(GatherRowsTest, NamesTheWorkersThatDoNotAnswer) {
  const RequestHandle handle = Gather(TwoReaders());
  first_.RunReady();
  home_.Advance(kGatherWithin - absl::Milliseconds(1));
  EXPECT_EQ(done_, 0);
  home_.Advance(absl::Milliseconds(1));
  EXPECT_EQ(done_, 1);
  EXPECT_TRUE(IsTimeout(status_));
  EXPECT_THAT(status_.message(), testing::HasSubstr("from worker 1: "));
  second_.RunReady();
  home_.RunReady();
  EXPECT_EQ(done_, 1) << "too late";
}

TEST_F(GatherRowsTest, HandleMayBeDestroyedWhenItIsTooLate) {
  RequestHandle handle;
  handle = GatherRows<int>(home_, TwoReaders(), [&](const absl::StatusOr<std::vector<int>>&) {
    ++done_;
    handle.reset();
  });
  home_.Advance(2 * kGatherWithin);
  EXPECT_EQ(done_, 1);
  first_.RunReady();
  second_.RunReady();
  home_.RunReady();
  EXPECT_EQ(done_, 1);
}

}  // namespace
}  // namespace weir
