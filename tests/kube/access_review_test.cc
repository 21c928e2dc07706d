// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/access_review.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/status.h"

namespace weir {
namespace {

using testing::StartsWith;

TEST(AccessReviewTest, AsksWhatTheApiServersAuthorizersAreAsked) {
  EXPECT_EQ(EncodeAccessReview({.verb = "list",
                                .resource = {"apps", "v1", "deployments"},
                                .namespace_name = "a",
                                .name = "x",
                                .label_selector = "app in (b, \"c\")",
                                .field_selector = "metadata.name=x"}),
            R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1",)"
            R"("spec":{"resourceAttributes":{"verb":"list","namespace":"a","group":"apps",)"
            R"("version":"v1","resource":"deployments","name":"x",)"
            R"("fieldSelector":{"rawSelector":"metadata.name=x"},)"
            R"json("labelSelector":{"rawSelector":"app in (b, \"c\")"}}}})json");
  EXPECT_EQ(EncodeAccessReview({.verb = "get",
                                .resource = {"", "v1", "pods"},
                                .namespace_name = "",
                                .name = "",
                                .label_selector = "",
                                .field_selector = ""}),
            R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1",)"
            R"("spec":{"resourceAttributes":{"verb":"get","version":"v1","resource":"pods"}}})");
}

TEST(AccessReviewTest, ReadsTheAnswer) {
  for (const bool allowed : {true, false}) {
    const auto answer = ParseAccessReview(
        std::string(
            R"({"kind":"SelfSubjectAccessReview","apiVersion":"authorization.k8s.io/v1",)") +
        R"("metadata":{"creationTimestamp":null},"spec":{"resourceAttributes":{"verb":"get"}},)" +
        R"("status":{"allowed":)" + (allowed ? "true" : "false") +
        R"(,"reason":"RBAC","evaluationError":"role \"gone\" not found"}})");
    ASSERT_TRUE(answer.ok()) << answer.status();
    EXPECT_EQ(*answer, allowed);
  }
}

TEST(AccessReviewTest, RefusesWhatIsNoReview) {
  for (const std::string_view json : {
           "",
           "{",
           "[]",
           R"("text")",
           R"({"kind":"Status"})",
           R"({"kind":"SelfSubjectReview","status":{"allowed":true}})",
           R"({"kind":"SelfSubjectAccessReview"})",
           R"({"kind":"SelfSubjectAccessReview","status":{}})",
           R"({"kind":"SelfSubjectAccessReview","status":{"allowed":"true"}})",
           R"({"kind":"SelfSubjectAccessReview","status":{"allowed":1}})",
           R"({"kind":"SelfSubjectAccessReview","status":[true]})",
       }) {
    const auto answer = ParseAccessReview(json);
    ASSERT_FALSE(answer.ok()) << json;
    EXPECT_TRUE(IsInvalidArgument(answer.status())) << json;
    EXPECT_THAT(MessageOf(answer.status()), StartsWith("not a SelfSubjectAccessReview: "));
  }
}

}  // namespace
}  // namespace weir
