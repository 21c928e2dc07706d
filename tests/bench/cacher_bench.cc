// SPDX-License-Identifier: Apache-2.0

// The path of an event through the cache, without sockets: from a parsed event to what readers
// pull; and what a cached object costs.

#include <cstdio>
#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/cache/cache_replica_core.h"
#include "proxy/cache/revision_builder.h"
#include "proxy/cache/watch_cursor.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

constexpr size_t kObjectBytes = 4000;

ObjectSpec Spec(int number, uint64_t version) {
  return {.name = StrCat("deployment-6d5f7c8b9-", number),
          .version = version,
          .namespace_name = StrCat("team-", number % 50),
          .data = std::string(kObjectBytes - 200, 'x')};
}

// Resident memory in bytes.
double Resident() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  long total = 0;
  long pages = 0;
  const bool read = std::fscanf(file, "%ld %ld", &total, &pages) == 2;
  std::fclose(file);
  return read ? static_cast<double>(pages) * 4096 : 0;
}

// A cache of `count` objects and one replica of it.
struct Cache {
  explicit Cache(int count) {
    SnapshotMap objects;
    uint64_t version = 0;
    for (int i = 0; i < count; ++i) objects.Put(MakeObject(Spec(i, ++version)));
    if (!builder.Replace(V(version), std::move(objects)).ok()) return;
    WatchWindow window{CacherOptions()};
    window.Append(builder.Take(MonotonicTime(), MonotonicTime()));
    auto made = std::make_unique<CacheReplica::Core>(
        CacheKey(), CacherOptions(),
        CacheReplica::Core::Outlets{.ask = [](std::function<void(Cacher&)>) {},
                                    .on_readers = [] {}});
    core = made.get();
    replica = std::make_unique<CacheReplica>(std::move(made));
    core->Sync(window, CacheTraits());
  }
  StatsRegistry registry;
  FilterChainStats filter_stats{registry};
  FilterChain filters{{}, filter_stats};
  RevisionBuilder builder{filters};
  CacheReplica::Core* core = nullptr;
  std::unique_ptr<CacheReplica> replica;
};

// One Revision per event, published to one replica and pulled by `readers`.
void EventToReaders(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  Cache cache(count);
  std::vector<WatchCursor> cursors;
  for (int64_t i = 0; i < state.range(1); ++i) {
    cursors.push_back(
        WatchCursor::After(*cache.replica, EventView(), {cache.replica->newest(), 0}, V(count)));
  }
  std::minstd_rand random(1);
  uint64_t version = count;
  uint64_t read = 0;
  for (auto _ : state) {
    state.PauseTiming();
    WatchEvent event =
        MakeEvent(WatchEventType::kModified, Spec(static_cast<int>(random() % count), ++version));
    state.ResumeTiming();
    if (!cache.builder.Add(std::move(event)).ok()) state.SkipWithError("refused");
    cache.core->Append(cache.builder.Take(MonotonicTime(), MonotonicTime()));
    for (WatchCursor& cursor : cursors) {
      while (cursor.Next().has_value()) ++read;
    }
  }
  benchmark::DoNotOptimize(read);
}
BENCHMARK(EventToReaders)
    ->Args({1000, 0})
    ->Args({100000, 0})
    ->Args({100000, 1})
    ->Args({1000, 100})
    ->Iterations(20000);

// Readers of one selector, or of all objects' metadata: what each event costs them all together,
// and how often it was evaluated for them.
void EventToReadersOfOneView(benchmark::State& state) {
  constexpr int kCount = 1000;
  Cache cache(kCount);
  const bool to_metadata = state.range(1) != 0;
  const ViewShape shape{.label_selector = to_metadata ? "" : "app=web", .to_metadata = to_metadata};
  const auto view = [&shape] {
    return EventView(shape, LabelSelector::Parse(shape.label_selector).value(), FieldMatcher());
  };
  std::vector<WatchCursor> cursors;
  for (int64_t i = 0; i < state.range(0); ++i) {
    cursors.push_back(
        WatchCursor::After(*cache.replica, view(), {cache.replica->newest(), 0}, V(kCount)));
  }
  const ViewClassPtr shared = cache.replica->view_classes().Get(view());
  uint64_t version = kCount;
  uint64_t read = 0;
  for (auto _ : state) {
    state.PauseTiming();
    ObjectSpec spec = Spec(static_cast<int>(version % kCount), version + 1);
    spec.labels = {{"app", version % 2 == 0 ? "web" : "db"}};
    ++version;
    if (!cache.builder.Add(MakeEvent(WatchEventType::kModified, spec)).ok()) {
      state.SkipWithError("refused");
    }
    cache.core->Append(cache.builder.Take(MonotonicTime(), MonotonicTime()));
    state.ResumeTiming();
    for (WatchCursor& cursor : cursors) {
      while (cursor.Next().has_value()) ++read;
    }
  }
  benchmark::DoNotOptimize(read);
  state.counters["evaluations_per_event"] =
      static_cast<double>(shared->evaluations()) / static_cast<double>(state.iterations());
}
BENCHMARK(EventToReadersOfOneView)
    ->ArgNames({"readers", "metadata"})
    ->ArgsProduct({{1, 100, 1000}, {0, 1}})
    ->Iterations(2000)
    ->Unit(benchmark::kMicrosecond);

void InitialEvents(benchmark::State& state) {
  Cache cache(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    WatchCursor cursor = WatchCursor::WithInitialEvents(*cache.replica, EventView());
    size_t bytes = 0;
    while (const auto item = cursor.Next()) {
      if (item->object != nullptr) bytes += item->object->raw().size();
    }
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(InitialEvents)->Arg(10000)->Unit(benchmark::kMillisecond);

// Bytes of resident memory per cached object beyond its own.
void MemoryPerObject(benchmark::State& state) {
  const int count = static_cast<int>(state.range(0));
  double beyond = 0;
  for (auto _ : state) {
    const double before = Resident();
    const Cache cache(count);
    double own = 0;
    cache.replica->newest()->objects.Scan({}, false, [&own](const ObjectPtr& object) {
      own += static_cast<double>(object->raw().size());
      return true;
    });
    beyond = (Resident() - before - own) / count;
  }
  state.counters["bytes_beyond"] = beyond;
}
BENCHMARK(MemoryPerObject)->Arg(100000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
