// SPDX-License-Identifier: Apache-2.0
//
// Who may ask: what the API server itself answers him.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST_P(WatchContractTest, NoTokenIsUnauthorized) {
  Create("default", "a");
  Warm();
  TestClientOptions options = Options();
  options.token = "";
  TestClient anonymous(options);
  TestClientOptions direct = DirectOptions();
  direct.token = "";
  TestClient anonymous_direct(direct);
  const TestResponse refused =
      anonymous.Get(Url("resourceVersion=0"), Accept(Representation::kJson));
  EXPECT_EQ(refused.status, 401);
  EXPECT_EQ(refused.body, R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
                          R"("message":"Unauthorized","reason":"Unauthorized","code":401})"
                          "\n");
  ExpectSameAnswer(anonymous, anonymous_direct, "GET", Url("resourceVersion=0"), Accepting());
  ExpectSameAnswer(anonymous, anonymous_direct, "GET", Url("watch=1&resourceVersion=0"),
                   Accepting());
}

TEST_P(WatchContractTest, UnknownTokenIsUnauthorized) {
  Create("default", "a");
  Warm();
  const auto stranger = NewClientWithToken("stolen");
  EXPECT_EQ(stranger->Get(Url("resourceVersion=0"), Accepting()).status, 401);
  EXPECT_EQ(stranger->Get(Url("watch=1&resourceVersion=0"), Accepting()).status, 401);
  // Asked again, it is refused again.
  EXPECT_EQ(stranger->Get(Url("resourceVersion=0"), Accepting()).status, 401);
}

TEST_P(WatchContractTest, AuthorizationOfAnotherKindIsNotAToken) {
  Create("default", "a");
  Warm();
  for (const char* authorization :
       {"Basic b3duZXI6cHc=", "Bearer", "owner-token", "Bearer  owner-token"}) {
    TestHeaders headers = Accepting();
    headers.emplace_back("Authorization", authorization);
    EXPECT_EQ(client_->Get(Url("resourceVersion=0"), headers).status, 401) << authorization;
  }
}

TEST_P(WatchContractTest, AnotherUserGetsWhatTheApiServerGivesHim) {
  Create("default", "a");
  Warm();
  const auto other = NewClient(ContractUser::kOther);
  EXPECT_THAT(Keys(other->Get(Url("resourceVersion=0"), Accepting())), ElementsAre("default/a"));
  ExpectForwarded("identity");
}

TEST_P(WatchContractTest, UserWithoutAccessIsForbidden) {
  Create("default", "a");
  Warm();
  const auto nobody = NewClient(ContractUser::kNobody);
  const auto nobody_direct = NewDirectClient(ContractUser::kNobody);
  const TestResponse list = nobody->Get(Url("resourceVersion=0"), Accept(Representation::kJson));
  EXPECT_EQ(list.status, 403);
  const std::string group = custom() ? "example.com" : "";
  EXPECT_THAT(
      list.body,
      HasSubstr(StrCat("is forbidden: User \\\"nobody\\\" cannot list resource \\\"", plural(),
                       "\\\" in API group \\\"", group, "\\\" at the cluster scope")));
  EXPECT_EQ(list.headers.Get("X-Content-Type-Options"), "nosniff");
  ExpectSameAnswer(*nobody, *nobody_direct, "GET", Url("resourceVersion=0"), Accepting());
  ExpectSameAnswer(*nobody, *nobody_direct, "GET", Url("watch=1&resourceVersion=0", "default"),
                   Accepting());
  ExpectSameAnswer(*nobody, *nobody_direct, "GET", Path("default") + "/a", Accepting());
  // And he who may still may.
  EXPECT_EQ(List("resourceVersion=0").status, 200);
}

TEST_P(FakeServerContractTest, OwnerWithoutAccessIsForbidden) {
  Create("default", "a");
  fake().Deny("owner", "", plural());
  ExpectSameAnswer("GET", Url("resourceVersion=0"), Accepting());
  ExpectSameAnswer("GET", Url("watch=1&resourceVersion=0"), Accepting());
}

TEST_P(FakeServerContractTest, AccessRevokedFromAnotherUserIsForbidden) {
  Create("default", "a");
  Warm();
  const auto other = NewClient(ContractUser::kOther);
  EXPECT_EQ(other->Get(Url("resourceVersion=0"), Accepting()).status, 200);
  fake().Deny("other", "", plural());
  EXPECT_EQ(other->Get(Url("resourceVersion=0"), Accepting()).status, 403);
  EXPECT_EQ(other->Get(Url("watch=1&resourceVersion=0"), Accepting()).status, 403);
}

TEST_P(WatchContractTest, SecondTokenOfTheSameUserSeesTheSame) {
  Create("default", "a");
  Warm();
  const auto rotated = NewClient(ContractUser::kOwnerAgain);
  EXPECT_THAT(Keys(rotated->Get(Url("resourceVersion=0"), Accepting())), ElementsAre("default/a"));
  ExpectFromCache("list", 2);
}

TEST_P(WatchContractTest, ImpersonationIsTheApiServersToJudge) {
  Create("default", "a");
  Warm();
  TestHeaders headers = Accepting();
  headers.emplace_back("Impersonate-User", "nobody");
  EXPECT_EQ(client_->Get(Url("resourceVersion=0"), headers).status, 403);
  ExpectSameAnswer("GET", Url("resourceVersion=0"), headers);
  ExpectForwarded("impersonation", 2);
}

TEST_P(WatchContractTest, SelfSubjectReviewTellsWhoAsks) {
  const TestResponse review =
      client_->Send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                    R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"})");
  EXPECT_EQ(review.status, 201);
  EXPECT_THAT(review.body, HasSubstr(R"("username":"owner")"));
}

}  // namespace
}  // namespace weir
