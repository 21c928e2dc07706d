// SPDX-License-Identifier: Apache-2.0
#include "proxy/record/lag_history.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir {
namespace {

struct Source {
  Stage stage;
  std::string_view metric;
  std::string_view writer;  // Of that value of the label `writer` only, if set.
};
constexpr Source kSources[] = {
    {Stage::kWriteToWatch, "weir_record_write_to_watch_seconds", "weir"},
    {Stage::kWriteToWatchOthers, "weir_record_write_to_watch_seconds", "others"},
    {Stage::kIngest, "weir_cache_ingest_seconds", ""},
    {Stage::kDispatch, "weir_downstream_dispatch_seconds", ""},
    {Stage::kBacklog, "weir_downstream_backlog_seconds", ""},
    {Stage::kEventToAction, "weir_record_event_to_action_seconds", ""},
    {Stage::kLoopStall, "weir_event_loop_stall_seconds", ""},
};

std::string_view LabelOf(const StatsLabels& labels, std::string_view name) {
  for (const auto& [key, value] : labels) {
    if (key == name) return value;
  }
  return {};
}

StageRow::Summary Summarize(const LatencyCounts& counts) {
  return {.count = counts.count(),
          .p50 = counts.Quantile(0.5),
          .p90 = counts.Quantile(0.9),
          .p99 = counts.Quantile(0.99),
          .max = counts.Max()};
}

float Seconds(absl::Duration d) { return static_cast<float>(absl::ToDoubleSeconds(d)); }

}  // namespace

std::string_view StageName(Stage stage) {
  switch (stage) {
    case Stage::kWriteToWatch:
      return "writeToWatch";
    case Stage::kWriteToWatchOthers:
      return "writeToWatchOthers";
    case Stage::kIngest:
      return "ingest";
    case Stage::kDispatch:
      return "dispatch";
    case Stage::kBacklog:
      return "backlog";
    case Stage::kEventToAction:
      return "eventToAction";
    case Stage::kLoopStall:
      return "loopStall";
  }
  return "";
}

LagHistory::LagHistory(Dispatcher& dispatcher, const StatsRegistry& registry,
                       std::function<void(const Slowest&)> on_glance)
    : registry_(registry),
      on_glance_(std::move(on_glance)),
      timer_(dispatcher.CreateTimer([this] {
        timer_->Enable(kInterval);
        Tick();
      })),
      glance_timer_(dispatcher.CreateTimer([this] {
        glance_timer_->Enable(kGlance);
        Glance();
      })) {
  timer_->Enable(kInterval);
  if (on_glance_) glance_timer_->Enable(kGlance);
}

// Of one resource there may be several series: of each representation, of each loop.
std::map<LagHistory::Key, LatencyCounts> LagHistory::Read() const {
  std::map<Key, LatencyCounts> all;
  for (const Source& source : kSources) {
    for (const auto& [labels, counts] : registry_.Latencies(source.metric)) {
      if (!source.writer.empty() && LabelOf(labels, "writer") != source.writer) continue;
      if (counts.count() == 0) continue;
      all[{std::string(LabelOf(labels, "resource")), source.stage}].Add(counts);
    }
  }
  return all;
}

void LagHistory::Tick() {
  for (auto& [key, counts] : Read()) {
    const auto [at, added] = tracks_.try_emplace(key);
    Track& track = at->second;
    if (added) track.points.resize(ticks_);
    Note(track, counts.Since(track.seen));
    track.seen = std::move(counts);
  }
  if (ticks_ < kPoints) ++ticks_;
}

void LagHistory::Note(Track& track, const LatencyCounts& since) {
  const uint64_t count = since.count();
  track.idle = count > 0 ? 0 : track.idle + 1;
  if (track.idle >= kPoints) {  // What was seen must be kept, and nothing else.
    track.points.clear();
    track.recent.clear();
    return;
  }
  // Comes back after a pause.
  track.points.push_back({.count = static_cast<uint32_t>(std::min<uint64_t>(count, UINT32_MAX)),
                          .p50 = Seconds(since.Quantile(0.5)),
                          .p99 = Seconds(since.Quantile(0.99))});
  if (track.points.size() > kPoints) track.points.pop_front();
  track.recent.push_back(since);
  if (track.recent.size() > kRecent) track.recent.pop_front();
}

void LagHistory::Glance() {
  std::map<std::string, LatencyCounts> all;
  for (const auto& [labels, counts] : registry_.Latencies("weir_downstream_dispatch_seconds")) {
    all[std::string(LabelOf(labels, "resource"))].Add(counts);
  }
  Slowest slowest{.resource = "", .p99 = absl::ZeroDuration()};
  for (const auto& [resource, counts] : all) {
    const LatencyCounts since = counts.Since(glanced_[resource]);
    if (since.count() == 0) continue;
    const absl::Duration p99 = since.Quantile(0.99);
    if (p99 > slowest.p99) slowest = {resource, p99};
  }
  glanced_ = std::move(all);
  if (slowest.p99 > absl::ZeroDuration()) on_glance_(slowest);
}

std::vector<StageRow> LagHistory::Stages() const {
  std::vector<StageRow> rows;
  for (const auto& [key, counts] : Read()) {
    StageRow row{
        .resource = key.first, .stage = key.second, .all = Summarize(counts), .recent = {}};
    LatencyCounts recent = counts;
    if (const auto at = tracks_.find(key); at != tracks_.end()) {
      recent = counts.Since(at->second.seen);  // Since the last tick, and the ticks before.
      for (const LatencyCounts& since : at->second.recent) recent.Add(since);
    }
    row.recent = Summarize(recent);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::vector<StageSeries> LagHistory::Series() const {
  std::vector<StageSeries> all;
  for (const auto& [key, track] : tracks_) {
    if (track.points.empty()) continue;
    StageSeries series{.resource = key.first, .stage = key.second, .points = {}};
    series.points.resize(ticks_ - std::min(ticks_, track.points.size()));
    series.points.insert(series.points.end(), track.points.begin(), track.points.end());
    all.push_back(std::move(series));
  }
  return all;
}

}  // namespace weir
