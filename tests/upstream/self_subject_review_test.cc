// SPDX-License-Identifier: Apache-2.0
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/upstream/api_server_client.h"
#include "tests/upstream/proxy_fixture.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class SelfSubjectReviewTest : public ProxyFixture {
 protected:
  SelfSubjectReviewTest() : ProxyFixture("h2", "h2") {}
  ~SelfSubjectReviewTest() override { handle_.reset(); }

  void Review(const std::string& authorization) {
    handle_ = ReviewIdentity(upstream_, authorization, [this](absl::StatusOr<Identity> identity) {
      ++calls_;
      identity_ = std::move(identity);
    });
    dispatcher_.RunReady();
    ASSERT_EQ(requests_.size(), 1u);
    EXPECT_EQ(calls_, 0);
  }
  void Answer(int status, std::string_view content_type, std::string_view body) {
    seen().Answer(status, content_type, body);
    dispatcher_.RunReady();
    EXPECT_EQ(calls_, 1);
  }

  RequestHandle handle_;
  int calls_ = 0;
  absl::StatusOr<Identity> identity_ = UnavailableError("not called");
};

constexpr std::string_view kAnswer =
    R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","metadata":{},)"
    R"("status":{"userInfo":{"username":"jane","uid":"7","groups":["b","a"],)"
    R"("extra":{"pod":["x"]}}}})";

TEST_F(SelfSubjectReviewTest, AsksWhoACallerIsOnTheCallersConnections) {
  Review("Bearer callers-own");
  EXPECT_EQ(callers_server_.connections(), 1);
  EXPECT_EQ(own_server_.connections(), 0);
  EXPECT_EQ(seen().head.method, "POST");
  EXPECT_EQ(seen().head.target, "/apis/authentication.k8s.io/v1/selfsubjectreviews");
  EXPECT_EQ(seen().head.headers.Get("authorization"), "Bearer callers-own");
  EXPECT_EQ(seen().head.headers.Get("content-type"), "application/json");
  EXPECT_EQ(seen().body, R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"})");
  EXPECT_TRUE(seen().ended);
  Answer(201, "application/json", kAnswer);
  ASSERT_TRUE(identity_.ok()) << identity_.status();
  EXPECT_EQ(identity_->username, "jane");
  EXPECT_EQ(identity_->uid, "7");
  EXPECT_THAT(identity_->groups, ElementsAre("a", "b"));
}

TEST_F(SelfSubjectReviewTest, AsksWhoWeirIsOnItsOwnConnections) {
  Review("");
  EXPECT_EQ(own_server_.connections(), 1);
  EXPECT_EQ(callers_server_.connections(), 0);
  EXPECT_EQ(seen().head.headers.Get("authorization"), "Bearer weirs-own");
}

TEST_F(SelfSubjectReviewTest, AnUnknownTokenIsUnauthenticated) {
  Review("Bearer wrong");
  Answer(401, "application/json",
         R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
         R"("message":"Unauthorized","reason":"Unauthorized","code":401})");
  EXPECT_TRUE(IsUnauthenticated(identity_.status())) << identity_.status();
}

TEST_F(SelfSubjectReviewTest, AnUnreadableAnswerProvesNothing) {
  Review("Bearer a");
  Answer(201, "application/json", R"({"kind":"Status"})");
  EXPECT_FALSE(identity_.ok());
  EXPECT_THAT(MessageOf(identity_.status()), StartsWith("cannot tell whose a credential is: "));
}

TEST_F(SelfSubjectReviewTest, AnEndlessAnswerIsRefused) {
  Review("Bearer a");
  Answer(201, "application/json", std::string(2 << 20, ' '));
  EXPECT_TRUE(IsLimit(identity_.status())) << identity_.status();
}

TEST_F(SelfSubjectReviewTest, NoMessageHoldsTheToken) {
  callers_server_.Refuse(UnavailableError("connection refused"));
  handle_ = ReviewIdentity(upstream_, "Bearer secret", [this](absl::StatusOr<Identity> identity) {
    identity_ = std::move(identity);
  });
  dispatcher_.RunReady();
  EXPECT_TRUE(IsUnavailable(identity_.status()));
  EXPECT_THAT(MessageOf(identity_.status()), Not(HasSubstr("secret")));
}

TEST_F(SelfSubjectReviewTest, SilenceHasAnEnd) {
  Review("Bearer a");
  dispatcher_.Advance(absl::Minutes(1));
  EXPECT_EQ(calls_, 1);
  EXPECT_FALSE(identity_.ok());
}

}  // namespace
}  // namespace weir
