// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "proxy/base/stats.h"
#include "proxy/event/dispatcher.h"

namespace weir {

// Where the time of an event goes. In the order of its way.
enum class Stage {
  kWriteToWatch,        // A write through Weir was answered -> its event came to Weir.
  kWriteToWatchOthers,  // The same by the times in managedFields, which are whole seconds.
  kIngest,              // Its bytes can have been ready -> published.
  kDispatch,            // Published -> handed to the connection.
  kBacklog,             // The same for a client that had not taken what came before.
  kEventToAction,       // Delivered -> the operator's next write of the object, or of a child.
  kLoopStall,           // Turns of a loop in which nothing else was done. Of no resource.
};
std::string_view StageName(Stage stage);  // "writeToWatch", ...

// How long a stage took: since the start, and in the last minute.
struct StageRow {
  struct Summary {
    uint64_t count = 0;
    absl::Duration p50, p90, p99, max;
  };
  std::string resource;
  Stage stage;
  Summary all, recent;
};

// One stage of one resource in each interval, oldest first. Durations in seconds.
struct StageSeries {
  struct Point {
    uint32_t count = 0;
    float p50 = 0, p99 = 0;
  };
  std::string resource;
  Stage stage;
  std::vector<Point> points;
};

// Reads the stages' histograms every few seconds and keeps what they were in the last 15 minutes.
// A series in which nothing has happened for that long takes little memory. One thread: that of the
// dispatcher. REQUIRES: both outlive it.
class LagHistory {
 public:
  static constexpr absl::Duration kInterval = absl::Seconds(5);
  static constexpr size_t kPoints = 180;
  static constexpr size_t kRecent = 12;  // Intervals of the last minute.

  // Of all resources the one whose events' dispatch had the highest 99th percentile.
  struct Slowest {
    std::string resource;
    absl::Duration p99;
  };
  // How soon a slow moment is known: far sooner than an interval is over, and while it may last.
  static constexpr absl::Duration kGlance = absl::Milliseconds(500);

  // `on_glance` is told of the events dispatched since the last glance, if there were any.
  LagHistory(Dispatcher& dispatcher, const StatsRegistry& registry,
             std::function<void(const Slowest&)> on_glance = nullptr);

  std::vector<StageRow> Stages() const;  // By resource, then stage; without those of nothing.
  std::vector<StageSeries> Series() const;

 private:
  using Key = std::pair<std::string, Stage>;
  struct Track {
    LatencyCounts seen;  // All until the last tick.
    std::deque<LatencyCounts> recent;
    std::deque<StageSeries::Point> points;
    size_t idle = 0;  // Intervals without any observation.
  };
  void Tick();
  void Glance();
  static void Note(Track& track, const LatencyCounts& since);
  std::map<Key, LatencyCounts> Read() const;

  const StatsRegistry& registry_;
  const std::function<void(const Slowest&)> on_glance_;
  std::map<Key, Track> tracks_;
  size_t ticks_ = 0;                              // At most kPoints.
  std::map<std::string, LatencyCounts> glanced_;  // Dispatch by resource, until the last glance.
  TimerPtr timer_, glance_timer_;
};

}  // namespace weir
