// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/user_info.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/status.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(UserInfoTest, ReadsWhoTheApiServerSaysItIs) {
  const auto user = ParseSelfSubjectReview(
      R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1",)"
      R"("metadata":{"creationTimestamp":null},"status":{"userInfo":{)"
      R"("username":"system:serviceaccount:default:op","uid":"4f-1",)"
      R"("groups":["system:serviceaccounts","system:authenticated"],)"
      R"("extra":{"authentication.kubernetes.io/pod-name":["op-1"],)"
      R"("authentication.kubernetes.io/pod-uid":["1"],)"
      R"("authentication.kubernetes.io/node-name":["n"],)"
      R"("authentication.kubernetes.io/node-uid":["2"],)"
      R"("authentication.kubernetes.io/credential-id":["JTI=3"],)"
      R"("example.com/tenant":["blue","green"]}}}})");
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->username, "system:serviceaccount:default:op");
  EXPECT_EQ(user->uid, "4f-1");
  EXPECT_THAT(user->groups, ElementsAre("system:authenticated", "system:serviceaccounts"));
  // Not what differs between the tokens of one account.
  EXPECT_THAT(user->extra, ElementsAre(Pair("example.com/tenant", ElementsAre("blue", "green"))));
}

TEST(UserInfoTest, AUserNeedsNeitherUidNorGroups) {
  const auto user = ParseSelfSubjectReview(
      R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":"jo\"e"}}})");
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->username, "jo\"e");
  EXPECT_EQ(user->uid, "");
  EXPECT_THAT(user->groups, IsEmpty());
}

TEST(UserInfoTest, RefusesWhatIsNoReview) {
  for (
      const std::string_view json : {
          "",
          "{",
          "[]",
          "404 page not found",
          R"({"kind":"Status","status":"Failure"})",
          R"({"kind":"SelfSubjectReview"})",
          R"({"kind":"SelfSubjectReview","status":{}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{}}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":""}}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":7}}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":"a","groups":"b"}}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":"a","groups":[1]}}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":"a","extra":["b"]}}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":"a","extra":{"b":"c"}}}})",
          R"({"kind":"SelfSubjectReview","status":{"userInfo":{"username":"a","extra":{"b":[1]}}}})",
      }) {
    const auto user = ParseSelfSubjectReview(json);
    EXPECT_FALSE(user.ok()) << json;
    EXPECT_TRUE(IsInvalidArgument(user.status())) << json;
  }
}

}  // namespace
}  // namespace weir
