// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/stats.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <sstream>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::Not;

// What the registry counts itself: "weir_base_..." is after "weir_a" and "weir_b_".
std::string Own() { return StatsRegistry().RenderPrometheus(); }
std::string OwnOpenMetrics() {
  const std::string text = StatsRegistry().RenderOpenMetrics();
  return text.substr(0, text.find("# EOF\n"));
}

// Each sample's name and labels, and what is no sample.
struct Scrape {
  explicit Scrape(const std::string& text) {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with("#")) continue;
      const size_t space = line.rfind(' ');
      const char* const end = line.data() + line.size();
      double value = 0;
      const bool sample =
          space != line.npos && std::from_chars(line.data() + space + 1, end, value).ptr == end;
      (sample ? samples : bad).push_back(line.substr(0, space));
    }
  }
  std::vector<std::string> samples, bad;
};

class StatsTest : public testing::Test {
 protected:
  StatsRegistry registry_;
};

TEST_F(StatsTest, TheNewestExemplarOfEachBucketIsOpenMetricsOnly) {
  const auto one = registry_.AddHistogram("weir_act_seconds", "How long.");
  const auto other = registry_.AddHistogram("weir_act_seconds", "How long.");
  one->Observe(absl::Milliseconds(300), "older-id", absl::FromUnixSeconds(100));
  other->Observe(absl::Milliseconds(400), "5fe3c8cf-1d9c", absl::FromUnixSeconds(200));
  one->Observe(absl::Seconds(2), "bad\"} 1\nid", absl::FromUnixSeconds(300));
  one->Observe(absl::Seconds(2), std::string(65, 'x'), absl::FromUnixSeconds(300));
  const std::string text = registry_.RenderOpenMetrics();
  EXPECT_THAT(text,
              HasSubstr("weir_act_seconds_bucket{le=\"0.5\"} 2 # {audit_id=\"5fe3c8cf-1d9c\"} "
                        "0.4 200.000\n"));
  EXPECT_THAT(text, HasSubstr("weir_act_seconds_bucket{le=\"2.5\"} 4\n")) << "counted all the same";
  EXPECT_THAT(text, Not(HasSubstr("older-id")));
  EXPECT_THAT(registry_.RenderPrometheus(), Not(HasSubstr("audit_id")));
}

TEST_F(StatsTest, RendersFamiliesInOrderOfName) {
  const CounterHandle b = registry_.AddCounter("weir_b_total", "Second.", {{"resource", "pods"}});
  const GaugeHandle a = registry_.AddGauge("weir_a_bytes", "First.");
  b->Add(3);
  a->Set(-7);
  EXPECT_EQ(registry_.RenderPrometheus(),
            "# HELP weir_a_bytes First.\n# TYPE weir_a_bytes gauge\nweir_a_bytes -7\n"
            "# HELP weir_b_total Second.\n# TYPE weir_b_total counter\n"
            "weir_b_total{resource=\"pods\"} 3\n" +
                Own());
}

TEST_F(StatsTest, HandlesOfOneSeriesAddUp) {
  const CounterHandle one = registry_.AddCounter("weir_x_total", "X.", {{"a", "1"}, {"b", "2"}});
  const CounterHandle two = registry_.AddCounter("weir_x_total", "Y.", {{"b", "2"}, {"a", "1"}});
  one->Add(2);
  two->Add(5);
  EXPECT_THAT(registry_.RenderPrometheus(), HasSubstr("weir_x_total{a=\"1\",b=\"2\"} 7\n"));
  EXPECT_THAT(registry_.RenderPrometheus(), HasSubstr("HELP weir_x_total X."));
}

TEST_F(StatsTest, CountersKeepWhatDestroyedHandlesCounted) {
  CounterHandle gone = registry_.AddCounter("weir_x_total", "X.");
  gone->Add(4);
  gone.reset();
  EXPECT_EQ(registry_.Sum("weir_x_total"), 4);
  const CounterHandle next = registry_.AddCounter("weir_x_total", "X.");
  next->Add();
  EXPECT_EQ(registry_.Sum("weir_x_total"), 5);
}

TEST_F(StatsTest, GaugesGoWithTheirHandles) {
  GaugeHandle one = registry_.AddGauge("weir_streams", "S.");
  GaugeHandle two = registry_.AddGauge("weir_streams", "S.");
  one->Set(3);
  two->Add(4);
  one.reset();
  EXPECT_EQ(registry_.Sum("weir_streams"), 4);
  two.reset();
  EXPECT_EQ(registry_.RenderPrometheus(), Own());
}

TEST_F(StatsTest, HistogramsCountUpToEachBound) {
  const HistogramHandle histogram = registry_.AddHistogram("weir_lag_seconds", "L.", {{"k", "v"}});
  histogram->Observe(absl::Microseconds(100));
  histogram->Observe(absl::Milliseconds(3));
  histogram->Observe(absl::InfiniteDuration());
  histogram->Observe(absl::Seconds(-1));
  const std::string text = registry_.RenderPrometheus();
  EXPECT_THAT(text, HasSubstr("# TYPE weir_lag_seconds histogram\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{k=\"v\",le=\"0.0001\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{k=\"v\",le=\"0.0025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{k=\"v\",le=\"0.005\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{k=\"v\",le=\"60\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{k=\"v\",le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_count{k=\"v\"} 4\n"));
  EXPECT_EQ(registry_.Sum("weir_lag_seconds"), 4);
  EXPECT_EQ(histogram->count(), 4u);
}

TEST_F(StatsTest, OpenMetricsNamesFamiliesUnitsAndTheEnd) {
  const CounterHandle bytes =
      registry_.AddCounter("weir_a_bytes_total", "A \"b\".", {{"k", "a\"b\\c\nd"}});
  const GaugeHandle gauge = registry_.AddGauge("weir_b_bytes", "B.");
  const CounterHandle odd = registry_.AddCounter("weir_c", "C.");
  bytes->Add(3);
  EXPECT_EQ(registry_.RenderOpenMetrics(),
            "# TYPE weir_a_bytes counter\n# UNIT weir_a_bytes bytes\n"
            "# HELP weir_a_bytes A \\\"b\\\".\n"
            "weir_a_bytes_total{k=\"a\\\"b\\\\c\\nd\"} 3\n"
            "# TYPE weir_b_bytes gauge\n# UNIT weir_b_bytes bytes\n# HELP weir_b_bytes B.\n"
            "weir_b_bytes 0\n" +
                OwnOpenMetrics() +
                "# TYPE weir_c unknown\n# HELP weir_c C.\nweir_c 0\n"
                "# EOF\n");
}

TEST_F(StatsTest, OpenMetricsSpellsBoundsInOneWay) {
  const HistogramHandle histogram = registry_.AddHistogram("weir_lag_seconds", "L.");
  histogram->Observe(absl::Seconds(1));
  const std::string text = registry_.RenderOpenMetrics();
  EXPECT_THAT(text,
              HasSubstr("# TYPE weir_lag_seconds histogram\n# UNIT weir_lag_seconds seconds"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{le=\"0.0001\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{le=\"1.0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{le=\"60.0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("weir_lag_seconds_bucket{le=\"+Inf\"} 1\n"));
  EXPECT_TRUE(StatsRegistry().RenderOpenMetrics().ends_with("\n# EOF\n"));
}

TEST_F(StatsTest, AFamilyHasOnlySoManySeries) {
  const CounterHandle first = registry_.AddCounter("weir_x_total", "X.", {{"resource", "r0"}});
  for (size_t i = 0; i < 3 * StatsRegistry::kMaxSeries; ++i) {
    // Gone at once, but what it has counted stays.
    registry_.AddCounter("weir_x_total", "X.", {{"resource", StrCat("r", i)}, {"verb", "get"}})
        ->Add();
  }
  first->Add();
  registry_.AddCounter("weir_x_total", "X.", {{"resource", "r0"}})->Add();
  const std::string text = registry_.RenderPrometheus();
  EXPECT_LE(Scrape(text).samples.size(), StatsRegistry::kMaxSeries + 3);
  EXPECT_THAT(text, HasSubstr("weir_x_total{resource=\"r0\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("weir_x_total{resource=\"other\",verb=\"get\"} 2001\n"));
  EXPECT_EQ(registry_.Sum("weir_x_total"), 3 * StatsRegistry::kMaxSeries + 2);
}

TEST_F(StatsTest, AScrapeHasOnlySoManySamples) {
  constexpr size_t kFamilies = 60, kNames = 1200;
  std::vector<GaugeHandle> gauges;
  for (size_t i = 0; i < kNames; ++i) {
    for (size_t f = 0; f < kFamilies; ++f) {
      const StatsLabels labels = {{"resource", StrCat("r", i)}};
      registry_.AddCounter(StrCat("weir_x", f, "_total"), "X.", labels)->Add();
      if (i % 3 != 0) continue;
      registry_.AddHistogram(StrCat("weir_x", f, "_seconds"), "X.", labels)
          ->Observe(absl::Seconds(1));
      gauges.push_back(registry_.AddGauge(StrCat("weir_x", f, "_bytes"), "X.", labels));
      gauges.back()->Set(1);
    }
  }
  // 50,000 is the sampleLimit of deploy/monitoring/podmonitor.yaml.
  const Scrape scrape(registry_.RenderPrometheus());
  EXPECT_LE(scrape.samples.size(), 40'000 + kFamilies * (1 + 21 + 1));
  EXPECT_GT(scrape.samples.size(), 39'000u) << "what there is room for is told apart";
  EXPECT_TRUE(scrape.bad.empty()) << scrape.bad.front();
  const std::set<std::string> different(scrape.samples.begin(), scrape.samples.end());
  EXPECT_EQ(different.size(), scrape.samples.size());

  // Nothing is lost: each family has what was counted, some of it under another name.
  double refused = 0;
  for (size_t f = 0; f < kFamilies; ++f) {
    EXPECT_EQ(registry_.Sum(StrCat("weir_x", f, "_total")), kNames);
    EXPECT_EQ(registry_.Sum(StrCat("weir_x", f, "_seconds")), kNames / 3);
    EXPECT_EQ(registry_.Sum(StrCat("weir_x", f, "_bytes")), kNames / 3);
    for (const char* unit : {"_total", "_seconds", "_bytes"}) {
      refused += registry_.Sum(StrCat("weir_x", f, unit), {{"resource", "other"}});
    }
  }
  EXPECT_GT(refused, 0);
  EXPECT_EQ(registry_.Sum("weir_base_refused_series_total"), refused);

  // Gauges go with what they measure, and make room.
  gauges.clear();
  const auto again = registry_.AddGauge("weir_y_bytes", "Y.", {{"resource", "late"}});
  EXPECT_THAT(registry_.RenderPrometheus(), HasSubstr("weir_y_bytes{resource=\"late\"} 0\n"));
}

TEST_F(StatsTest, TellsLatenciesBySeriesWithThoseOfGoneHandles) {
  HistogramHandle gone = registry_.AddHistogram("weir_lag_seconds", "L.", {{"k", "v"}});
  const HistogramHandle other = registry_.AddHistogram("weir_lag_seconds", "L.", {{"k", "w"}});
  gone->Observe(absl::Milliseconds(3), 2);
  gone.reset();
  const HistogramHandle next = registry_.AddHistogram("weir_lag_seconds", "L.", {{"k", "v"}});
  next->Observe(absl::Milliseconds(3));
  const auto latencies = registry_.Latencies("weir_lag_seconds");
  ASSERT_EQ(latencies.size(), 2u);
  EXPECT_EQ(latencies[0].first, (StatsLabels{{"k", "v"}}));
  EXPECT_EQ(latencies[0].second.count(), 3u);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(latencies[0].second.Quantile(0.5)), 3, 0.03);
  EXPECT_EQ(latencies[1].second.count(), 0u);
  EXPECT_TRUE(registry_.Latencies("weir_other_seconds").empty());
  EXPECT_THAT(registry_.RenderPrometheus(), HasSubstr("weir_lag_seconds_count{k=\"v\"} 3\n"));
}

TEST_F(StatsTest, EscapesLabelsAndHelp) {
  const CounterHandle counter =
      registry_.AddCounter("weir_x_total", "a\\b\nc \"d\"", {{"path", "a\"b\\c\nd"}});
  EXPECT_THAT(registry_.RenderPrometheus(), HasSubstr("# HELP weir_x_total a\\\\b\\nc \"d\"\n"));
  EXPECT_THAT(registry_.RenderPrometheus(), HasSubstr(R"({path="a\"b\\c\nd"} 0)"));
}

TEST_F(StatsTest, SumsWhatMatchesTheLabels) {
  const CounterHandle a = registry_.AddCounter("weir_x_total", "X.", {{"r", "a"}, {"s", "1"}});
  const CounterHandle b = registry_.AddCounter("weir_x_total", "X.", {{"r", "b"}, {"s", "1"}});
  a->Add(1);
  b->Add(2);
  EXPECT_EQ(registry_.Sum("weir_x_total", {{"s", "1"}}), 3);
  EXPECT_EQ(registry_.Sum("weir_x_total", {{"r", "b"}}), 2);
  EXPECT_EQ(registry_.Sum("weir_x_total", {{"r", "c"}}), 0);
  EXPECT_EQ(registry_.Sum("weir_y_total"), 0);
}

TEST_F(StatsTest, MayBeReadWhileAnotherThreadCounts) {
  std::thread writer([this] {
    for (int i = 0; i < 100; ++i) {
      const CounterHandle counter = registry_.AddCounter("weir_x_total", "X.");
      for (int n = 0; n < 100; ++n) counter->Add();
    }
  });
  double last = 0;
  for (int i = 0; i < 100; ++i) {
    const double now = registry_.Sum("weir_x_total");
    EXPECT_GE(now, last);
    last = now;
  }
  writer.join();
  EXPECT_EQ(registry_.Sum("weir_x_total"), 10000);
}

}  // namespace
}  // namespace weir
