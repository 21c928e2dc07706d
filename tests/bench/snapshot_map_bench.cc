// SPDX-License-Identifier: Apache-2.0

// SnapshotMap by itself: writes while an old version is held (as every Revision holds one), reads,
// and differences.

#include <random>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "proxy/base/strings.h"
#include "proxy/cache/snapshot_map.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

ObjectPtr Make(int number, uint64_t version) {
  return MakeObject({.name = StrCat("deployment-6d5f7c8b9-", number),
                     .version = version,
                     .namespace_name = StrCat("team-", number % 50)});
}

// Two versions of each object, so that a write costs no parsing.
struct Objects {
  explicit Objects(int count) {
    for (int i = 0; i < count; ++i) {
      versions[0].push_back(Make(i, 1));
      versions[1].push_back(Make(i, 2));
    }
    for (const ObjectPtr& object : versions[0]) map.Put(object);
  }
  std::vector<ObjectPtr> versions[2];
  SnapshotMap map;
};

void WriteAndKeepVersion(benchmark::State& state) {
  Objects objects(static_cast<int>(state.range(0)));
  std::minstd_rand random(1);
  // As a window does: the last versions are held.
  std::vector<SnapshotMap> held(1000);
  size_t next = 0;
  for (auto _ : state) {
    const size_t i = random() % objects.versions[0].size();
    objects.map.Put(objects.versions[next & 1][i]);
    held[next++ % held.size()] = objects.map;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(WriteAndKeepVersion)->Arg(100)->Arg(10000)->Arg(100000);

void EraseAndInsert(benchmark::State& state) {
  Objects objects(static_cast<int>(state.range(0)));
  std::minstd_rand random(1);
  SnapshotMap held;
  for (auto _ : state) {
    const ObjectPtr& object = objects.versions[0][random() % objects.versions[0].size()];
    objects.map.Erase(object->key());
    held = objects.map;
    objects.map.Put(object);
    held = objects.map;
  }
  state.SetItemsProcessed(2 * state.iterations());
}
BENCHMARK(EraseAndInsert)->Arg(100000);

void Build(benchmark::State& state) {
  const Objects objects(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    SnapshotMap map;
    for (const ObjectPtr& object : objects.versions[0]) map.Put(object);
    benchmark::DoNotOptimize(map.size());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Build)->Arg(100000)->Unit(benchmark::kMillisecond);

void Find(benchmark::State& state) {
  const Objects objects(static_cast<int>(state.range(0)));
  std::minstd_rand random(1);
  for (auto _ : state) {
    const ObjectPtr& object = objects.versions[1][random() % objects.versions[1].size()];
    benchmark::DoNotOptimize(objects.map.Find(object->key()));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(Find)->Arg(100000);

void ScanAll(benchmark::State& state) {
  const Objects objects(static_cast<int>(state.range(0)));
  for (auto _ : state) {
    size_t bytes = 0;
    objects.map.Scan({}, false, [&bytes](const ObjectPtr& object) {
      bytes += object->raw().size();
      return true;
    });
    benchmark::DoNotOptimize(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ScanAll)->Arg(100000)->Unit(benchmark::kMillisecond);

// The second number is how many objects changed.
void Diff(benchmark::State& state) {
  Objects objects(static_cast<int>(state.range(0)));
  const SnapshotMap before = objects.map;
  std::minstd_rand random(1);
  for (int64_t i = 0; i < state.range(1); ++i) {
    objects.map.Put(objects.versions[1][random() % objects.versions[1].size()]);
  }
  for (auto _ : state) {
    size_t changes = 0;
    SnapshotMap::Diff(before, objects.map,
                      [&changes](const ObjectPtr&, const ObjectPtr&) { ++changes; });
    benchmark::DoNotOptimize(changes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}
BENCHMARK(Diff)->Args({100000, 1})->Args({100000, 100})->Args({100000, 10000});

}  // namespace
}  // namespace weir

BENCHMARK_MAIN();
