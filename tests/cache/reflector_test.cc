// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/reflector.h"

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ReflectorTest : public CacheFixture {};

TEST_F(ReflectorTest, SyncsByStreamListAndStaysOnTheSameStream) {
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  CacheReplica& replica = Replica();
  ASSERT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_TRUE(replica.upstream_healthy());
  resource_.Put({.name = "c"});
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(resource_.stream_lists(), 1);
  EXPECT_EQ(resource_.lists() + resource_.watches(), 0);
  EXPECT_EQ(map_->Rows().at(0).detail, "stream-list");
}

TEST_F(ReflectorTest, SyncsAResourceWithoutObjects) {
  CacheReplica& replica = Replica();
  ASSERT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_EQ(replica.newest()->version, V(resource_.version()));
  EXPECT_EQ(replica.kind(), "ConfigMap");
}

TEST_F(ReflectorTest, ListsAndWatchesWhereThereIsNoStreamList) {
  resource_.SetFaults([](auto& faults) { faults.stream_list = false; });
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica();
  ASSERT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_TRUE(replica.upstream_healthy());
  resource_.Put({.name = "b"});
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(map_->Rows().at(0).detail, "list+watch");

  // And remembers it.
  resource_.Compact();
  resource_.Put({.name = "c"});
  resource_.Compact();
  dispatcher_.Advance(absl::Seconds(5));
  resource_.CutWatches(ResourceExpiredError("gone"));
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.stream_lists(), 1);
  EXPECT_EQ(resource_.lists(), 2);
}

TEST_F(ReflectorTest, KeepsTheWarningsOfItsLastRequest) {
  const auto warn = [this](Warnings warnings) {
    resource_.SetFaults([&](auto& faults) { faults.warnings = warnings; });
  };
  warn({"299 - \"deprecated\"", "299 - \"really\""});
  CacheReplica& replica = Replica();
  EXPECT_THAT(replica.warnings(), ElementsAre("299 - \"deprecated\"", "299 - \"really\""));
  // The API server has been upgraded.
  warn({"299 - \"gone soon\""});
  resource_.CutWatches();
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_THAT(replica.warnings(), ElementsAre("299 - \"gone soon\""));
}

TEST_F(ReflectorTest, KeepsTheWarningsOfAList) {
  resource_.SetFaults([](auto& faults) {
    faults.stream_list = false;
    faults.warnings = {"299 - \"deprecated\""};
    faults.watches = {InvalidOptionsError("no stream-list"), UnavailableError("no watch, either")};
  });
  EXPECT_THAT(Replica().warnings(), ElementsAre("299 - \"deprecated\""));
}

TEST_F(ReflectorTest, ListsWhenTheInitialEventsDoNotEnd) {
  resource_.SetFaults([](auto& faults) { faults.ends_initial_events = false; });
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Seconds(59));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSyncing);
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
  EXPECT_EQ(resource_.lists(), 1);
}

// Its stream-list brings one object and then nothing; it can list, and has none.
class EndlessSource final : public ListerWatcher {
 public:
  explicit EndlessSource(Dispatcher& dispatcher) : dispatcher_(dispatcher) {}

  RequestHandle List(ResourceVersion, ListCallback done) override {
    dispatcher_.Post([done = std::move(done)] {
      done(ObjectList{.version = V(11), .envelope = {}, .items = {}});
    });
    return std::make_unique<Cancellable>();
  }
  RequestHandle Watch(const WatchRequest& request, WatchHandler& handler) override {
    if (request.send_initial_events) {
      dispatcher_.Post([this, &handler] {
        handler.OnWatchOpened(absl::Minutes(5), {});
        std::vector<WatchEvent> events;
        events.push_back(MakeEvent(WatchEventType::kAdded, {.name = "a", .version = 11}));
        brought_ = events[0].object;
        handler.OnWatchEvents(std::move(events));
      });
    }
    return std::make_unique<Cancellable>();
  }
  RequestHandle LearnEnvelope(EnvelopeCallback) override { return nullptr; }
  RequestHandle ListMetadata(ResourceVersion, VersionsCallback) override { return nullptr; }
  RequestHandle ReviewAccess(ReadVerb, AccessCallback) override { return nullptr; }

  bool still_held() const { return !brought_.expired(); }

 private:
  Dispatcher& dispatcher_;
  std::weak_ptr<const Object> brought_;
};

TEST_F(ReflectorTest, KeepsNothingOfAStreamListThatFailed) {
  EndlessSource source(dispatcher_);
  CacherStats stats(registry_, {});
  const CacherOptions options;
  bool synced = false;
  Reflector reflector({.dispatcher = dispatcher_,
                       .source = source,
                       .stats = stats,
                       .options = options,
                       .resource = "configmaps",
                       .floor = {}},
                      {.on_snapshot =
                           [&synced](Reflector::Snapshot) {
                             synced = true;
                             return absl::OkStatus();
                           },
                       .on_events = [](std::vector<WatchEvent>) { return absl::OkStatus(); },
                       .on_bytes = [](const SnapshotMap&) {},
                       .on_health = [](bool) {},
                       .on_access = [](ReadVerb, bool, MonotonicTime) {},
                       .on_warnings = [](const Warnings&) {},
                       .on_stream_list = [](bool) {},
                       .on_unavailable = [](const absl::Status&) {}});
  reflector.Start();
  dispatcher_.RunReady();
  EXPECT_TRUE(source.still_held());
  dispatcher_.Advance(options.stream_list_timeout);
  EXPECT_TRUE(synced);
  EXPECT_FALSE(source.still_held());
}

TEST_F(ReflectorTest, PublishesTheDifferenceAfterA410) {
  resource_.Put({.name = "kept"});       // 11
  resource_.Put({.name = "changed"});    // 12
  resource_.Put({.name = "deleted"});    // 13
  resource_.Put({.name = "recreated"});  // 14
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  const std::string kept_raw = resource_.State()["default/kept"];
  const ObjectPtr kept = *replica.newest()->objects.Find({"default", "kept"});

  dispatcher_.Advance(absl::Seconds(10));
  resource_.SetFaults([](auto& faults) { faults.watches = {UnavailableError("down")}; });
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.RunReady();
  resource_.Delete("default", "deleted");    // 15
  resource_.Delete("default", "recreated");  // 16
  resource_.Put({.name = "recreated"});      // 17
  resource_.Put({.name = "new"});            // 18
  resource_.Put({.name = "changed"});        // 19
  resource_.Bump();                          // 20
  resource_.Compact();
  dispatcher_.Advance(absl::Seconds(10));

  EXPECT_THAT(ReadAll(cursor),
              ElementsAre("DELETED deleted@14", "DELETED recreated@14", "ADDED recreated@17",
                          "ADDED new@18", "MODIFIED changed@19", "BOOKMARK@20"));
  EXPECT_EQ(cursor.complete_through(), V(20));
  EXPECT_EQ(StateOf(replica), resource_.State());
  // What has not changed is the same object still.
  EXPECT_EQ(*replica.newest()->objects.Find({"default", "kept"}), kept);
  EXPECT_EQ(Stat("relists_total"), 1);
  EXPECT_EQ(Stat("expired_total"), 1);
}

TEST_F(ReflectorTest, RefusesAListOlderThanWhatWasPublished) {
  resource_.SetFaults([](auto& faults) { faults.stream_list = false; });
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  resource_.Put({.name = "b"});  // 12
  dispatcher_.RunReady();
  resource_.SetFaults([](auto& faults) { faults.list_version = 11; });
  dispatcher_.Advance(absl::Seconds(10));
  resource_.CutWatches(ResourceExpiredError("gone"));
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.last_list_at_least(), V(12));
  EXPECT_EQ(Stat("time_travel_refused_total"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());

  resource_.SetFaults([](auto& faults) { faults.list_version.reset(); });
  resource_.Put({.name = "c"});
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(ReflectorTest, DropsWhatIsReplayedAndKeepsTheRest) {
  resource_.Put({.name = "a"});  // 11
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "a"});  // 12
  resource_.Inject(MakeEvent(WatchEventType::kModified, {.name = "a", .version = 11}));
  resource_.Inject(MakeEvent(WatchEventType::kDeleted, {.name = "gone", .version = 9}));
  resource_.Inject(MakeBookmark(8));
  dispatcher_.RunReady();
  resource_.Put({.name = "b"});  // 13
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@12", "ADDED b@13"));
  EXPECT_EQ(Stat("time_travel_refused_total"), 0);
  EXPECT_EQ(registry_.Sum("weir_filter_stale_dropped_total"), 2);
  EXPECT_EQ(replica.newest()->version, V(13));
}

TEST_F(ReflectorTest, ListsAgainWhenNewsComesOutOfOrder) {
  resource_.Put({.name = "a"});  // 11
  resource_.Put({.name = "b"});  // 12
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Put({.name = "c"});  // 13
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(10));
  // An update of "a" that was passed over.
  resource_.Inject(
      MakeEvent(WatchEventType::kModified, {.name = "a", .version = 12, .uid = "uid-1"}));
  dispatcher_.RunReady();
  EXPECT_EQ(Stat("time_travel_refused_total"), 1);
  resource_.Put({.name = "d"});  // 14
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_THAT(ReadAll(cursor), ElementsAre("ADDED c@13", "ADDED d@14"));
  EXPECT_EQ(Stat("relists_total"), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(ReflectorTest, TurnsTypesIntoWhatReadersKnow) {
  resource_.Put({.name = "a"});  // 11, uid-1
  CacheReplica& replica = Replica();
  WatchCursor cursor = CursorNow(replica);
  resource_.Inject(MakeEvent(WatchEventType::kAdded, {.name = "a", .version = 12, .uid = "uid-1"}));
  resource_.Inject(
      MakeEvent(WatchEventType::kModified, {.name = "b", .version = 13, .uid = "uid-2"}));
  resource_.Inject(
      MakeEvent(WatchEventType::kModified, {.name = "a", .version = 14, .uid = "uid-3"}));
  resource_.Inject(
      MakeEvent(WatchEventType::kDeleted, {.name = "b", .version = 15, .uid = "uid-4"}));
  resource_.Inject(MakeEvent(WatchEventType::kDeleted, {.name = "c", .version = 16}));
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@12", "ADDED b@13", "DELETED a@13",
                                           "ADDED a@14", "DELETED b@15"));
  EXPECT_EQ(cursor.complete_through(), V(16));
}

TEST_F(ReflectorTest, ListsWhenAStreamListBreaksOffOddly) {
  for (const absl::Status& status :
       {absl::OkStatus(), InternalError("x"), InvalidArgumentError("no JSON")}) {
    resource_.SetFaults([&](auto& faults) { faults.watches = {status}; });
    const int before = resource_.lists();
    CacheKey key = ConfigMaps();
    key.namespace_name = StrCat("n", before);
    CacheReplica& replica = Replica(key);
    dispatcher_.Advance(absl::Seconds(5));
    EXPECT_EQ(replica.state(), CacheReplica::State::kSynced);
    EXPECT_EQ(resource_.lists(), before + 1);
  }
}

TEST_F(ReflectorTest, ReadsProtobufAsItReadsJson) {
  resource_.Put({.name = "a"});
  CacheReplica& replica = Replica(ConfigMaps(Representation::kProtobuf));
  resource_.Put({.name = "b"});
  resource_.Delete("default", "a");
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State(Representation::kProtobuf));
  ASSERT_TRUE(replica.envelope().has_value());
  EXPECT_EQ(replica.envelope()->list_kind, "ConfigMapList");
}

}  // namespace
}  // namespace weir
