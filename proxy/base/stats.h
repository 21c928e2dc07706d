// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

#include "proxy/base/latency_sketch.h"

// Numbers that Prometheus reads. A component has a struct of its own with verbs; the struct's
// constructor takes handles from the registry. Writing is one relaxed load and store by the one
// thread that owns the handle, so it costs what a plain integer does; reading is from any thread.
// Handles of the same name and labels add up, and what a destroyed counter had counted stays in
// the sum. Names are `weir_<layer>_<noun>_<unit>`, counters end in `_total`.

namespace weir {

using StatsLabels = std::vector<std::pair<std::string, std::string>>;

// Only its owner's thread writes.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class Gauge {
 public:
  void Set(int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void Add(int64_t n) { Set(value() + n); }
  int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

// One observation to look up, in the API server's audit log.
struct Exemplar {
  std::string audit_id;
  double seconds = 0;
  double at = 0;  // Seconds since 1970.
};

// Log-linear durations: 100 us to 60 s, rendered as a Prometheus histogram in seconds; and a sketch
// beside it, for quantiles that such wide buckets cannot tell.
class Histogram {
 public:
  static constexpr double kBounds[] = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                       0.01,   0.025,   0.05,   0.1,   0.25,   0.5,
                                       1,      2.5,     5,      10,    30,     60};
  static constexpr size_t kBuckets = sizeof(kBounds) / sizeof(kBounds[0]) + 1;
  void Observe(absl::Duration d, uint64_t n = 1);
  // Once, and remembers it as the exemplar of its bucket; not if the id is not one, as a client may
  // choose it. Takes a lock.
  void Observe(absl::Duration d, std::string_view audit_id, absl::Time at);
  std::map<size_t, Exemplar> exemplars() const;  // By bucket.
  uint64_t bucket(size_t i) const { return buckets_[i].value(); }
  uint64_t count() const;
  double sum_seconds() const { return static_cast<double>(sum_nanos_.value()) * 1e-9; }
  LatencyCounts latencies() const { return sketch_.Read(); }

 private:
  static size_t BucketOf(absl::Duration d);

  Counter buckets_[kBuckets];
  Counter sum_nanos_;
  LatencySketch sketch_;
  mutable std::mutex mutex_;
  std::map<size_t, Exemplar> exemplars_;  // Guarded by mutex_.
};

// Owns every metric. Registration and reading take a lock; writing never does. Outlives every
// handle. A handle unregisters itself when it is destroyed.
class StatsRegistry {
 public:
  StatsRegistry();
  ~StatsRegistry();

  template <typename Metric>
  using Handle = std::unique_ptr<Metric, std::function<void(Metric*)>>;

  // A family has no more series than this, and all together no more than 40,000 samples: see
  // stats.cc. What comes after them has "other" as its resource, and is counted: what was counted
  // of resources that are long gone stays in the sums, and clients choose names.
  static constexpr size_t kMaxSeries = 1000;

  // `help` of the first registration of a name wins. Labels: fixed, never a value that a client
  // can invent without bound, but for that of "resource".
  [[nodiscard]] Handle<Counter> AddCounter(std::string_view name, std::string_view help,
                                           StatsLabels labels = {});
  [[nodiscard]] Handle<Gauge> AddGauge(std::string_view name, std::string_view help,
                                       StatsLabels labels = {});
  [[nodiscard]] Handle<Histogram> AddHistogram(std::string_view name, std::string_view help,
                                               StatsLabels labels = {});

  // Prometheus text format 0.0.4, families in the order of their names.
  std::string RenderPrometheus() const;
  // OpenMetrics 1.0.0, the same series.
  std::string RenderOpenMetrics() const;
  // The sum over all handles of that name whose labels include all of `labels`. For tests,
  // /streams.
  double Sum(std::string_view name, const StatsLabels& labels = {}) const;
  // What each series of a histogram has observed, gone handles among them; labels sorted.
  std::vector<std::pair<StatsLabels, LatencyCounts>> Latencies(std::string_view name) const;

 private:
  enum class Format { kPrometheus, kOpenMetrics };
  struct Families;
  std::string Render(Format format) const;

  std::unique_ptr<Families> families_;
};

using CounterHandle = StatsRegistry::Handle<Counter>;
using GaugeHandle = StatsRegistry::Handle<Gauge>;
using HistogramHandle = StatsRegistry::Handle<Histogram>;

}  // namespace weir
