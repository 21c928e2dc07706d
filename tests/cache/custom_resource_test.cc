// SPDX-License-Identifier: Apache-2.0

// What custom resources, and metadata, need beyond what built-in kinds do.

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

class CustomResourceTest : public CacheFixture {};

CacheKey Foos() {
  CacheKey key = ConfigMaps();
  key.resource = {.group = "example.com", .version = "v1", .resource = "foos"};
  return key;
}

// As when a definition has changed.
TEST_F(CustomResourceTest, ListsACustomResourceAgainWhenItsWatchEndsEarly) {
  resource_.Put({.name = "a", .custom_resource = true});
  CacheReplica& replica = Replica(Foos());
  WatchCursor cursor = CursorNow(replica);
  dispatcher_.Advance(absl::Minutes(3));
  resource_.Rewrite("default", "a", "defaulted");
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.stream_lists(), 2);
  EXPECT_EQ(resource_.watches(), 0);
  EXPECT_EQ(StateOf(replica), resource_.State()) << "although no version has moved";
  EXPECT_TRUE(ReadAll(cursor).empty());
  EXPECT_TRUE(replica.upstream_healthy());

  dispatcher_.Advance(absl::Minutes(5));
  resource_.CutWatches();
  dispatcher_.RunReady();
  EXPECT_EQ(resource_.stream_lists(), 2) << "it had lasted as long as was asked for";
  EXPECT_EQ(resource_.watches(), 1);
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
    dispatcher_.RunReady();
  }
  EXPECT_LE(resource_.stream_lists() + resource_.lists(), 2);
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
