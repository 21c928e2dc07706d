// SPDX-License-Identifier: Apache-2.0
//
// Everything that is not a list or a watch, and who may ask: the API server's own answers.
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
  EXPECT_EQ(anonymous.Get(Url("resourceVersion=0"), Accepting()).status, 401);
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
  for (const char* authorization : {"Basic b3duZXI6cHc=", "Bearer", "owner-token"}) {
    TestHeaders headers = Accepting();
    headers.emplace_back("Authorization", authorization);
    EXPECT_EQ(client_->Get(Url("resourceVersion=0"), headers).status, 401) << authorization;
  }
}

TEST_P(WatchContractTest, AnotherUserGetsWhatTheApiServerGivesHim) {
  Create("default", "a");
  Warm();
  const auto other = NewClientWithToken("other-token");
  EXPECT_THAT(Keys(other->Get(Url("resourceVersion=0"), Accepting())), ElementsAre("default/a"));
  ExpectForwarded("identity");
}

TEST_P(WatchContractTest, AnotherUserWithoutAccessIsForbidden) {
  Create("default", "a");
  Warm();
  server_.Deny("other", "", plural());
  TestClientOptions direct = DirectOptions();
  direct.token = "other-token";
  TestClient other_direct(direct);
  const auto other = NewClientWithToken("other-token");
  EXPECT_EQ(other->Get(Url("resourceVersion=0"), Accepting()).status, 403);
  ExpectSameAnswer(*other, other_direct, "GET", Url("resourceVersion=0"), Accepting());
  ExpectSameAnswer(*other, other_direct, "GET", Url("watch=1&resourceVersion=0", "default"),
                   Accepting());
  // And he who may still may.
  EXPECT_EQ(List("resourceVersion=0").status, 200);
}

TEST_P(WatchContractTest, OwnerWithoutAccessIsForbidden) {
  Create("default", "a");
  server_.Deny("owner", "", plural());
  ExpectSameAnswer("GET", Url("resourceVersion=0"), Accepting());
  ExpectSameAnswer("GET", Url("watch=1&resourceVersion=0"), Accepting());
}

TEST_P(WatchContractTest, SecondTokenOfTheSameUserSeesTheSame) {
  Create("default", "a");
  server_.With([](FakeApiState& s) { s.users["rotated-token"] = s.users["owner-token"]; });
  Warm();
  const auto rotated = NewClientWithToken("rotated-token");
  EXPECT_THAT(Keys(rotated->Get(Url("resourceVersion=0"), Accepting())), ElementsAre("default/a"));
  ExpectFromCache("list", 2);
}

TEST_P(WatchContractTest, ImpersonationIsTheApiServersToJudge) {
  Create("default", "a");
  Warm();
  TestHeaders headers = Accepting();
  headers.emplace_back("Impersonate-User", "other");
  EXPECT_EQ(client_->Get(Url("resourceVersion=0"), headers).status, 200);
  ExpectForwarded("impersonation");
}

TEST_P(WatchContractTest, NamedGetIsAlwaysCurrent) {
  Create("default", "a");
  Warm();
  for (int i = 0; i < 3; ++i) {
    Set("default", "a", StrCat(i));
    ExpectSameAnswer("GET", Path("default") + "/a", Accepting());
  }
  ExpectSameAnswer("GET", Path("default") + "/nobody", Accepting());
}

TEST_P(WatchContractTest, CreatedObjectIsSeenByTheWatch) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const TestResponse created =
      client_->Send("POST", Path("default"), ConfigMapBody("b", {{"k", "v"}}));
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", server_.version()));
  EXPECT_THAT(created.body, HasSubstr(StrCat(R"("resourceVersion":")", server_.version(), "\"")));
}

TEST_P(WatchContractTest, ListNotOlderThanAWriteHasIt) {
  Create("default", "a");
  Warm();
  for (int i = 0; i < 5; ++i) {
    const std::string name = StrCat("b", i);
    ASSERT_EQ(client_->Send("POST", Path("default"), ConfigMapBody(name)).status, 201);
    const TestResponse list = List(StrCat("resourceVersion=", server_.version()));
    EXPECT_THAT(Keys(list), testing::Contains("default/" + name));
  }
}

TEST_P(WatchContractTest, UpdatesPatchesAndDeletesGoThrough) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const uint64_t before = server_.version();
  const std::string target = Path("default") + "/a";
  EXPECT_EQ(client_->Send("PUT", target, ConfigMapBody("a", {{"v", "1"}})).status, 200);
  EXPECT_EQ(client_
                ->Send("PATCH", target, R"({"data":{"v":"2"}})",
                       {{"Content-Type", "application/merge-patch+json"}})
                .status,
            200);
  const TestResponse deleted = client_->Send("DELETE", target);
  EXPECT_EQ(deleted.status, 200);
  EXPECT_THAT(deleted.body, HasSubstr(R"("status":"Success")"));
  EXPECT_THAT(Strings(watch->UntilVersion(before + 3)),
              ElementsAre(StrCat("MODIFIED default/a@", before + 1),
                          StrCat("MODIFIED default/a@", before + 2),
                          StrCat("DELETED default/a@", before + 3)));
}

TEST_P(WatchContractTest, FailedWritesGetTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  const std::string stale = R"({"metadata":{"name":"a","resourceVersion":"1"}})";
  ExpectSameAnswer("PUT", Path("default") + "/a", {}, stale);
  ExpectSameAnswer("POST", Path("default"), {}, ConfigMapBody("a"));
  ExpectSameAnswer("POST", Path("default"), {}, "not json");
  ExpectSameAnswer("DELETE", Path("default") + "/nobody", {});
  ExpectSameAnswer("PATCH", Path("default") + "/nobody", {}, "{}");
}

TEST_P(WatchContractTest, DeletedCollectionIsGone) {
  Create("default", "a");
  Create("default", "b");
  Create("other", "c");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(client_->Send("DELETE", Path("default")).status, 200);
  const uint64_t last = server_.version();
  EXPECT_THAT(
      Strings(watch->UntilVersion(last)),
      ElementsAre(StrCat("DELETED default/a@", last - 1), StrCat("DELETED default/b@", last)));
}

TEST_P(WatchContractTest, LargeBodiesGoThrough) {
  const std::string value(900'000, 'x');
  EXPECT_EQ(client_->Send("POST", Path("default"), ConfigMapBody("big", {{"v", value}})).status,
            201);
  ExpectSameAnswer("GET", Path("default") + "/big", Accepting());
}

TEST_P(WatchContractTest, NonResourcePathsGoThrough) {
  for (const char* path : {"/version", "/healthz", "/readyz?verbose", "/api", "/apis", "/api/v1",
                           "/apis/example.com/v1", "/openapi/v2", "/", "/nowhere"}) {
    SCOPED_TRACE(path);
    ExpectSameAnswer("GET", path, {});
  }
  ExpectSameAnswer("HEAD", "/version", {});
}

TEST_P(WatchContractTest, SubresourcesGoThrough) {
  server_.Create("pods", "default", ConfigMapBody("p"));
  ExpectSameAnswer("GET", "/api/v1/namespaces/default/pods/p/log", {});
  ExpectSameAnswer("GET", "/api/v1/namespaces/default/pods/p/status", {});
  ExpectSameAnswer("GET", "/api/v1/namespaces/default/pods/p/nonsense", {});
}

TEST_P(WatchContractTest, WhatAPodSaysGoesThroughAsItSaysIt) {
  server_.Create("pods", "default", ConfigMapBody("p"));
  Create("default", "a");
  const auto answer =
      client_->Open(client_->HeadOf("POST", "/api/v1/namespaces/default/pods/p/proxy/x", {}), "{}");
  EXPECT_THAT(answer->Next()->frame, HasSubstr("99999999"));
  // And it is not taken for an object of the API server.
  const std::string pods = "/api/v1/pods?resourceVersion=0";
  EXPECT_EQ(client_->Get(pods, Accept(Representation::kJson)).status, 200);
  ExpectFromCache("list");
}

TEST_P(WatchContractTest, ResourcesThatAreNeverCachedGoThrough) {
  server_.Create("secrets", "default", ConfigMapBody("s"));
  server_.Create("leases", "default", ConfigMapBody("l"));
  server_.Create("events", "default", ConfigMapBody("e"));
  ExpectSameAnswer("GET", "/api/v1/secrets?resourceVersion=0", {});
  ExpectSameAnswer("GET", "/api/v1/events?resourceVersion=0", {});
  ExpectSameAnswer("GET", "/apis/coordination.k8s.io/v1/leases?resourceVersion=0", {});
  const auto watch = client_->Watch("/api/v1/secrets?watch=1&resourceVersion=0");
  EXPECT_EQ(watch->Next()->name, "s");
  ExpectForwarded("never_cached", 4);
}

TEST_P(WatchContractTest, SelfSubjectReviewTellsWhoAsks) {
  const TestResponse review =
      client_->Send("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews",
                    R"({"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1"})");
  EXPECT_EQ(review.status, 201);
  EXPECT_THAT(review.body, HasSubstr(R"("username":"owner")"));
}

TEST_P(WatchContractTest, SelfSubjectAccessReviewTellsWhatOneMayDo) {
  server_.Deny("owner", "list", plural());
  for (const std::string verb : {"list", "watch"}) {
    const TestResponse review =
        client_->Send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
                      StrCat(R"({"kind":"SelfSubjectAccessReview",)",
                             R"("apiVersion":"authorization.k8s.io/v1",)",
                             R"("spec":{"resourceAttributes":{"verb":")", verb, R"(","resource":")",
                             plural(), R"("}}})"));
    EXPECT_EQ(review.status, 201);
    EXPECT_THAT(review.body,
                HasSubstr(verb == "list" ? R"("allowed":false)" : R"("allowed":true)"));
  }
}

TEST_P(WatchContractTest, TunnelCarriesBytesBothWays) {
  server_.Create("pods", "default", ConfigMapBody("p"));
  RequestHead head =
      client_->HeadOf("POST", "/api/v1/namespaces/default/pods/p/exec?command=sh", {});
  head.upgrade = "SPDY/3.1";
  const auto tunnel = client_->Open(std::move(head));
  EXPECT_EQ(tunnel->status(), 101);
  EXPECT_EQ(tunnel->Header("Upgrade"), "SPDY/3.1");
  tunnel->SendBody("hello\n");
  EXPECT_EQ(tunnel->Next()->frame, "hello\n");
  tunnel->SendBody(std::string(100'000, 'x') + "\n");
  EXPECT_EQ(tunnel->Next()->frame.size(), 100'001u);
  tunnel->EndBody();
  EXPECT_EQ(tunnel->WaitForEnd(), TestWatch::State::kEnded);
}

}  // namespace
}  // namespace weir
