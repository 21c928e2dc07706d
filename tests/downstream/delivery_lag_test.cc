// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/delivery_lag.h"

#include <string>

#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "tests/downstream/watch_stream_fixture.h"

namespace weir {
namespace {

class DeliveryLagTest : public WatchStreamFixture {
 protected:
  void Change(const std::string& name) {
    resource_.Put({.name = name});
    dispatcher_.RunReady();
  }
  LatencyCounts Of(std::string_view name) const {
    LatencyCounts all;
    for (const auto& [labels, counts] : registry_.Latencies(name)) all.Add(counts);
    return all;
  }
  LatencyCounts Dispatch() const { return Of("weir_downstream_dispatch_seconds"); }
  LatencyCounts Backlog() const { return Of("weir_downstream_backlog_seconds"); }
};

void ExpectNear(absl::Duration got, absl::Duration want) {
  EXPECT_LE(absl::AbsDuration(got - want), want / 100) << got << " and not " << want;
}

TEST_F(DeliveryLagTest, AStreamThatTakesEverythingHasNoBacklog) {
  CacheReplica& replica = Replica();
  Watch(replica);
  Change("a");
  Change("b");
  EXPECT_EQ(Dispatch().count(), 2u);
  EXPECT_LT(Dispatch().Max(), absl::Milliseconds(1));
  EXPECT_EQ(Backlog().count(), 0u);
}

TEST_F(DeliveryLagTest, WhatAClientLetsWaitIsItsOwnBacklog) {
  CacheReplica& replica = Replica();
  Watch(replica);
  WatchClient& slow = Watch(replica);
  slow.Stall();
  Change("a");
  dispatcher_.Advance(absl::Seconds(2));
  slow.Take();
  EXPECT_EQ(Dispatch().count(), 1u);
  EXPECT_EQ(Backlog().count(), 1u);
  ExpectNear(Backlog().Max(), absl::Seconds(2));
  // It has everything now.
  Change("b");
  EXPECT_EQ(Dispatch().count(), 3u);
  EXPECT_EQ(Backlog().count(), 1u);
}

TEST_F(DeliveryLagTest, WhatWasThereBeforeTheStreamIsNotLate) {
  CacheReplica& replica = Replica();
  const ResourceVersion before = replica.newest()->version;
  Change("a");
  dispatcher_.Advance(absl::Hours(1));
  WatchClient& resumed = WatchFrom(replica, before);
  EXPECT_EQ(resumed.Read().size(), 1u);
  WatchClient& listing = StreamList(replica);
  EXPECT_GE(listing.Read().size(), 2u);
  EXPECT_EQ(Dispatch().count() + Backlog().count(), 0u);
}

TEST_F(DeliveryLagTest, BookmarksHaveAnAge) {
  CacheReplica& replica = Replica();
  Watch(replica);
  Change("a");
  resource_.Bump();
  resource_.SendBookmarks();
  dispatcher_.RunReady();
  dispatcher_.Advance(absl::Seconds(6));
  const LatencyCounts ages = Of("weir_downstream_bookmark_age_seconds");
  EXPECT_EQ(ages.count(), 1u);
  ExpectNear(ages.Max(), absl::Seconds(5));
}

TEST_F(DeliveryLagTest, OnlySoManyResourcesGetSeries) {
  DeliveryLags lags(registry_);
  for (size_t i = 0; i < DeliveryLags::kMaxResources + 50; ++i) {
    lags.Of(StrCat("r", i)).dispatch->Observe(absl::Seconds(1));
  }
  EXPECT_EQ(registry_.Latencies("weir_downstream_dispatch_seconds").size(),
            DeliveryLags::kMaxResources + 1);
  EXPECT_EQ(registry_.Sum("weir_downstream_dispatch_seconds", {{"resource", "other"}}), 50);
  EXPECT_EQ(&lags.Of("r0"), &lags.Of("r0"));
}

}  // namespace
}  // namespace weir
