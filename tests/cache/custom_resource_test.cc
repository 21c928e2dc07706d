// SPDX-License-Identifier: Apache-2.0

// What custom resources, and metadata, need beyond what built-in kinds do.

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;

class CustomResourceTest : public CacheFixture {};

CacheKey Foos() {
  CacheKey key = ConfigMaps();
  key.resource = {.group = "example.com", .version = "v1", .resource = "foos"};
  return key;
}

// As when a definition has changed.
TEST_F(CustomResourceTest, ResumesAWatchThatEndsEarlyAndComparesBytesBesideIt) {
  resource_.Put({.name = "a", .custom_resource = true});
  resource_.Put({.name = "b", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  WatchCursor cursor = CursorNow(replica);
  dispatcher_.Advance(absl::Minutes(3));
  resource_.Rewrite("default", "a", "defaulted");
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.watches(), 1);
  EXPECT_EQ(resource_.lists(), 1);
  EXPECT_EQ(StateOf(replica), resource_.State()) << "although no version has moved";
  EXPECT_TRUE(ReadAll(cursor).empty());
  EXPECT_TRUE(replica.upstream_healthy());

  dispatcher_.Advance(absl::Minutes(6));
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.lists(), 1) << "it had lasted as long as was asked for";
  EXPECT_EQ(resource_.watches(), 2);
  EXPECT_EQ(resource_.stream_lists(), 1);
}

TEST_F(CustomResourceTest, TellsEveryEventThatComesWhileItCompares) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  WatchCursor cursor = CursorNow(replica);
  dispatcher_.Advance(absl::Minutes(3));
  resource_.CutWatches();
  resource_.Put({.name = "b", .custom_resource = true});
  resource_.Delete("default", "b");
  resource_.Put({.name = "a", .data = "2", .custom_resource = true});
  resource_.Put({.name = "a", .data = "3", .custom_resource = true});
  dispatcher_.RunReady();
  EXPECT_THAT(ReadAll(cursor),
              ElementsAre("ADDED b@12", "DELETED b@13", "MODIFIED a@14", "MODIFIED a@15"));
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(Stat("relists_total"), 0);
}

TEST_F(CustomResourceTest, TakesNothingButBytesFromTheListBesideTheWatch) {
  resource_.Put({.name = "a", .custom_resource = true});
  resource_.Put({.name = "b", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  WatchCursor cursor = CursorNow(replica);
  const auto before = StateOf(replica);
  dispatcher_.Advance(absl::Minutes(3));
  resource_.SetFaults([](auto& faults) { faults.watches_lag = true; });
  resource_.CutWatches();
  resource_.Put({.name = "a", .data = "2", .custom_resource = true});
  resource_.Delete("default", "b");
  resource_.Put({.name = "c", .custom_resource = true});
  dispatcher_.RunReady();
  ASSERT_EQ(resource_.lists(), 1);
  EXPECT_EQ(StateOf(replica), before) << "the watch has not told of it yet";
  EXPECT_TRUE(ReadAll(cursor).empty());
  resource_.SetFaults([](auto& faults) { faults.watches_lag = false; });
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_THAT(ReadAll(cursor), ElementsAre("MODIFIED a@13", "DELETED b@14", "ADDED c@15"));
}

TEST_F(CustomResourceTest, IsNotUpToDateUntilTheBytesAreCompared) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  dispatcher_.Advance(absl::Minutes(3));
  resource_.Rewrite("default", "a", "defaulted");
  resource_.SetFaults([](auto& faults) {
    faults.lists = {UnavailableError("not yet"), TooManyRequestsError("later")};
  });
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.open_watches(), 1U);
  EXPECT_FALSE(replica.upstream_healthy());
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(resource_.lists(), 3);
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(StateOf(replica), resource_.State());
}

TEST_F(CustomResourceTest, SyncsAgainWhereTheListBesideTheWatchIsRefused) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  dispatcher_.Advance(absl::Minutes(3));
  resource_.Rewrite("default", "a", "defaulted");
  resource_.SetFaults([](auto& faults) { faults.lists = {PermissionDeniedError("no")}; });
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.lists(), 1);
  EXPECT_EQ(resource_.stream_lists(), 2) << "that takes no right to list";
  EXPECT_FALSE(replica.access(ReadVerb::kList).allowed);
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_EQ(Stat("relists_total"), 1);
}

TEST_F(CustomResourceTest, AnOlderListSaysNothingOfBytes) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  const uint64_t old = resource_.version();
  resource_.Put({.name = "b", .custom_resource = true});
  dispatcher_.Advance(absl::Minutes(3));
  resource_.SetFaults([old](auto& faults) { faults.list_version = old; });
  resource_.Rewrite("default", "a", "defaulted");
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.lists(), 1);
  EXPECT_FALSE(replica.upstream_healthy());
  resource_.SetFaults([](auto& faults) { faults.list_version.reset(); });
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(StateOf(replica), resource_.State());
}

// Whether the definition changed meanwhile nobody knows, and it is not likely.
TEST_F(CustomResourceTest, ComparesBytesLaterWhereTheConnectionBroke) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  dispatcher_.Advance(absl::Minutes(3));
  resource_.Rewrite("default", "a", "defaulted");
  resource_.CutWatches(UnavailableError("reset"));
  dispatcher_.Advance(absl::Seconds(1));
  EXPECT_EQ(resource_.watches(), 1);
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(resource_.lists(), 0);
  dispatcher_.Advance(absl::Seconds(10));
  EXPECT_EQ(resource_.lists(), 1);
  EXPECT_EQ(StateOf(replica), resource_.State());
  for (int i = 0; i < 5; ++i) {
    resource_.CutWatches(UnavailableError("reset"));
    dispatcher_.Advance(absl::Seconds(8));
  }
  EXPECT_EQ(resource_.lists(), 1);
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(resource_.lists(), 2) << "once a minute is enough";
}

TEST_F(CustomResourceTest, ASyncComparesBytesToo) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  dispatcher_.Advance(absl::Minutes(3));
  resource_.Rewrite("default", "a", "defaulted");
  resource_.Bump();
  resource_.Compact();
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(StateOf(replica), resource_.State());
  EXPECT_TRUE(replica.upstream_healthy());
  EXPECT_EQ(resource_.lists(), 0);
  EXPECT_EQ(resource_.stream_lists(), 2);
}

TEST_F(CustomResourceTest, ResumesABuiltInResourceWhoseWatchEndsEarly) {
  CacheKey leases = ConfigMaps();
  leases.resource = {.group = "coordination.k8s.io", .version = "v1", .resource = "leases"};
  resource_.Put({.name = "a"});
  Replica(leases);
  Replica();
  dispatcher_.Advance(absl::Minutes(1));
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.watches(), 2);
  EXPECT_EQ(Stat("relists_total"), 0);
}

TEST_F(CustomResourceTest, DoesNotListAgainAndAgainWhenWatchesEndAtOnce) {
  resource_.Put({.name = "a", .custom_resource = true});
  Replica(Foos());
  for (int i = 0; i < 50; ++i) {
    resource_.CutWatches();
    dispatcher_.Advance(absl::Milliseconds(100));
  }
  EXPECT_LE(resource_.stream_lists() + resource_.lists(), 3);
}

TEST_F(CustomResourceTest, OfMetadataTheEnvelopeIsKnown) {
  CacheKey key = Foos();
  key.metadata_only = true;
  CacheReplica& replica = Replica(key);
  ASSERT_TRUE(replica.envelope().has_value());
  EXPECT_EQ(replica.envelope()->list_kind, "PartialObjectMetadataList");
  EXPECT_EQ(replica.kind(), "PartialObjectMetadata");
  EXPECT_EQ(replica.api_version(), "meta.k8s.io/v1");
  resource_.Put({.name = "a", .custom_resource = true});
  dispatcher_.RunReady();
  EXPECT_EQ(replica.newest()->objects.size(), 1U);
  EXPECT_EQ(replica.envelope()->list_kind, "PartialObjectMetadataList");
}

TEST_F(CustomResourceTest, LearnsACustomResourcesEnvelopeWhenAsked) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica();
  EXPECT_FALSE(replica.envelope().has_value());
  resource_.SetFaults([](auto& faults) { faults.envelopes = {UnavailableError("later")}; });
  replica.WantEnvelope();
  dispatcher_.RunReady();
  EXPECT_FALSE(replica.envelope().has_value());
  const int changes = changes_;
  replica.WantEnvelope();
  replica.WantEnvelope();
  dispatcher_.RunReady();
  ASSERT_TRUE(replica.envelope().has_value());
  EXPECT_TRUE(replica.envelope()->custom_resource);
  EXPECT_EQ(changes_, changes + 1);
  EXPECT_EQ(resource_.envelopes(), 2);
}

}  // namespace
}  // namespace weir
