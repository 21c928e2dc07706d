// SPDX-License-Identifier: Apache-2.0

// CacherMaps of several workers, each on a real dispatcher and thread.

#include <chrono>
#include <future>
#include <mutex>
#include <random>
#include <thread>

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

CacherOptions Hasty() {
  CacherOptions options;
  options.window_events = 20;
  options.window_min_events = 3;
  options.retry_unavailable = absl::Milliseconds(1);
  options.backoff = {.initial = absl::Milliseconds(1), .max = absl::Milliseconds(5)};
  return options;
}

CacheKey KeyFor(const std::string& name_space) {
  CacheKey key = ConfigMaps();
  key.namespace_name = name_space;
  return key;
}

// The newest change that any reader of any worker has been told of.
class Told {
 public:
  void Raise(ResourceVersion version) {
    const std::lock_guard lock(mutex_);
    version_ = std::max(version_, version);
  }
  ResourceVersion version() const {
    const std::lock_guard lock(mutex_);
    return version_;
  }

 private:
  mutable std::mutex mutex_;
  ResourceVersion version_;
};

// A worker's loop, caches and readers.
class TestWorker {
 public:
  TestWorker(int number, StatsRegistry& registry, FakeResource& resource, Told& told,
             const CacherOptions& options)
      : resource_(resource),
        told_(told),
        dispatcher_(NewDispatcher(StrCat("worker-", number))),
        filter_stats_(registry),
        map_({.dispatcher = *dispatcher_,
              .registry = registry,
              .new_source =
                  [this](const CacheKey& key) {
                    return std::make_unique<FakeListerWatcher>(*dispatcher_, resource_, key);
                  },
              .new_filters =
                  [this](const GroupVersionResource&) { return UsualFilters(filter_stats_); },
              .options = options}) {}

  void Start() {
    thread_ = std::thread([this] { dispatcher_->Run(); });
  }
  void Join() {
    dispatcher_->Exit();
    thread_.join();
  }
  CacherMap& map() { return map_; }

  void Post(std::function<void()> work) { dispatcher_->Post(std::move(work)); }
  void RunAndWait(const std::function<void()>& work) {
    std::promise<void> done;
    Post([&] {
      work();
      done.set_value();
    });
    done.get_future().wait();
  }

  // On this worker's thread: reads all there is, whenever there is something.
  void Read(const CacheKey& key) {
    CacheReplica* const replica = map_.Get(key);
    if (replica == nullptr) return;
    auto reader = std::make_unique<Reader>();
    reader->replica = replica;
    reader->model = std::make_unique<ReaderModel>(*replica, resource_,
                                                  ViewOf({.namespace_name = key.namespace_name}));
    reader->handle =
        replica->Subscribe({.on_change = [this, raw = reader.get()] { OnChange(*raw); }});
    OnChange(*reader);
    readers_.push_back(std::move(reader));
  }
  void ForgetReaders() { readers_.clear(); }
  bool AllAt(ResourceVersion version) {
    for (const auto& reader : readers_) {
      if (reader->replica->state() != CacheReplica::State::kSynced ||
          reader->replica->newest()->version < version) {
        return false;
      }
    }
    return true;
  }
  void CheckAll(ResourceVersion version) {
    for (const auto& reader : readers_) {
      reader->model->ReadAll();
      reader->model->CheckCompleteAt(version);
    }
  }

 private:
  struct Reader {
    CacheReplica* replica;
    std::unique_ptr<ReaderModel> model;
    RequestHandle handle;
    std::minstd_rand random{1};
  };

  void OnChange(Reader& reader) {
    CheckNothingToldIsMissed();
    if (reader.replica->state() != CacheReplica::State::kSynced) return;
    const Revision& newest = *reader.replica->newest();
    if (newest.sequence > 1) told_.Raise(newest.content);
    if (!reader.model->connected()) return reader.model->StartWithInitialEvents();
    if (reader.random() % 8 == 0) reader.replica->WantCurrent();
    if (reader.random() % 8 == 0) reader.replica->WantAccess(ReadVerb::kGet);
    if (reader.random() % 4 != 0) return;  // Often slow.
    if (reader.random() % 20 == 0) reader.model->Reconnect();
    reader.model->ReadAll();
  }

  // Whoever is to be answered from yet another cache knows of it.
  void CheckNothingToldIsMissed() {
    const ResourceVersion told = told_.version();
    const CacheKey another = ConfigMaps(Representation::kProtobuf);
    ResourceVersion known = map_.PublishedElsewhere(another, "");
    map_.ForEachOf(another.resource, [&known](const CacheReplica& replica) {
      known = std::max(known, replica.newest()->content);
    });
    EXPECT_GE(known, told) << known.ToString() << " < " << told.ToString();
  }

  FakeResource& resource_;
  Told& told_;
  const DispatcherPtr dispatcher_;
  FilterChainStats filter_stats_;
  CacherMap map_;
  std::vector<std::unique_ptr<Reader>> readers_;
  std::thread thread_;
};

class CacherMapThreadsTest : public testing::TestWithParam<int> {
 protected:
  CacherMapThreadsTest() { SetLogLevel(LogLevel::kOff); }
  ~CacherMapThreadsTest() override { SetLogLevel(LogLevel::kInfo); }

  void StartWorkers(const CacherOptions& options) {
    std::vector<CacherMap*> maps;
    for (int i = 0; i < GetParam(); ++i) {
      workers_.push_back(std::make_unique<TestWorker>(i, registry_, resource_, told_, options));
      maps.push_back(&workers_.back()->map());
    }
    for (const auto& worker : workers_) worker->map().SetPeers(maps);
    for (const auto& worker : workers_) worker->Start();
  }
  void StopWorkers() {
    for (const auto& worker : workers_) worker->Join();
    for (const auto& worker : workers_) worker->map().Stop();
    workers_.clear();
  }
  void WriteOne() {
    const std::string name_space = random_() % 2 == 0 ? "a" : "b";
    const std::string name = StrCat("o", random_() % 10);
    if (random_() % 5 == 0) {
      resource_.Delete(name_space, name);
    } else {
      resource_.Put({.name = name, .namespace_name = name_space});
    }
    if (random_() % 50 == 0) resource_.CutWatches(UnavailableError("reset"));
    if (random_() % 100 == 0) resource_.Compact();
  }

  StatsRegistry registry_;
  FakeResource resource_;
  Told told_;
  std::vector<std::unique_ptr<TestWorker>> workers_;
  std::mt19937 random_{3};
};

TEST_P(CacherMapThreadsTest, EveryWorkerSeesTheSame) {
  StartWorkers(Hasty());
  for (const auto& worker : workers_) {
    worker->Post([w = worker.get()] {
      for (const char* name_space : {"", "a", "b"}) w->Read(KeyFor(name_space));
    });
  }
  for (int i = 0; i < 400; ++i) {
    WriteOne();
    if (i % 10 == 0) std::this_thread::yield();
  }
  const ResourceVersion last = V(resource_.version());
  for (const auto& worker : workers_) {
    for (bool there = false; !there;) {
      resource_.SendBookmarks();
      worker->RunAndWait([&] { there = worker->AllAt(last); });
    }
    worker->RunAndWait([&] { worker->CheckAll(last); });
  }
  // One Cacher for each key, wherever it lives.
  size_t rows = 0;
  size_t readers = 0;
  for (const auto& worker : workers_) {
    worker->RunAndWait([&] {
      for (const CacheRow& row : worker->map().Rows()) {
        ++rows;
        readers += row.readers;
      }
    });
  }
  EXPECT_EQ(rows, 3U);
  EXPECT_EQ(readers, 3U * workers_.size());
  for (const auto& worker : workers_) worker->RunAndWait([&] { worker->ForgetReaders(); });
  StopWorkers();
}

TEST_P(CacherMapThreadsTest, CachesComeAndGoOnAllWorkersAtOnce) {
  CacherOptions options = Hasty();
  options.idle_timeout = absl::ZeroDuration();
  StartWorkers(options);
  for (int round = 0; round < 150; ++round) {
    for (const auto& worker : workers_) {
      const unsigned what = random_() % 10;
      const std::string name_space = random_() % 2 == 0 ? "a" : "";
      worker->Post([w = worker.get(), what, name_space] {
        if (what < 6) return w->Read(KeyFor(name_space));
        if (what < 9) return w->ForgetReaders();
        w->map().DropAll(PermissionDeniedError("revoked"));
      });
    }
    WriteOne();
    if (random_() % 20 == 0) {
      resource_.SetFaults([](auto& f) { f.watches = {PermissionDeniedError("no")}; });
    }
  }
  // All is well afterwards.
  resource_.SetFaults([](auto& faults) { faults = {}; });
  const ResourceVersion last = V(resource_.version());
  for (const auto& worker : workers_) {
    for (bool there = false; !there;) {
      resource_.SendBookmarks();
      worker->RunAndWait([&] {
        CacheReplica* const replica = worker->map().Get(KeyFor("b"));
        if (replica == nullptr) return;
        there =
            replica->state() == CacheReplica::State::kSynced && replica->newest()->version >= last;
        worker->ForgetReaders();
        worker->Read(KeyFor("b"));
      });
    }
    worker->RunAndWait([&] { worker->CheckAll(last); });
  }
  // Not told to end: what is under way ends with the workers.
  for (const auto& worker : workers_) worker->Post([w = worker.get()] { w->Read(KeyFor("a")); });
  for (const auto& worker : workers_) worker->Join();
  for (const auto& worker : workers_) worker->map().Stop();
  for (const auto& worker : workers_) worker->ForgetReaders();
  workers_.clear();
}

INSTANTIATE_TEST_SUITE_P(Workers, CacherMapThreadsTest, testing::Values(1, 3));

}  // namespace
}  // namespace weir
