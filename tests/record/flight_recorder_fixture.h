// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/record/flight_recorder.h"
#include "tests/support/manual_dispatcher.h"

namespace weir {

using Asks = SeenEvent::Asks;

inline constexpr char kFoos[] = "foos.example.com";
inline constexpr char kPods[] = "pods";

class FlightRecorderFixture : public testing::Test {
 protected:
  void Pass(absl::Duration d) { dispatcher_.Advance(d); }

  SeenEvent Event(const std::string& name, uint64_t version, Asks asks = Asks::kNothing,
                  WatchEventType type = WatchEventType::kModified) {
    return {.resource = kFoos,
            .namespace_name = "ns",
            .name = name,
            .uid = "uid-" + name,
            .type = type,
            .version = ResourceVersion(version),
            .arrived = dispatcher_.Now(),
            .published = dispatcher_.Now(),
            .delivered = dispatcher_.Now(),
            .asks = asks,
            .written = {}};
  }
  void See(SeenEvent event) { recorder_.OnSeen({.events = {std::move(event)}, .writes = {}}); }

  void Note(SeenWrite write) { recorder_.OnSeen({.events = {}, .writes = {std::move(write)}}); }

  // A write that comes now and is answered at once.
  SeenWrite Write(const std::string& name, uint64_t version) {
    return {.resource = kFoos,
            .namespace_name = "ns",
            .name = name,
            .status = 200,
            .came = dispatcher_.Now(),
            .answered = dispatcher_.Now(),
            .uid = "uid-" + name,
            .owners = {},
            .version = ResourceVersion(version)};
  }
  // Another object, whose owner is the foo.
  SeenWrite Child(const std::string& owner, uint64_t version) {
    SeenWrite write = Write("child", version);
    write.resource = kPods;
    write.owners = {"uid-" + owner};
    return write;
  }

  LatencyCounts Latency(std::string_view name, const StatsLabels& wanted = {}) const {
    LatencyCounts all;
    for (const auto& [labels, counts] : registry_.Latencies(name)) {
      const bool has = std::all_of(wanted.begin(), wanted.end(), [&labels = labels](const auto& l) {
        return std::find(labels.begin(), labels.end(), l) != labels.end();
      });
      if (has) all.Add(counts);
    }
    return all;
  }
  LatencyCounts EventToAction() const { return Latency("weir_record_event_to_action_seconds"); }
  LatencyCounts WriteToWatch(const std::string& writer = "weir") const {
    return Latency("weir_record_write_to_watch_seconds", {{"writer", writer}});
  }
  double Stat(std::string_view name, const StatsLabels& labels = {}) const {
    return registry_.Sum(std::string("weir_record_") + std::string(name), labels);
  }

  ManualDispatcher dispatcher_;
  StatsRegistry registry_;
  FlightRecorder recorder_{dispatcher_,
                           registry_,
                           {.max_pending = 8,
                            .max_idle_pending = 8,
                            .max_remembered = 32,
                            .max_busy = 8,
                            .max_rows = 5,
                            .max_resources = 3}};
};

inline void ExpectNear(absl::Duration got, absl::Duration want) {
  EXPECT_LE(absl::AbsDuration(got - want), want / 100) << got << " and not " << want;
}

}  // namespace weir
