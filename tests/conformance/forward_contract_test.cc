// SPDX-License-Identifier: Apache-2.0
//
// Everything that is not a list or a watch: the API server's own answers.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kPod[] =
    R"({"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})";

TEST_P(WatchContractTest, CreatedObjectIsSeenByTheWatch) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const TestResponse created = client_->Send("POST", Path("default"), Body("b", {{"k", "v"}}));
  EXPECT_EQ(created.status, 201);
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", VersionOf(created)));
}

TEST_P(WatchContractTest, ListNotOlderThanAWriteHasIt) {
  Create("default", "a");
  Warm();
  for (int i = 0; i < 5; ++i) {
    const std::string name = StrCat("b", i);
    const TestResponse created = client_->Send("POST", Path("default"), Body(name));
    ASSERT_EQ(created.status, 201);
    const TestResponse list = List(StrCat("resourceVersion=", VersionOf(created)));
    EXPECT_THAT(Keys(list), testing::Contains("default/" + name));
  }
}

TEST_P(WatchContractTest, UpdatesPatchesAndDeletesGoThrough) {
  const uint64_t created = Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const std::string target = Path("default") + "/a";
  // A custom resource's update must say which version it is of.
  const TestResponse updated =
      client_->Send("PUT", target,
                    WithKind(plural(), StrCat(R"({"metadata":{"name":"a","resourceVersion":")",
                                              created, R"("},"data":{"v":"1"}})")));
  EXPECT_EQ(updated.status, 200) << updated.body;
  const TestResponse patched = client_->Send("PATCH", target, R"({"data":{"v":"2"}})",
                                             {{"Content-Type", "application/merge-patch+json"}});
  EXPECT_EQ(patched.status, 200);
  const TestResponse deleted = client_->Send("DELETE", target);
  EXPECT_EQ(deleted.status, 200);
  EXPECT_THAT(deleted.body, HasSubstr(R"("status":"Success")"));
  EXPECT_EQ(watch->Next()->ToString(), StrCat("MODIFIED default/a@", VersionOf(updated)));
  EXPECT_EQ(watch->Next()->ToString(), StrCat("MODIFIED default/a@", VersionOf(patched)));
  const auto event = watch->Next();
  EXPECT_EQ(event->type, "DELETED");
  EXPECT_GT(event->version, VersionOf(patched));
}

// It deletes the object, and answers with its version from before.
TEST_P(WatchContractTest, WriteOfTheLastFinalizerIsSeenAsADeletion) {
  server_.Create(plural(), "default", R"({"metadata":{"name":"a","finalizers":["x.io/y"]}})");
  Create("default", "b");
  Warm();
  const uint64_t deleting = Delete("default", "a");
  const TestResponse written =
      client_->Send("PATCH", Path("default") + "/a", R"({"metadata":{"finalizers":null}})",
                    {{"Content-Type", "application/merge-patch+json"}});
  EXPECT_EQ(written.status, 200);
  EXPECT_EQ(VersionOf(written), deleting);
  EXPECT_THAT(Keys(List("")), testing::Not(testing::Contains("default/a")));
  const auto watch = Watch(kStreamList);
  for (const TestEvent& event : watch->UntilInitialEnd()) EXPECT_NE(event.name, "a");
}

TEST_P(WatchContractTest, FailedWritesGetTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  const std::string stale =
      WithKind(plural(), R"({"metadata":{"name":"a","resourceVersion":"1"}})");
  ExpectSameAnswer("PUT", Path("default") + "/a", {}, stale);
  ExpectSameAnswer("POST", Path("default"), {}, Body("a"));
  ExpectSameAnswer("POST", Path("default"), {}, "not json");
  ExpectSameAnswer("DELETE", Path("default") + "/nobody", {});
  ExpectSameAnswer("PATCH", Path("default") + "/nobody",
                   {{"Content-Type", "application/merge-patch+json"}}, "{}");
}

TEST_P(WatchContractTest, DeletedCollectionIsGone) {
  Create("default", "a");
  Create("default", "b");
  Create("other", "c");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  EXPECT_EQ(watch->status(), 200);
  const TestResponse deleted = client_->Send("DELETE", Path("default"));
  EXPECT_EQ(deleted.status, 200);
  // The answer holds what there was.
  EXPECT_THAT(Keys(deleted), ElementsAre("default/a", "default/b"));
  for (const char* name : {"a", "b"}) {
    const auto event = watch->Next();
    EXPECT_EQ(event->type, "DELETED");
    EXPECT_EQ(event->name, name);
  }
}

TEST_P(WatchContractTest, LargeBodiesGoThrough) {
  const std::string value(900'000, 'x');
  EXPECT_EQ(client_->Send("POST", Path("default"), Body("big", {{"v", value}})).status, 201);
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
  server_.Create("pods", "default", kPod);
  ExpectSameAnswer("GET", "/api/v1/namespaces/default/pods/p/log", {});
  ExpectSameAnswer("GET", "/api/v1/namespaces/default/pods/p/status", {});
  ExpectSameAnswer("GET", "/api/v1/namespaces/default/pods/p/nonsense", {});
}

TEST_P(FakeServerContractTest, WhatAPodSaysGoesThroughAsItSaysIt) {
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
  ExpectSameAnswer("GET",
                   "/apis/coordination.k8s.io/v1/namespaces/default/leases?resourceVersion=0", {});
  const auto watch = client_->Watch("/api/v1/secrets?watch=1&resourceVersion=0");
  EXPECT_EQ(watch->Next()->name, "s");
  ExpectForwarded("never_cached", 4);
}

TEST_P(FakeServerContractTest, SelfSubjectAccessReviewTellsWhatOneMayDo) {
  fake().Deny("owner", "list", plural());
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

TEST_P(FakeServerContractTest, TunnelCarriesBytesBothWays) {
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
