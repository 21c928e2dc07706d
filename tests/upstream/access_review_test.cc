// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/access_review.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/upstream/api_server_client.h"
#include "tests/upstream/proxy_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class AccessReviewCallTest : public ProxyFixture {
 protected:
  AccessReviewCallTest() : ProxyFixture("h2", "h2") {
    key_.resource = {"apps", "v1", "deployments"};
    key_.namespace_name = "a";
  }
  ~AccessReviewCallTest() override { handle_.reset(); }

  void Review(ReadVerb verb) {
    source_ = NewApiServerSource(upstream_, key_);
    handle_ = source_->ReviewAccess(verb, [this](absl::StatusOr<bool> allowed) {
      ++calls_;
      allowed_ = std::move(allowed);
    });
    EXPECT_EQ(calls_, 0);
    dispatcher_.RunReady();
    ASSERT_EQ(requests_.size(), 1u);
  }
  void Answer(int status, std::string_view body) {
    seen().Answer(status, "application/json", body);
    dispatcher_.RunReady();
    EXPECT_EQ(calls_, 1);
  }
  double Reviews(const std::string& result) const {
    return registry_.Sum("weir_upstream_access_reviews_total", {{"result", result}});
  }

  CacheKey key_;
  ListerWatcherPtr source_;
  RequestHandle handle_;
  int calls_ = 0;
  absl::StatusOr<bool> allowed_ = UnavailableError("not called");
};

constexpr std::string_view kAllowed =
    R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},)"
    R"("status":{"allowed":true,"reason":"RBAC"}})";
constexpr std::string_view kDenied =
    R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},)"
    R"("status":{"allowed":false}})";

TEST_F(AccessReviewCallTest, AsksWhatWeirItselfMayDo) {
  Review(ReadVerb::kWatch);
  EXPECT_EQ(own_server_.connections(), 1);
  EXPECT_EQ(callers_server_.connections(), 0);
  EXPECT_EQ(seen().head.method, "POST");
  EXPECT_EQ(seen().head.target, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
  EXPECT_EQ(seen().head.headers.Get("authorization"), "Bearer weirs-own");
  EXPECT_EQ(seen().head.headers.Get("content-type"), "application/json");
  EXPECT_EQ(seen().head.headers.Get("accept"), "application/json");
  EXPECT_EQ(seen().body,
            R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1",)"
            R"("spec":{"resourceAttributes":{"verb":"watch","namespace":"a","group":"apps",)"
            R"("version":"v1","resource":"deployments"}}})");
  EXPECT_TRUE(seen().ended);
  Answer(201, kAllowed);
  ASSERT_TRUE(allowed_.ok()) << allowed_.status();
  EXPECT_TRUE(*allowed_);
  EXPECT_EQ(Reviews("allowed"), 1);
}

TEST_F(AccessReviewCallTest, AsksInTheScopeOfTheCache) {
  key_.label_selector = "app=b";
  key_.field_selector = "status.phase!=x,metadata.name=y";
  Review(ReadVerb::kList);
  EXPECT_THAT(seen().body, AllOf(HasSubstr(R"("name":"y")"), HasSubstr(R"("rawSelector":"app=b")"),
                                 HasSubstr(R"("rawSelector":"status.phase!=x,metadata.name=y")")));
}

TEST_F(AccessReviewCallTest, AGetHasANameAndNoSelectors) {
  key_.label_selector = "app=b";
  key_.field_selector = "metadata.name=y";
  Review(ReadVerb::kGet);
  EXPECT_THAT(seen().body, AllOf(HasSubstr(R"("name":"y")"), Not(HasSubstr("Selector"))));
}

TEST_F(AccessReviewCallTest, ANameThatIsRuledOutIsNone) {
  key_.field_selector = "metadata.name!=y";
  Review(ReadVerb::kGet);
  EXPECT_THAT(seen().body, Not(HasSubstr(R"("name")")));
}

TEST_F(AccessReviewCallTest, ADenialIsAnAnswer) {
  Review(ReadVerb::kGet);
  Answer(201, kDenied);
  ASSERT_TRUE(allowed_.ok()) << allowed_.status();
  EXPECT_FALSE(*allowed_);
  EXPECT_EQ(Reviews("denied"), 1);
}

TEST_F(AccessReviewCallTest, WhatIsNoReviewSaysNothing) {
  Review(ReadVerb::kGet);
  Answer(200, R"({"kind":"Status","status":{"allowed":true}})");
  EXPECT_FALSE(allowed_.ok());
  EXPECT_THAT(MessageOf(allowed_.status()),
              StartsWith("cannot tell whether Weir may get deployments.apps: "));
  EXPECT_EQ(Reviews("failed"), 1);
}

TEST_F(AccessReviewCallTest, NotBeingAllowedToAskSaysNothing) {
  Review(ReadVerb::kGet);
  Answer(403, R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":403})");
  EXPECT_TRUE(IsPermissionDenied(allowed_.status())) << allowed_.status();
  EXPECT_EQ(Reviews("failed"), 1);
}

class AccessReviewErrorTest : public AccessReviewCallTest,
                              public testing::WithParamInterface<int> {};

INSTANTIATE_TEST_SUITE_P(Codes, AccessReviewErrorTest, testing::Values(429, 500, 503, 504));

// A request that waits is then forwarded: it may be answered, or refused, where the question was
// not.
TEST_P(AccessReviewErrorTest, AnErrorIsNoSilence) {
  Review(ReadVerb::kGet);
  Answer(GetParam(), StrCat(R"({"kind":"Status","apiVersion":"v1","status":"Failure","code":)",
                            GetParam(), "}"));
  ASSERT_FALSE(allowed_.ok());
  EXPECT_FALSE(IsUnavailable(allowed_.status()) || IsTimeout(allowed_.status()))
      << allowed_.status();
}

// It says nothing of what was asked for, such as that it were too large.
TEST_F(AccessReviewCallTest, ThatTooManyWaitForAConnectionIsASilence) {
  source_ = NewApiServerSource(upstream_, key_);
  std::vector<RequestHandle> handles;
  std::vector<absl::Status> failed;
  for (int i = 0; i < 1500; ++i) {
    handles.push_back(source_->List({}, [&failed](const absl::StatusOr<ObjectList>& list) {
      failed.push_back(list.status());
    }));
  }
  dispatcher_.RunReady();
  ASSERT_FALSE(failed.empty());
  EXPECT_TRUE(IsUnavailable(failed[0])) << failed[0];
  EXPECT_THAT(MessageOf(failed[0]), HasSubstr("wait for a connection"));
}

TEST_F(AccessReviewCallTest, AnEndlessAnswerIsRefused) {
  Review(ReadVerb::kGet);
  Answer(201, std::string(2 << 20, ' '));
  EXPECT_TRUE(IsLimit(allowed_.status())) << allowed_.status();
}

TEST_F(AccessReviewCallTest, SilenceHasAnEnd) {
  Review(ReadVerb::kGet);
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(IsTimeout(allowed_.status())) << allowed_.status();
}

TEST_F(AccessReviewCallTest, DestroyingItCancels) {
  Review(ReadVerb::kGet);
  handle_.reset();
  dispatcher_.RunReady();
  EXPECT_TRUE(seen().reset);
  EXPECT_EQ(calls_, 0);
}

}  // namespace
}  // namespace weir
