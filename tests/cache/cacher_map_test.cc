// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/cacher_map.h"

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

CacheKey InNamespace(const std::string& name_space) {
  CacheKey key = ConfigMaps();
  key.namespace_name = name_space;
  return key;
}

class CacherMapTest : public CacheFixture {
 protected:
  CacherMapTest() : CacheFixture({.max_caches = 5}) {}
  size_t rows() const { return map_->Rows().size(); }
};

TEST_F(CacherMapTest, ReadsTheApiServerOnceForAllReaders) {
  for (int i = 0; i < 200; ++i) {
    ASSERT_NE(map_->Get(ConfigMaps()), nullptr);
    subscriptions_.push_back(map_->Get(ConfigMaps())->Subscribe({.on_change = [] {}}));
  }
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.stream_lists() + resource_.lists(), 1);
  EXPECT_EQ(map_->Rows().at(0).readers, 200U);
  EXPECT_EQ(Stat("readers"), 200);
}

TEST_F(CacherMapTest, FindNeverMakesOne) {
  EXPECT_EQ(map_->Find(ConfigMaps()), nullptr);
  EXPECT_EQ(rows(), 0U);
}

TEST_F(CacherMapTest, TellsReadersOfEveryChangeInATurn) {
  CacheReplica& replica = Replica();
  const int before = changes_;
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  dispatcher_.RunReady();
  EXPECT_EQ(changes_, before + 1) << "what one read brings is one Revision";
  EXPECT_EQ(replica.newest()->events.size(), 2U);
}

TEST_F(CacherMapTest, CountsWhatAnEventHasWaitedForTheLoopAsIngest) {
  const CacheReplica& replica = Replica();
  dispatcher_.Advance(absl::Seconds(1));
  dispatcher_.set_ready_since(dispatcher_.Now() + -absl::Milliseconds(50));
  resource_.Put({.name = "a"});
  resource_.Put({.name = "b"});
  dispatcher_.RunReady();
  const auto ingest = registry_.Latencies("weir_cache_ingest_seconds");
  ASSERT_EQ(ingest.size(), 1U);
  EXPECT_EQ(ingest[0].second.count(), 2U);
  EXPECT_NEAR(absl::ToDoubleMilliseconds(ingest[0].second.Max()), 50, 0.5);
  EXPECT_EQ(replica.newest()->arrived, dispatcher_.ReadySince());
  EXPECT_EQ(replica.newest()->published, dispatcher_.Now());
}

TEST_F(CacherMapTest, ServesNarrowFromWideOnceThatIsSynced) {
  CacheKey narrow = InNamespace("a");
  narrow.label_selector = "app=web";
  resource_.Put({.name = "a", .namespace_name = "b"});
  CacheReplica* const wide = map_->Get(ConfigMaps());
  EXPECT_NE(map_->Get(narrow), wide) << "not synced yet";
  dispatcher_.RunReady();
  EXPECT_EQ(map_->Get(InNamespace("b")), wide);
  CacheKey selected = ConfigMaps();
  selected.field_selector = "metadata.name=a";
  EXPECT_EQ(map_->Get(selected, {.fields_local = true}), wide);
  EXPECT_NE(map_->Get(narrow), wide) << "has one of its own";
  EXPECT_NE(map_->Get(ConfigMaps(Representation::kProtobuf)), wide);
}

TEST_F(CacherMapTest, ServesASelectionFromItsNamespace) {
  Replica(InNamespace("a"));
  CacheKey selected = InNamespace("a");
  selected.label_selector = "app";
  EXPECT_EQ(map_->Get(selected), map_->Get(InNamespace("a")));
  EXPECT_NE(map_->Get(InNamespace("b")), map_->Get(InNamespace("a")));
}

// A path with a namespace is 404 where the kind has none, and a cache without objects does not show
// that: the narrower request gets a cache of its own, and with it the API server's word.
TEST_F(CacherMapTest, ChoosesByNamespaceOnlyWhereObjectsHaveShownOne) {
  CacheKey by_field = ConfigMaps();
  by_field.field_selector = "metadata.namespace=a";
  const Narrowing narrowing{.fields_local = true, .fields_of_namespace = true};
  CacheReplica& wide = Replica();
  EXPECT_EQ(map_->Find(InNamespace("a")), nullptr);
  EXPECT_EQ(map_->Find(by_field, narrowing), nullptr);
  resource_.Put({.name = "node", .namespace_name = ""});
  dispatcher_.RunReady();
  EXPECT_EQ(map_->Find(InNamespace("a")), nullptr);
  EXPECT_EQ(map_->Find(by_field, narrowing), nullptr);
  resource_.Delete("", "node");
  resource_.Put({.name = "a", .namespace_name = "b"});
  dispatcher_.RunReady();
  EXPECT_EQ(map_->Find(InNamespace("a")), &wide);
  EXPECT_EQ(map_->Find(by_field, narrowing), &wide);
  resource_.Delete("b", "a");
  dispatcher_.RunReady();
  EXPECT_EQ(map_->Find(InNamespace("a")), &wide) << "what it once had is not forgotten";
}

TEST_F(CacherMapTest, ChoosesByFieldsOnlyWhereTheReaderCan) {
  CacheKey selected = ConfigMaps();
  selected.field_selector = "status.phase=Running";
  resource_.Put({.name = "a", .namespace_name = "a", .data = "x"});
  CacheReplica& wide = Replica();
  EXPECT_EQ(map_->Find(selected), nullptr);
  EXPECT_EQ(map_->Find(selected, {.fields_local = true}), &wide);
  // One with the very same selector serves what is narrower in other ways.
  CacheReplica& same = Replica(selected);
  ASSERT_NE(&same, &wide);
  CacheKey narrower = selected;
  narrower.namespace_name = "a";
  narrower.label_selector = "app";
  EXPECT_EQ(map_->Find(narrower), &same);
  EXPECT_EQ(map_->Find(narrower, {.fields_local = true}), &same) << "holds less beyond it";
}

TEST_F(CacherMapTest, MakesMetadataOnlyWhereTheReaderCan) {
  CacheKey metadata = InNamespace("a");
  metadata.metadata_only = true;
  CacheReplica& whole = Replica();
  EXPECT_EQ(map_->Find(metadata), nullptr);
  EXPECT_EQ(map_->Find(metadata, {.metadata_local = true}), nullptr)
      << "of an empty cache nobody knows whether it is of a custom resource";
  resource_.Put({.name = "a", .namespace_name = "a"});
  resource_.Compact();
  dispatcher_.Advance(absl::Seconds(5));
  resource_.CutWatches(ResourceExpiredError("gone"));
  dispatcher_.RunReady();
  EXPECT_EQ(map_->Find(metadata, {.metadata_local = true}), &whole);
  CacheKey all = ConfigMaps();
  all.metadata_only = true;
  CacheReplica& of_metadata = Replica(all);
  EXPECT_EQ(map_->Find(metadata), &of_metadata);
  EXPECT_EQ(map_->Find(metadata, {.metadata_local = true}), &of_metadata) << "the cheaper one";
  EXPECT_NE(map_->Find(InNamespace("a")), &of_metadata) << "has too little";
}

TEST_F(CacherMapTest, OfACustomResourceInJsonMetadataIsNotMade) {
  CacheKey metadata = ConfigMaps();
  metadata.metadata_only = true;
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& whole = Replica();
  whole.WantEnvelope();
  dispatcher_.RunReady();
  ASSERT_TRUE(whole.envelope().has_value());
  EXPECT_EQ(map_->Find(metadata, {.metadata_local = true}), nullptr);
}

class CacherMapBudgetTest : public CacheFixture {
 protected:
  CacherMapBudgetTest() : CacheFixture({.byte_budget = 10000}) {}
  // One with a reader, or without.
  CacheReplica* Fill(const std::string& name_space, size_t bytes, bool read) {
    resource_.Put({.name = "a", .namespace_name = name_space, .data = std::string(bytes, 'x')});
    CacheReplica* const replica = map_->Get(InNamespace(name_space));
    if (read) subscriptions_.push_back(replica->Subscribe({.on_change = [] {}}));
    dispatcher_.RunReady();
    return replica;
  }
};

TEST_F(CacherMapBudgetTest, TheLargestCacheWithoutReadersMakesRoom) {
  CacheReplica* const read = Fill("read", 6000, true);
  Fill("small", 1000, false);
  CacheReplica* const large = Fill("large", 3000, false);
  ASSERT_NE(large, nullptr);
  CacheReplica* const made = map_->Get(InNamespace("new"));
  ASSERT_NE(made, nullptr);
  EXPECT_NE(map_->Get(InNamespace("newer")), nullptr) << "the room is not counted twice";
  EXPECT_EQ(map_->Get(InNamespace("large")), nullptr) << "forwarded for a while";
  EXPECT_NE(map_->Find(InNamespace("small")), nullptr);
  EXPECT_EQ(read->state(), CacheReplica::State::kSynced);
  EXPECT_EQ(Stat("evicted_total"), 1);
  dispatcher_.RunReady();
  EXPECT_EQ(map_->Rows().size(), 4U);
}

TEST_F(CacherMapBudgetTest, NothingIsDroppedWhereThatIsNotEnough) {
  Fill("small", 1000, false);
  Fill("read", 12000, true);
  EXPECT_EQ(map_->Get(InNamespace("new")), nullptr);
  EXPECT_EQ(Stat("evicted_total"), 0);
  EXPECT_EQ(Stat("refused_total"), 1);
  EXPECT_NE(map_->Find(InNamespace("small")), nullptr);
}

TEST_F(CacherMapBudgetTest, ForwardsNewResourcesWhenTheBytesAreUsedUp) {
  resource_.Put({.name = "a", .data = std::string(10000, 'x')});
  Replica();
  EXPECT_EQ(map_->Get(ConfigMaps(Representation::kProtobuf)), nullptr);
  EXPECT_NE(map_->Get(ConfigMaps()), nullptr);
  EXPECT_EQ(registry_.Sum("weir_cache_refused_total"), 1);
}

TEST_F(CacherMapTest, ForwardsWhatWouldBeTooManyCaches) {
  for (int i = 0; i < 5; ++i) EXPECT_NE(map_->Get(InNamespace(StrCat("n", i))), nullptr);
  EXPECT_EQ(map_->Get(InNamespace("n5")), nullptr);
  EXPECT_NE(map_->Get(InNamespace("n0")), nullptr);
}

TEST_F(CacherMapTest, DropsWhatNobodyReads) {
  Replica();
  ASSERT_EQ(resource_.open_watches(), 1U);
  dispatcher_.Advance(absl::Hours(1));
  EXPECT_EQ(rows(), 1U) << "it has a reader";
  subscriptions_.clear();
  dispatcher_.Advance(absl::Minutes(4));
  EXPECT_NE(map_->Get(ConfigMaps()), nullptr);
  dispatcher_.Advance(absl::Minutes(4));
  EXPECT_EQ(rows(), 1U) << "it was asked for";
  dispatcher_.Advance(absl::Minutes(2));
  EXPECT_EQ(rows(), 0U);
  EXPECT_EQ(resource_.open_watches(), 0U);
  EXPECT_EQ(map_->Find(ConfigMaps()), nullptr);
  EXPECT_EQ(Stat("objects"), 0);
}

TEST_F(CacherMapTest, ACacheMadeAnewIsNoOlderThanTheOneThatWent) {
  resource_.SetFaults([](auto& faults) { faults.stream_list = false; });
  Replica();
  resource_.Put({.name = "a"});
  dispatcher_.RunReady();
  const ResourceVersion shown = V(resource_.version());
  subscriptions_.clear();
  dispatcher_.Advance(absl::Minutes(6));
  ASSERT_EQ(rows(), 0U);

  resource_.SetFaults([](auto& faults) { faults.list_version = 10; });
  CacheReplica& replica = Replica(InNamespace("default"));
  EXPECT_EQ(resource_.last_list_at_least(), shown);
  EXPECT_EQ(replica.state(), CacheReplica::State::kSyncing);
  resource_.SetFaults([](auto& faults) { faults.list_version.reset(); });
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(replica.newest()->version, shown);
}

TEST_F(CacherMapTest, ForwardsForAWhileAfterADenialThenTriesAnew) {
  resource_.SetFaults([](auto& faults) { faults.watches = {PermissionDeniedError("no")}; });
  CacheReplica& replica = Replica();
  EXPECT_EQ(replica.state(), CacheReplica::State::kUnavailable);
  EXPECT_EQ(rows(), 0U);
  dispatcher_.Advance(absl::Seconds(9));
  EXPECT_EQ(map_->Get(ConfigMaps()), nullptr);
  dispatcher_.Advance(absl::Seconds(2));
  CacheReplica& again = Replica();
  EXPECT_EQ(again.state(), CacheReplica::State::kSynced);
  EXPECT_EQ(replica.state(), CacheReplica::State::kUnavailable) << "its reader still holds it";
}

TEST_F(CacherMapTest, DropAllTellsEveryReader) {
  CacheReplica& synced = Replica();
  const RevisionPtr newest = synced.newest();
  CacheReplica* const syncing = map_->Get(InNamespace("other"));
  (void)syncing;
  map_->DropAll(UnauthenticatedError("another identity"));
  EXPECT_EQ(synced.state(), CacheReplica::State::kUnavailable);
  EXPECT_EQ(synced.newest(), newest) << "frozen";
  EXPECT_EQ(map_->Get(ConfigMaps()), nullptr);
  EXPECT_EQ(rows(), 0U);
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.open_watches(), 0U);
}

TEST_F(CacherMapTest, ReadersMayLeaveAndComeAndMakeCachesWhileTheyAreTold) {
  CacheReplica* const replica = map_->Get(ConfigMaps());
  RequestHandle leaving;
  RequestHandle other;
  RequestHandle coming;
  int told = 0;
  leaving = replica->Subscribe({.on_change = [&] {
    ++told;
    leaving.reset();
    other.reset();
    coming = map_->Get(InNamespace("x"))->Subscribe({.on_change = [&] { told += 100; }});
  }});
  other = replica->Subscribe({.on_change = [&] { told += 10; }});
  dispatcher_.RunReady();
  EXPECT_EQ(told, 101) << "the new cache has come, too";
  ASSERT_NE(coming, nullptr);
}

// The last reader leaves in the very call that says there is nothing more.
TEST_F(CacherMapTest, TheLastReaderMayLeaveWhenToldOfTheEnd) {
  CacheReplica* const replica = map_->Get(ConfigMaps());
  RequestHandle handle;
  bool asked_again = false;
  handle = replica->Subscribe({.on_change = [&] {
    if (replica->state() != CacheReplica::State::kUnavailable) return;
    handle.reset();
    asked_again = map_->Get(ConfigMaps()) == nullptr;
  }});
  dispatcher_.RunReady();
  map_->DropAll(PermissionDeniedError("revoked"));
  dispatcher_.RunReady();
  EXPECT_EQ(handle, nullptr);
  EXPECT_TRUE(asked_again);
  EXPECT_EQ(Stat("readers"), 0);
}

TEST_F(CacherMapTest, SubscriptionsMayOutliveTheMap) {
  Replica();
  map_->Stop();
  map_.reset();
  subscriptions_.clear();
}

// Two workers, run by hand.
class TwoMapsTest : public CacheFixture {
 protected:
  TwoMapsTest() {
    others_map_.SetPeers({map_.get(), &others_map_});
    map_->SetPeers({map_.get(), &others_map_});
    replica_ = map_->Get(ConfigMaps());
    others_ = others_map_.Get(ConfigMaps());
    subscriptions_.push_back(replica_->Subscribe({.on_change = [] {}}));
    subscriptions_.push_back(others_->Subscribe({.on_change = [] {}}));
    RunBoth();
  }
  ~TwoMapsTest() override {
    subscriptions_.clear();
    map_->Stop();
    others_map_.Stop();
  }
  void RunBoth() {
    while (dispatcher_.RunOnce() || others_dispatcher_.RunOnce()) continue;
  }

  ManualDispatcher others_dispatcher_;
  CacherMap others_map_{
      {.dispatcher = others_dispatcher_,
       .registry = registry_,
       .new_source =
           [this](const CacheKey& key) {
             return std::make_unique<FakeListerWatcher>(others_dispatcher_, resource_, key);
           },
       .new_filters = [this](const GroupVersionResource&) { return UsualFilters(filter_stats_); },
       .options = {}}};
  CacheReplica* replica_ = nullptr;
  CacheReplica* others_ = nullptr;
};

TEST_F(TwoMapsTest, AWorkerThatIsBehindKnowsWhatWasPublished) {
  const bool here = !map_->Rows().empty();
  ManualDispatcher& home = here ? dispatcher_ : others_dispatcher_;
  const CacheReplica& first = here ? *replica_ : *others_;
  const CacheReplica& second = here ? *others_ : *replica_;
  EXPECT_EQ(second.published(), second.newest()->sequence);
  resource_.Put({.name = "a"});
  home.RunReady();
  EXPECT_EQ(first.published(), first.newest()->sequence);
  EXPECT_EQ(second.published(), first.newest()->sequence);
  EXPECT_LT(second.newest()->sequence, second.published());
  RunBoth();
  EXPECT_EQ(second.newest()->sequence, second.published());
}

TEST_F(TwoMapsTest, WhatOtherCachesHavePublishedIsElsewhereUntilItsReplicaHasIt) {
  const bool here = !map_->Rows().empty();
  ManualDispatcher& home = here ? dispatcher_ : others_dispatcher_;
  CacherMap& first = here ? *map_ : others_map_;
  CacherMap& second = here ? others_map_ : *map_;
  const CacheKey other = ConfigMaps(Representation::kProtobuf);
  // The first state is noted by those who are answered with it.
  EXPECT_FALSE(second.PublishedElsewhere(other, "").is_set());
  const uint64_t version = resource_.Put({.name = "a"});
  home.RunReady();
  EXPECT_FALSE(first.PublishedElsewhere(other, "").is_set());
  EXPECT_EQ(second.PublishedElsewhere(other, ""), V(version));
  EXPECT_EQ(second.PublishedElsewhere(other, "default"), V(version));
  EXPECT_FALSE(second.PublishedElsewhere(ConfigMaps(), "").is_set());
  RunBoth();
  EXPECT_FALSE(second.PublishedElsewhere(other, "").is_set());
}

TEST_F(TwoMapsTest, WhatIsOfOtherNamespacesIsNotElsewhere) {
  CacheKey key = ConfigMaps();
  key.namespace_name = "a";
  CacherMap& mine = *map_;
  subscriptions_.push_back(others_map_.Get(key)->Subscribe({.on_change = [] {}}));
  RunBoth();
  const uint64_t version = resource_.Put({.name = "a", .namespace_name = "a"});
  RunBoth();
  const CacheKey other = ConfigMaps(Representation::kProtobuf);
  EXPECT_FALSE(mine.PublishedElsewhere(other, "b").is_set());
  EXPECT_EQ(mine.PublishedElsewhere(other, ""), V(version));
}

// By the second time it has a replica, whose changes can be looked at; without a reader it goes.
TEST_F(TwoMapsTest, WhatIsElsewhereComesHere) {
  CacheKey key = ConfigMaps();
  key.namespace_name = "a";
  subscriptions_.push_back(others_map_.Get(key)->Subscribe({.on_change = [] {}}));
  RunBoth();
  const uint64_t version = resource_.Put({.name = "a", .namespace_name = "a"});
  RunBoth();
  EXPECT_EQ(map_->Find(key), replica_);  // Which is wider.
  const CacheKey other = ConfigMaps(Representation::kProtobuf);
  EXPECT_EQ(map_->PublishedElsewhere(other, "a"), V(version));
  RunBoth();
  EXPECT_FALSE(map_->PublishedElsewhere(other, "a").is_set());
  EXPECT_EQ(map_->Find(key)->key(), key);
  subscriptions_.pop_back();
  RunBoth();
  EXPECT_EQ(map_->Rows().size() + others_map_.Rows().size(), 2U);
  dispatcher_.Advance(CacherOptions().idle_timeout);
  others_dispatcher_.Advance(CacherOptions().idle_timeout);
  RunBoth();
  EXPECT_EQ(map_->Rows().size() + others_map_.Rows().size(), 1U);
}

TEST_F(TwoMapsTest, WhatCachesHadPublishedThatHaveGoneIsElsewhere) {
  const uint64_t version = resource_.Put({.name = "a"});
  RunBoth();
  resource_.Bump();
  resource_.SendBookmarks();
  RunBoth();
  map_->DropAll(PermissionDeniedError("revoked"));
  RunBoth();
  const CacheKey other = ConfigMaps(Representation::kProtobuf);
  EXPECT_EQ(map_->PublishedElsewhere(other, ""), V(version));
  EXPECT_EQ(others_map_.PublishedElsewhere(other, ""), V(version));
}

}  // namespace
}  // namespace weir
