// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/lag_history.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "tests/support/manual_dispatcher.h"

namespace weir {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class LagHistoryTest : public testing::Test {
 protected:
  HistogramHandle Dispatch(const std::string& resource) {
    return registry_.AddHistogram("weir_downstream_dispatch_seconds", "D.",
                                  {{"resource", resource}});
  }
  void Pass(int intervals) { dispatcher_.Advance(intervals * LagHistory::kInterval); }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  std::vector<LagHistory::Slowest> glances_;
  LagHistory history_{dispatcher_, registry_,
                      [this](const LagHistory::Slowest& s) { glances_.push_back(s); }};
};

void ExpectNear(absl::Duration got, absl::Duration want) {
  EXPECT_LE(absl::AbsDuration(got - want), want / 100) << got << " and not " << want;
}

TEST_F(LagHistoryTest, SaysHowLongAStageTook) {
  const HistogramHandle pods = Dispatch("pods");
  const HistogramHandle unused = Dispatch("nodes");
  for (int i = 1; i <= 100; ++i) pods->Observe(absl::Milliseconds(i));
  const std::vector<StageRow> rows = history_.Stages();
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(rows[0].resource, "pods");
  EXPECT_EQ(StageName(rows[0].stage), "dispatch");
  EXPECT_EQ(rows[0].all.count, 100u);
  ExpectNear(rows[0].all.p50, absl::Milliseconds(50));
  ExpectNear(rows[0].all.p90, absl::Milliseconds(90));
  ExpectNear(rows[0].all.p99, absl::Milliseconds(99));
  ExpectNear(rows[0].all.max, absl::Milliseconds(100));
  EXPECT_EQ(rows[0].recent.count, 100u);
}

TEST_F(LagHistoryTest, RecentIsTheLastMinute) {
  const HistogramHandle pods = Dispatch("pods");
  pods->Observe(absl::Seconds(15));
  Pass(1);
  pods->Observe(absl::Milliseconds(1));
  EXPECT_EQ(history_.Stages()[0].recent.count, 2u);
  Pass(LagHistory::kRecent);
  const StageRow row = history_.Stages()[0];
  EXPECT_EQ(row.all.count, 2u);
  ExpectNear(row.all.max, absl::Seconds(15));
  EXPECT_EQ(row.recent.count, 1u);
  ExpectNear(row.recent.max, absl::Milliseconds(1));
}

TEST_F(LagHistoryTest, KeepsEachInterval) {
  const HistogramHandle pods = Dispatch("pods");
  Pass(2);
  EXPECT_THAT(history_.Series(), IsEmpty());
  pods->Observe(absl::Milliseconds(4), 3);
  Pass(1);
  Pass(1);
  const std::vector<StageSeries> all = history_.Series();
  ASSERT_THAT(all, SizeIs(1));
  ASSERT_THAT(all[0].points, SizeIs(4)) << "as many as of any other series";
  EXPECT_EQ(all[0].points[1].count, 0u);
  EXPECT_EQ(all[0].points[2].count, 3u);
  EXPECT_NEAR(all[0].points[2].p50, 0.004, 0.00004);
  EXPECT_EQ(all[0].points[3].count, 0u);
}

TEST_F(LagHistoryTest, SaysSoonWhichResourceIsSlow) {
  const HistogramHandle pods = Dispatch("pods");
  const HistogramHandle nodes = Dispatch("nodes");
  const HistogramHandle other_worker = Dispatch("nodes");
  dispatcher_.Advance(absl::Seconds(3));
  EXPECT_THAT(glances_, IsEmpty());
  pods->Observe(absl::Milliseconds(1), 300);
  nodes->Observe(absl::Milliseconds(1), 300);
  other_worker->Observe(absl::Milliseconds(80), 10);
  dispatcher_.Advance(LagHistory::kGlance);
  ASSERT_THAT(glances_, SizeIs(1));
  EXPECT_EQ(glances_[0].resource, "nodes");
  ExpectNear(glances_[0].p99, absl::Milliseconds(80));
  // What came before says nothing any more, nor does it make what is slow now look quicker.
  pods->Observe(absl::Milliseconds(200));
  dispatcher_.Advance(LagHistory::kGlance);
  ASSERT_THAT(glances_, SizeIs(2));
  EXPECT_EQ(glances_[1].resource, "pods");
  ExpectNear(glances_[1].p99, absl::Milliseconds(200));
  Pass(1);
  EXPECT_THAT(glances_, SizeIs(2));
}

TEST_F(LagHistoryTest, ForgetsWhatIsOld) {
  const HistogramHandle pods = Dispatch("pods");
  pods->Observe(absl::Seconds(1));
  Pass(1);
  Pass(LagHistory::kPoints - 1);
  ASSERT_THAT(history_.Series(), SizeIs(1));
  EXPECT_THAT(history_.Series()[0].points, SizeIs(LagHistory::kPoints));
  EXPECT_EQ(history_.Series()[0].points[0].count, 1u);
  Pass(1);
  EXPECT_THAT(history_.Series(), IsEmpty());
  // Comes back, at the end of a series as long as all.
  pods->Observe(absl::Seconds(1));
  Pass(1);
  ASSERT_THAT(history_.Series(), SizeIs(1));
  ASSERT_THAT(history_.Series()[0].points, SizeIs(LagHistory::kPoints));
  EXPECT_EQ(history_.Series()[0].points.back().count, 1u);
  EXPECT_EQ(history_.Stages()[0].all.count, 2u);
  EXPECT_EQ(history_.Stages()[0].recent.count, 1u);
}

TEST_F(LagHistoryTest, AddsUpTheSeriesOfAResourceAndTellsWritersApart) {
  const HistogramHandle json = registry_.AddHistogram(
      "weir_cache_ingest_seconds", "I.", {{"resource", "pods"}, {"representation", "json"}});
  const HistogramHandle protobuf = registry_.AddHistogram(
      "weir_cache_ingest_seconds", "I.", {{"resource", "pods"}, {"representation", "protobuf"}});
  const HistogramHandle weir = registry_.AddHistogram("weir_record_write_to_watch_seconds", "W.",
                                                      {{"resource", "pods"}, {"writer", "weir"}});
  const HistogramHandle others = registry_.AddHistogram(
      "weir_record_write_to_watch_seconds", "W.", {{"resource", "pods"}, {"writer", "others"}});
  json->Observe(absl::Seconds(1));
  protobuf->Observe(absl::Seconds(1));
  weir->Observe(absl::Seconds(2));
  others->Observe(absl::Seconds(3));
  const std::vector<StageRow> rows = history_.Stages();
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(rows[0].stage, Stage::kWriteToWatch);
  ExpectNear(rows[0].all.max, absl::Seconds(2));
  EXPECT_EQ(rows[1].stage, Stage::kWriteToWatchOthers);
  ExpectNear(rows[1].all.max, absl::Seconds(3));
  EXPECT_EQ(rows[2].stage, Stage::kIngest);
  EXPECT_EQ(rows[2].all.count, 2u);
}

}  // namespace
}  // namespace weir
