// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/stats.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <variant>

#include "absl/strings/ascii.h"
#include "absl/strings/str_format.h"

#include "proxy/base/check.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

enum class Kind { kCounter, kGauge, kHistogram };

// A scrape has no more samples than this, and those of the series that stand for what there is no
// room for: a few for each family. Below the sampleLimit of deploy/monitoring/podmonitor.yaml,
// beyond which Prometheus takes none of them.
constexpr size_t kMaxSamples = 40'000;

using AnyMetric = std::variant<const Counter*, const Gauge*, const Histogram*>;

// What the handles of one name and one set of labels add up to.
struct Total {
  int64_t gauge = 0;
  uint64_t counter = 0;
  uint64_t buckets[Histogram::kBuckets] = {};
  double sum_seconds = 0;
  std::map<size_t, Exemplar> exemplars = {};  // The newest.

  void Add(const AnyMetric& metric) {
    if (const auto* const* c = std::get_if<const Counter*>(&metric)) counter += (*c)->value();
    if (const auto* const* g = std::get_if<const Gauge*>(&metric)) gauge += (*g)->value();
    if (const auto* const* h = std::get_if<const Histogram*>(&metric)) {
      for (size_t i = 0; i < Histogram::kBuckets; ++i) buckets[i] += (*h)->bucket(i);
      sum_seconds += (*h)->sum_seconds();
      for (auto& [bucket, exemplar] : (*h)->exemplars()) {
        Exemplar& newest = exemplars[bucket];
        if (newest.at <= exemplar.at) newest = exemplar;
      }
    }
  }
  uint64_t count() const {
    uint64_t all = 0;
    for (const uint64_t bucket : buckets) all += bucket;
    return all;
  }
};

struct Series {
  std::vector<AnyMetric> live;
  Total retired;                    // Of counters and histograms whose handles are gone,
  LatencyCounts retired_latencies;  // as is this.

  Total Sum() const {
    Total total = retired;
    for (const AnyMetric& metric : live) total.Add(metric);
    return total;
  }
  LatencyCounts Latencies() const {
    LatencyCounts all = retired_latencies;
    for (const AnyMetric& metric : live) {
      if (const auto* const* h = std::get_if<const Histogram*>(&metric)) all.Add((*h)->latencies());
    }
    return all;
  }
};

struct Family {
  Kind kind;
  std::string help;
  std::map<StatsLabels, Series> series;
};

template <typename Metric>
constexpr Kind KindOf() {
  if constexpr (std::is_same_v<Metric, Counter>) return Kind::kCounter;
  if constexpr (std::is_same_v<Metric, Gauge>) return Kind::kGauge;
  return Kind::kHistogram;
}

// Lines of a scrape for one series; a histogram has a sum and a count, too.
constexpr size_t SamplesOf(Kind kind) {
  return kind == Kind::kHistogram ? Histogram::kBuckets + 2 : 1;
}

std::string_view TypeName(Kind kind) {
  return kind == Kind::kCounter ? "counter" : kind == Kind::kGauge ? "gauge" : "histogram";
}

std::string Escaped(std::string_view text, bool quotes) {
  std::string out;
  for (const char c : text) {
    if (c == '\n') {
      out.append("\\n");
      continue;
    }
    if (c == '\\' || (quotes && c == '"')) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

std::string FormatDouble(double value) {
  char digits[64];
  return std::string(
      digits, std::to_chars(digits, digits + sizeof(digits), value, std::chars_format::fixed).ptr);
}

// "{a="1",le="5"}" or "" when there is nothing to say.
std::string FormatLabels(const StatsLabels& labels, std::string_view le = {}) {
  std::string out;
  for (const auto& [key, value] : labels) {
    StrAppend(out, out.empty() ? "{" : ",", key, "=\"", Escaped(value, true), "\"");
  }
  if (!le.empty()) StrAppend(out, out.empty() ? "{" : ",", "le=\"", le, "\"");
  if (!out.empty()) out.push_back('}');
  return out;
}

// OpenMetrics has one spelling for each bound: "1.0".
std::string FormatBound(double bound, bool open_metrics) {
  std::string text = FormatDouble(bound);
  if (open_metrics && text.find('.') == std::string::npos) text.append(".0");
  return text;
}

void AppendHistogram(std::string& out, std::string_view name, const StatsLabels& labels,
                     const Total& total, bool open_metrics) {
  uint64_t below = 0;
  for (size_t i = 0; i < Histogram::kBuckets; ++i) {
    below += total.buckets[i];
    const std::string le =
        i + 1 < Histogram::kBuckets ? FormatBound(Histogram::kBounds[i], open_metrics) : "+Inf";
    StrAppend(out, name, "_bucket", FormatLabels(labels, le), " ", below);
    const auto exemplar = total.exemplars.find(i);
    if (open_metrics && exemplar != total.exemplars.end()) {
      const Exemplar& e = exemplar->second;
      StrAppend(out, " # {audit_id=\"", e.audit_id, "\"} ", FormatDouble(e.seconds), " ",
                absl::StrFormat("%.3f", e.at));
    }
    out.append("\n");
  }
  StrAppend(out, name, "_sum", FormatLabels(labels), " ", FormatDouble(total.sum_seconds), "\n");
  StrAppend(out, name, "_count", FormatLabels(labels), " ", below, "\n");
}

void AppendSeries(std::string& out, std::string_view name, Kind kind, const StatsLabels& labels,
                  const Total& total, bool open_metrics) {
  switch (kind) {
    case Kind::kCounter:
      StrAppend(out, name, FormatLabels(labels), " ", total.counter, "\n");
      return;
    case Kind::kGauge:
      StrAppend(out, name, FormatLabels(labels), " ", total.gauge, "\n");
      return;
    case Kind::kHistogram:
      AppendHistogram(out, name, labels, total, open_metrics);
  }
}

void AppendPrometheusHead(std::string& out, std::string_view name, const Family& family) {
  StrAppend(out, "# HELP ", name, " ", Escaped(family.help, false), "\n");
  StrAppend(out, "# TYPE ", name, " ", TypeName(family.kind), "\n");
}

// There a counter's family is called without the "_total" of its series, and a unit is what its
// name ends in.
void AppendOpenMetricsHead(std::string& out, std::string_view name, const Family& family) {
  constexpr std::string_view kTotal = "_total";
  std::string_view type = TypeName(family.kind);
  if (family.kind == Kind::kCounter) {
    if (name.ends_with(kTotal)) {
      name.remove_suffix(kTotal.size());
    } else {
      type = "unknown";
    }
  }
  StrAppend(out, "# TYPE ", name, " ", type, "\n");
  for (const std::string_view unit : {"seconds", "bytes"}) {
    if (name.ends_with(StrCat("_", unit))) StrAppend(out, "# UNIT ", name, " ", unit, "\n");
  }
  StrAppend(out, "# HELP ", name, " ", Escaped(family.help, true), "\n");
}

// Into a series that stands for all that there is no room for; whether that is another.
bool Fold(StatsLabels& labels) {
  bool folded = false;
  for (auto& [key, value] : labels) {
    if (key == "resource" && value != "other") {
      value = "other";
      folded = true;
    }
  }
  return folded;
}

bool Includes(const StatsLabels& all, const StatsLabels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&all](const auto& label) {
    return std::find(all.begin(), all.end(), label) != all.end();
  });
}

}  // namespace

size_t Histogram::BucketOf(absl::Duration d) {
  const auto* const end = std::end(kBounds);
  return static_cast<size_t>(std::lower_bound(std::begin(kBounds), end, absl::ToDoubleSeconds(d)) -
                             std::begin(kBounds));
}

void Histogram::Observe(absl::Duration d, uint64_t n) {
  // A day bounds the sum, whatever a clock says.
  d = std::clamp(d, absl::ZeroDuration(), absl::Hours(24));
  buckets_[BucketOf(d)].Add(n);
  sum_nanos_.Add(static_cast<uint64_t>(absl::ToInt64Nanoseconds(d)) * n);
  sketch_.Observe(d, n);
}

namespace {

constexpr size_t kMaxAuditId = 64;  // As the API server's own limit.

bool IsAuditId(std::string_view text) {
  return !text.empty() && text.size() <= kMaxAuditId &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
         });
}

}  // namespace

void Histogram::Observe(absl::Duration d, std::string_view audit_id, absl::Time at) {
  Observe(d);
  if (!IsAuditId(audit_id)) return;
  d = std::max(d, absl::ZeroDuration());
  const std::lock_guard lock(mutex_);
  exemplars_[BucketOf(d)] = {std::string(audit_id), absl::ToDoubleSeconds(d),
                             absl::ToDoubleSeconds(at - absl::UnixEpoch())};
}

std::map<size_t, Exemplar> Histogram::exemplars() const {
  const std::lock_guard lock(mutex_);
  return exemplars_;
}

uint64_t Histogram::count() const {
  uint64_t all = 0;
  for (const Counter& bucket : buckets_) all += bucket.value();
  return all;
}

struct StatsRegistry::Families {
  mutable std::mutex mutex;
  // Guarded by `mutex`.
  std::map<std::string, Family, std::less<>> by_name;
  size_t samples = 0;     // Of all of them.
  CounterHandle refused;  // Destroyed first, as it is in by_name.

  template <typename Metric>
  Handle<Metric> Add(std::string_view name, std::string_view help, StatsLabels labels) {
    std::sort(labels.begin(), labels.end());
    auto metric = std::make_unique<Metric>();
    const std::lock_guard lock(mutex);
    auto it = by_name.find(name);
    if (it == by_name.end()) {
      it = by_name.emplace(name, Family{KindOf<Metric>(), std::string(help), {}}).first;
    }
    Family& family = it->second;
    WEIR_CHECK(family.kind == KindOf<Metric>());
    if (!family.series.contains(labels) && !HasRoom(family) && Fold(labels)) refused->Add();
    const auto [series, added] = family.series.try_emplace(labels);
    if (added) samples += SamplesOf(family.kind);
    series->second.live.emplace_back(metric.get());
    // Families are never erased, so the deleter may keep the reference.
    return {metric.release(), [this, &family, labels = std::move(labels)](Metric* gone) {
              Retire(family, labels, gone);
              delete gone;
            }};
  }

  bool HasRoom(const Family& family) const {
    return family.series.size() < kMaxSeries && samples + SamplesOf(family.kind) <= kMaxSamples;
  }

  template <typename Metric>
  void Retire(Family& family, const StatsLabels& labels, const Metric* gone) {
    const std::lock_guard lock(mutex);
    const auto it = family.series.find(labels);
    Series& series = it->second;
    std::erase(series.live, AnyMetric(gone));
    if constexpr (std::is_same_v<Metric, Gauge>) {
      if (series.live.empty()) {
        family.series.erase(it);
        samples -= SamplesOf(family.kind);
      }
    } else {
      series.retired.Add(gone);
    }
    if constexpr (std::is_same_v<Metric, Histogram>) {
      series.retired_latencies.Add(gone->latencies());
    }
  }
};

StatsRegistry::StatsRegistry() : families_(std::make_unique<Families>()) {
  families_->refused = AddCounter("weir_base_refused_series_total",
                                  "Registrations of a series that was counted under resource "
                                  "\"other\", as there was no room for another.");
}
StatsRegistry::~StatsRegistry() = default;

CounterHandle StatsRegistry::AddCounter(std::string_view name, std::string_view help,
                                        StatsLabels labels) {
  return families_->Add<Counter>(name, help, std::move(labels));
}

GaugeHandle StatsRegistry::AddGauge(std::string_view name, std::string_view help,
                                    StatsLabels labels) {
  return families_->Add<Gauge>(name, help, std::move(labels));
}

HistogramHandle StatsRegistry::AddHistogram(std::string_view name, std::string_view help,
                                            StatsLabels labels) {
  return families_->Add<Histogram>(name, help, std::move(labels));
}

std::string StatsRegistry::RenderPrometheus() const { return Render(Format::kPrometheus); }

std::string StatsRegistry::RenderOpenMetrics() const {
  return StrCat(Render(Format::kOpenMetrics), "# EOF\n");
}

std::string StatsRegistry::Render(Format format) const {
  const bool open_metrics = format == Format::kOpenMetrics;
  std::string out;
  const std::lock_guard lock(families_->mutex);
  for (const auto& [name, family] : families_->by_name) {
    if (family.series.empty()) continue;
    (open_metrics ? AppendOpenMetricsHead : AppendPrometheusHead)(out, name, family);
    for (const auto& [labels, series] : family.series) {
      AppendSeries(out, name, family.kind, labels, series.Sum(), open_metrics);
    }
  }
  return out;
}

double StatsRegistry::Sum(std::string_view name, const StatsLabels& labels) const {
  double sum = 0;
  const std::lock_guard lock(families_->mutex);
  const auto it = families_->by_name.find(name);
  if (it == families_->by_name.end()) return sum;
  for (const auto& [own, series] : it->second.series) {
    if (!Includes(own, labels)) continue;
    const Total total = series.Sum();
    // Of a histogram: how many observations. The parts of other kinds are zero.
    sum += static_cast<double>(total.gauge) + static_cast<double>(total.counter) +
           static_cast<double>(total.count());
  }
  return sum;
}

std::vector<std::pair<StatsLabels, LatencyCounts>> StatsRegistry::Latencies(
    std::string_view name) const {
  std::vector<std::pair<StatsLabels, LatencyCounts>> all;
  const std::lock_guard lock(families_->mutex);
  const auto it = families_->by_name.find(name);
  if (it == families_->by_name.end()) return all;
  for (const auto& [labels, series] : it->second.series) {
    all.emplace_back(labels, series.Latencies());
  }
  return all;
}

}  // namespace weir
