// SPDX-License-Identifier: Apache-2.0
//
// A loop that does something else for a while: that is Weir's own doing, and is told as such. No
// promise of the API server's, but here it can be seen at a real one; at that only, since it is
// about times. What it rests on is tested without them in tests/record and tests/cache.
#include <map>

#include "tests/conformance/contract.h"

namespace weir {
namespace {

class StallContractTest : public WatchContractTest {
 protected:
  static constexpr int kWrites = 20;
  using Stages = std::map<Stage, StageRow::Summary>;

  // Of writes through a Weir that takes so long over each event, one after the other.
  Stages Measure(absl::Duration delay) {
    weir_ = std::make_unique<WeirUnderTest>(WeirOptions{
        .workers = GetParam().workers,
        .token = server_.target().token,
        .filter_delay = delay,
        .target = server_.target(),
    });
    client_ = NewClient();
    const auto watch = Watch(kStreamList, "default");
    watch->UntilInitialEnd();
    for (int i = 0; i < kWrites; ++i) Write(StrCat(delay / absl::Milliseconds(1), "-", i), *watch);
    EXPECT_TRUE(WaitFor([this] {
      const auto count = static_cast<int>(Read()[Stage::kWriteToWatch].count);
      EXPECT_LE(count, kWrites);
      return count >= kWrites;
    })) << "not every write was seen to come back";
    return Read();
  }

  void Write(std::string_view value, TestWatch& watch) {
    const TestResponse response = client_->Send("PATCH", StrCat(Path("default"), "/a"),
                                                StrCat(R"({"data":{"v":")", value, "\"}}"),
                                                {{"Content-Type", "application/merge-patch+json"}});
    ASSERT_EQ(response.status, 200) << response.body;
    const std::vector<TestEvent> events = watch.UntilVersion(VersionOf(response));
    ASSERT_FALSE(events.empty());
    EXPECT_EQ(events.back().version, VersionOf(response));
  }

  Stages Read() {
    Stages stages;
    for (const StageRow& row : weir_->Stages()) {
      if (row.resource.empty() || row.resource == "configmaps") stages[row.stage] = row.all;
    }
    return stages;
  }
};

absl::Duration Moved(const StageRow::Summary& a, const StageRow::Summary& b) {
  return absl::AbsDuration(a.p50 - b.p50);
}

TEST_P(StallContractTest, TimeLostInALoopIsIngestAndAStallAndNotWriteToWatch) {
  constexpr absl::Duration kStall = absl::Milliseconds(50);
  constexpr absl::Duration kMoves = absl::Milliseconds(5);
  constexpr double kExact = 0.99;  // A sketch is exact to one part in 128.
  Create("default", "a");
  Stages calm = Measure(absl::ZeroDuration());
  Stages stalled = Measure(kStall);
  EXPECT_LT(calm[Stage::kIngest].p50, kMoves);
  EXPECT_GE(stalled[Stage::kIngest].p50, kStall * kExact);
  EXPECT_GE(stalled[Stage::kLoopStall].max, kStall * kExact);
  EXPECT_GE(stalled[Stage::kLoopStall].count, static_cast<uint64_t>(kWrites));
  EXPECT_LT(Moved(stalled[Stage::kWriteToWatch], calm[Stage::kWriteToWatch]), kMoves)
      << "from " << calm[Stage::kWriteToWatch].p50 << " to " << stalled[Stage::kWriteToWatch].p50;
  EXPECT_EQ(stalled[Stage::kDispatch].count, calm[Stage::kDispatch].count);
  EXPECT_LT(Moved(stalled[Stage::kDispatch], calm[Stage::kDispatch]), kMoves);
  for (const Stage stage : {Stage::kBacklog, Stage::kEventToAction, Stage::kWriteToWatchOthers}) {
    EXPECT_EQ(stalled[stage].count, 0U) << StageName(stage);
  }
}

std::vector<ContractParam> Workers() {
  if (ContractServer::RealKubeconfig().empty()) return {};
  return {{.name = "OneWorker", .workers = 1, .real = true},
          {.name = "ThreeWorkers", .workers = 3, .real = true}};
}

std::string NameOf(const testing::TestParamInfo<ContractParam>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Real, StallContractTest, testing::ValuesIn(Workers()), NameOf);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(StallContractTest);

}  // namespace
}  // namespace weir
