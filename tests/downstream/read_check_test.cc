// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/read_check.h"

#include "proxy/base/strings.h"
#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using Kind = ReadVerdict::Kind;
using Want = ReadVerdict::Want;

class ReadCheckTest : public CacheFixture {
 protected:
  ReadCheckTest() {
    resource_.Put({.name = "a"});
    resource_.Put({.name = "b"});
    replica_ = &Replica();
    for (const ReadVerb verb : {ReadVerb::kGet, ReadVerb::kList, ReadVerb::kWatch}) {
      replica_->WantAccess(verb);
    }
    dispatcher_.RunReady();
  }

  Decision Of(std::string_view target, const ResourcePolicy& policy = {}) {
    head_.method = "GET";
    head_.target = StrCat("/api/v1/configmaps", target);
    head_.end_of_stream = true;
    DecisionOptions options;
    options.policy = policy;
    Decision decision = Decide(head_, options);
    EXPECT_NE(decision.kind, Decision::Kind::kForward) << target;
    return decision;
  }
  ReadVerdict Check(const Decision& decision) {
    return CheckRead(decision, *replica_,
                     {.floors = floors_,
                      .told = floors_.Get(decision.key.resource, decision.key.namespace_name),
                      .arrived = arrived_,
                      .now = dispatcher_.Now(),
                      .unanswered = unanswered_,
                      .published = published_},
                     {});
  }
  ReadVerdict Check(std::string_view target) { return Check(Of(target)); }
  void CutOff() {
    resource_.CutWatches(UnavailableError("cut"));
    dispatcher_.RunReady();
    resource_.SetFaults([](FakeResource::Faults& faults) { faults.answers = false; });
  }
  // What else it is asked it answers.
  void FailWatches() {
    resource_.SetFaults([](FakeResource::Faults& faults) {
      faults.watches.assign(100, InternalError("a conversion webhook"));
    });
    resource_.CutWatches(InternalError("a conversion webhook"));
    dispatcher_.RunReady();
    ASSERT_FALSE(replica_->upstream_healthy());
  }
  void AskInVain() {
    resource_.SetFaults([](FakeResource::Faults& faults) {
      faults.reviews.push_back(UnavailableError("nobody is there"));
    });
    replica_->WantAccess(ReadVerb::kList);
    dispatcher_.RunReady();
  }
  const GroupVersionResource& resource() const { return replica_->key().resource; }
  ResourceVersion newest() const { return replica_->newest()->version; }

  RequestHead head_;
  ReadFloors floors_;
  CacheReplica* replica_ = nullptr;
  MonotonicTime arrived_ = dispatcher_.Now();
  bool unanswered_ = false;
  uint64_t published_ = 0;
};

constexpr std::string_view kList = "?resourceVersion=0";
constexpr std::string_view kStreamList =
    "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
constexpr ResourcePolicy kVerify = {.initial_sync = Freshness::kVerified,
                                    .consistent_reads = Freshness::kVerified};

TEST_F(ReadCheckTest, ServesWhatTheCacheHas) {
  for (const std::string_view target :
       {kList, kStreamList, std::string_view("?watch=1&resourceVersion=11")}) {
    EXPECT_EQ(Check(target).kind, Kind::kServe) << target;
  }
}

TEST_F(ReadCheckTest, AsksTheApiServerAgainWhetherItMayBeReadNow) {
  dispatcher_.Advance(absl::Seconds(31));
  for (const std::string_view target : {kList, kStreamList}) {
    const ReadVerdict verdict = Check(target);
    EXPECT_EQ(verdict.kind, Kind::kWait) << target;
    EXPECT_EQ(verdict.want, Want::kAccess) << target;
    EXPECT_EQ(verdict.reason, ForwardReason::kAccess) << target;
  }
  replica_->WantAccess(ReadVerb::kList);
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
  EXPECT_EQ(Check(kStreamList).kind, Kind::kWait) << "each verb is a right of its own";
}

TEST_F(ReadCheckTest, WaitsForAVersionThatIsYetToCome) {
  const uint64_t version = resource_.version();
  const ReadVerdict verdict = Check(StrCat("?resourceVersion=", version + 5));
  EXPECT_EQ(verdict.kind, Kind::kWait);
  EXPECT_EQ(verdict.want, Want::kCurrent);
  EXPECT_EQ(verdict.version, V(version + 5));
  EXPECT_TRUE(verdict.soon);
  EXPECT_EQ(verdict.reason, ForwardReason::kFutureVersion);
}

TEST_F(ReadCheckTest, NeverGoesBackBehindWhatWasTold) {
  const ResourceVersion next(resource_.version() + 1);
  floors_.Raise(resource(), "", next);
  for (const std::string_view target : {kList, kStreamList}) {
    EXPECT_EQ(Check(target).version, next) << target;
  }
  resource_.Put({.name = "c"});
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
}

TEST_F(ReadCheckTest, WaitsForWhatWatchesOnOtherWorkersHaveTold) {
  published_ = replica_->newest()->sequence + 1;
  for (const std::string_view target : {kList, kStreamList}) {
    EXPECT_EQ(Check(target).kind, Kind::kWait) << target;
    EXPECT_TRUE(Check(target).soon) << target;
  }
  EXPECT_EQ(Check("?watch=1&resourceVersion=11").kind, Kind::kServe);
  resource_.Put({.name = "c"});
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
}

TEST_F(ReadCheckTest, AWatchThatGoesOnNeedsNoFloor) {
  floors_.Raise(resource(), "", V(resource_.version() + 100));
  EXPECT_EQ(Check("?watch=1&resourceVersion=11").kind, Kind::kServe);
  EXPECT_EQ(Check("?watch=1&resourceVersion=0&sendInitialEvents=false"
                  "&resourceVersionMatch=NotOlderThan")
                .kind,
            Kind::kWait)
      << "one that begins now does";
}

TEST_F(ReadCheckTest, WaitsUntilADeletedObjectIsGone) {
  const ObjectPtr a = *replica_->newest()->objects.Find({"default", "a"});
  floors_.Gone(resource(), a->key(), std::string(a->uid()), dispatcher_.Now());
  const ReadVerdict verdict = Check(kList);
  EXPECT_EQ(verdict.kind, Kind::kWait);
  EXPECT_EQ(verdict.want, Want::kCurrent);
  EXPECT_FALSE(verdict.version.is_set());
  replica_->WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe) << "it is still there: the deletion was none";
  floors_.Gone(resource(), a->key(), std::string(a->uid()), dispatcher_.Now() + absl::Seconds(1));
  EXPECT_EQ(Check(kList).kind, Kind::kServe) << "what is told after it came does not bind it";
  resource_.Delete("default", "a");
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
}

// Nobody may ask for a proof for long: a watch that is up has brought it, if it was true.
TEST_F(ReadCheckTest, WhatWasSaidToBeGoneLongAgoIsSettledByAWatchThatIsUp) {
  floors_.Gone(resource(), {"default", "a"}, "", dispatcher_.Now());
  EXPECT_EQ(Check(kList).kind, Kind::kWait);
  dispatcher_.Advance(absl::Minutes(3));
  replica_->WantAccess(ReadVerb::kList);
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
}

TEST_F(ReadCheckTest, AnObjectIsNotWorthAProof) {
  dispatcher_.Advance(absl::Seconds(1));
  arrived_ = dispatcher_.Now();
  floors_.Unclear(resource(), "", arrived_);
  head_.target = "/api/v1/namespaces/default/configmaps/a?resourceVersion=0";
  head_.method = "GET";
  head_.end_of_stream = true;
  const ReadVerdict verdict = Check(Decide(head_, {}));
  EXPECT_EQ(verdict.kind, Kind::kForward);
  EXPECT_EQ(verdict.reason, ForwardReason::kNotCurrent);
}

TEST_F(ReadCheckTest, NobodyWaitsForAnAnswerThatHasFailed) {
  dispatcher_.Advance(absl::Seconds(31));
  resource_.SetFaults(
      [](FakeResource::Faults& faults) { faults.reviews.push_back(PermissionDeniedError("no")); });
  EXPECT_EQ(Check(kList).want, Want::kAccess);
  replica_->WantAccess(ReadVerb::kList);
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kForward);
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_EQ(Check(kList).want, Want::kAccess);
}

// An API server that hangs looks as if it were there until a PING of its connection is missed.
TEST_F(ReadCheckTest, TheLastWordCountsLongerWhileTheApiServerIsSilent) {
  dispatcher_.Advance(absl::Seconds(80));
  for (const absl::Status& silence : {TimeoutError("hangs"), UnavailableError("broke")}) {
    resource_.SetFaults([&](FakeResource::Faults& faults) { faults.reviews.push_back(silence); });
    EXPECT_EQ(Check(kList).want, Want::kAccess);
    replica_->WantAccess(ReadVerb::kList);
    dispatcher_.RunReady();
    EXPECT_EQ(Check(kList).want, Want::kAccess) << "that is no answer";
  }
  unanswered_ = true;
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
  dispatcher_.Advance(absl::Seconds(20));
  EXPECT_EQ(Check(kList).kind, Kind::kForward) << "nobody waits twice";
  EXPECT_EQ(Check(kList).reason, ForwardReason::kAccess);
  CutOff();
  EXPECT_EQ(Check(kList).kind, Kind::kServe) << "now it is known to be out of reach";
  unanswered_ = false;
  EXPECT_EQ(Check(kList).kind, Kind::kWait) << "others find that out for themselves";
}

TEST_F(ReadCheckTest, WhatIsUnclearNeedsAProof) {
  floors_.Unclear(resource(), "", dispatcher_.Now());
  const ReadVerdict verdict = Check(kList);
  EXPECT_EQ(verdict.kind, Kind::kWait);
  EXPECT_EQ(verdict.want, Want::kCurrent);
  EXPECT_EQ(verdict.reason, ForwardReason::kNotCurrent);
  replica_->WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
}

TEST_F(ReadCheckTest, WhatWasUnclearLongAgoIsSettledByAWatchThatIsUp) {
  floors_.Unclear(resource(), "", dispatcher_.Now());
  dispatcher_.Advance(absl::Minutes(3));
  replica_->WantAccess(ReadVerb::kList);
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
}

TEST_F(ReadCheckTest, TheMostRecentIsNotServedFromACacheThatIsCutOff) {
  CutOff();
  EXPECT_EQ(Check(kStreamList).kind, Kind::kForward);
  EXPECT_EQ(Check(kStreamList).reason, ForwardReason::kNotCurrent);
  EXPECT_EQ(Check(kList).kind, Kind::kServe) << "any version will do";
}

TEST_F(ReadCheckTest, TheLastWordCountsLongerWhileNobodyCanBeAsked) {
  FailWatches();
  dispatcher_.Advance(absl::Minutes(9));
  EXPECT_EQ(Check(kList).want, Want::kAccess) << "it may refuse watches only";
  AskInVain();
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
  dispatcher_.Advance(absl::Seconds(9));
  EXPECT_EQ(Check(kList).kind, Kind::kServe) << "not everybody waits for it";
  dispatcher_.Advance(absl::Seconds(2));
  EXPECT_EQ(Check(kList).want, Want::kAccess);
  unanswered_ = true;
  EXPECT_EQ(Check(kList).kind, Kind::kServe);
  dispatcher_.Advance(absl::Minutes(2));
  AskInVain();
  EXPECT_EQ(Check(kList).kind, Kind::kForward);
}

TEST_F(ReadCheckTest, WhatIsTakenAwayWhileWatchesFailIsNotServed) {
  FailWatches();
  resource_.SetFaults([](FakeResource::Faults& faults) { faults.denied = {ReadVerb::kList}; });
  dispatcher_.Advance(absl::Seconds(31));
  EXPECT_EQ(Check(kList).want, Want::kAccess);
  replica_->WantAccess(ReadVerb::kList);
  dispatcher_.RunReady();
  EXPECT_EQ(Check(kList).kind, Kind::kForward);
  EXPECT_EQ(Check(kList).reason, ForwardReason::kAccess);
}

TEST_F(ReadCheckTest, VerifiedNeedsAProofSinceTheRequestCame) {
  dispatcher_.Advance(absl::Seconds(1));
  arrived_ = dispatcher_.Now();
  for (const std::string_view target : {kStreamList, std::string_view("?limit=500")}) {
    const Decision decision = Of(target, kVerify);
    EXPECT_EQ(Check(decision).want, Want::kCurrent) << target;
    EXPECT_FALSE(Check(decision).soon) << target;
  }
  replica_->WantCurrent();
  dispatcher_.RunReady();
  EXPECT_EQ(Check(Of(kStreamList, kVerify)).kind, Kind::kServe);
  EXPECT_EQ(Check(Of("?limit=500", kVerify)).kind, Kind::kServe);
}

}  // namespace
}  // namespace weir
