// SPDX-License-Identifier: Apache-2.0
//
// WATCH from a version: what follows, in order, and how it ends.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_P(WatchContractTest, WatchSendsWhatFollowsItsVersion) {
  Create("default", "a");
  Warm();
  const uint64_t since = server_.version();
  const auto watch = Watch(StrCat("resourceVersion=", since));
  EXPECT_EQ(watch->status(), 200);
  const uint64_t created = Create("default", "b");
  const uint64_t set = Set("default", "a", "1");
  const uint64_t last = Delete("default", "b");
  EXPECT_THAT(Strings(watch->UntilVersion(last)),
              ElementsAre(StrCat("ADDED default/b@", created), StrCat("MODIFIED default/a@", set),
                          StrCat("DELETED default/b@", last)));
  ExpectFromCache("watch");
}

TEST_P(WatchContractTest, EventsHaveTheApiServersBytes) {
  Create("default", "a");
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  const auto direct = WatchDirectly(query);
  const auto watch = Watch(query);
  ASSERT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->Header("content-type"), direct->Header("content-type"));
  Create("default", "b", {{"app", "x.y_z"}});
  Set("default", "a", "\\\" \\\\ \\n \u20ac");
  Label("default", "a", "k", "v");
  const uint64_t last = Delete("default", "a");
  EXPECT_EQ(Frames(watch->UntilVersion(last)), Frames(direct->UntilVersion(last)));
}

TEST_P(WatchContractTest, WatchFromAnEarlierVersionReplaysWhatFollowed) {
  const uint64_t since = Create("default", "a");
  Warm();
  Set("default", "a", "1");
  Create("default", "b");
  Delete("default", "a");
  const uint64_t last = Create("default", "a");
  CatchUp();
  const std::string query = StrCat("resourceVersion=", since);
  const auto events = Watch(query)->UntilVersion(last);
  EXPECT_THAT(events, SizeIs(4));
  EXPECT_EQ(Frames(events), Frames(WatchDirectly(query)->UntilVersion(last)));
}

TEST_P(WatchContractTest, WatchFromBeforeTheCacheIsServedAllTheSame) {
  const uint64_t since = Create("default", "a");
  Set("default", "a", "1");
  const uint64_t last = Create("default", "b");
  Warm();
  const std::string query = StrCat("resourceVersion=", since);
  EXPECT_EQ(Frames(Watch(query)->UntilVersion(last)),
            Frames(WatchDirectly(query)->UntilVersion(last)));
}

TEST_P(WatchContractTest, HeadComesBeforeAnyEvent) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->Header("Cache-Control"), "no-cache, private");
  EXPECT_EQ(watch->bytes_received(), 0u);
}

TEST_P(WatchContractTest, WatchFromZeroBeginsWithEveryObject) {
  const uint64_t a = Create("default", "a");
  const uint64_t b = Create("a-b", "b");
  const auto watch = Watch("resourceVersion=0");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED a-b/b@", b));
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", a));
  const uint64_t c = Create("default", "c");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/c@", c));
  ExpectFromCache("watch");
}

TEST_P(WatchContractTest, WatchFromNoVersionBeginsWithEveryObject) {
  const uint64_t a = Create("default", "a");
  Warm();
  const auto watch = Watch("");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", a));
  const uint64_t b = Create("default", "b");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", b));
}

TEST_P(WatchContractTest, WatchFromAVersionThatIsYetToComeWaitsForIt) {
  Create("default", "a");
  Warm();
  const uint64_t now = server_.version();
  const auto watch = Watch(StrCat("resourceVersion=", now + 2));
  ASSERT_EQ(watch->status(), 200);
  std::vector<std::string> want;
  for (const char* name : {"b", "c", "d"}) {
    const uint64_t version = Create("default", name);
    if (version > now + 2) want.push_back(StrCat("ADDED default/", name, "@", version));
  }
  for (const std::string& event : want) EXPECT_EQ(watch->Next()->ToString(), event);
}

TEST_P(WatchContractTest, DeletionCarriesItsOwnVersionAndTheLastState) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  const auto watch = Watch(query);
  const auto direct = WatchDirectly(query);
  const uint64_t deleted = Delete("default", "a");
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->ToString(), StrCat("DELETED default/a@", deleted));
  EXPECT_EQ(event->frame, direct->Next()->frame);
}

TEST_P(WatchContractTest, RecreatedObjectIsDeletedAndAdded) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const uint64_t deleted = Delete("default", "a");
  const uint64_t created = Create("default", "a");
  const auto events = watch->UntilVersion(created);
  ASSERT_THAT(Strings(events), ElementsAre(StrCat("DELETED default/a@", deleted),
                                           StrCat("ADDED default/a@", created)));
  EXPECT_NE(events[0].uid, events[1].uid);
}

TEST_P(WatchContractTest, FinalizedObjectIsModifiedBeforeItIsDeleted) {
  server_.Create(plural(), "default", R"({"metadata":{"name":"a","finalizers":["x.io/y"]}})");
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  const auto watch = Watch(query);
  ASSERT_EQ(watch->status(), 200);
  const uint64_t deleting = Delete("default", "a");
  server_.Patch(plural(), "default", "a", R"({"metadata":{"finalizers":null}})");
  const std::vector<TestEvent> events = {*watch->Next(), *watch->Next()};
  EXPECT_EQ(events[0].ToString(), StrCat("MODIFIED default/a@", deleting));
  EXPECT_EQ(events[1].type, "DELETED");
  EXPECT_GT(events[1].version, deleting);
  EXPECT_EQ(Frames(events), Frames(WatchDirectly(query)->UntilVersion(events[1].version)));
}

TEST_P(WatchContractTest, WatchOfANamespaceSeesNothingElse) {
  Create("default", "a");
  Warm("resourceVersion=0", "default");
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()), "default");
  ASSERT_EQ(watch->status(), 200);
  Create("default-2", "x");
  Create("other", "x");
  const uint64_t last = Create("default", "b");
  EXPECT_THAT(Strings(watch->UntilVersion(last)), ElementsAre(StrCat("ADDED default/b@", last)));
}

TEST_P(WatchContractTest, WatchOfANameSeesNothingElse) {
  Create("default", "a");
  Create("default", "b");
  Warm();
  const auto watch = Watch(
      StrCat("fieldSelector=metadata.name%3Da&resourceVersion=", server_.version()), "default");
  ASSERT_EQ(watch->status(), 200);
  Set("default", "b", "1");
  Create("other", "a");
  const uint64_t last = Set("default", "a", "1");
  EXPECT_THAT(Strings(watch->UntilVersion(last)), ElementsAre(StrCat("MODIFIED default/a@", last)));
}

TEST_P(WatchContractTest, WatchSeesNothingOfOtherResources) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  server_.Create("secrets", "default", ConfigMapBody("a"));
  server_.Create("nodes", "", ConfigMapBody("a"));
  const uint64_t last = Create("default", "b");
  EXPECT_THAT(Strings(watch->UntilVersion(last)), ElementsAre(StrCat("ADDED default/b@", last)));
}

TEST_P(WatchContractTest, ManyEventsComeWholeAndInOrder) {
  Create("default", "a");
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  const auto watch = Watch(query);
  ASSERT_EQ(watch->status(), 200);
  const std::string filler(2000, 'x');
  uint64_t last = 0;
  for (int i = 0; i < 200; ++i) last = Set("default", "a", StrCat(filler, i));
  const auto events = watch->UntilVersion(last);
  EXPECT_THAT(events, SizeIs(200));
  EXPECT_EQ(Frames(events), Frames(WatchDirectly(query)->UntilVersion(last)));
}

TEST_P(WatchContractTest, InvalidWatchesGetTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  for (const char* query :
       {"watch=true&sendInitialEvents=true", "watch=true&resourceVersionMatch=NotOlderThan",
        "watch=true&sendInitialEvents=true&resourceVersionMatch=Exact",
        "watch=true&resourceVersion=abc", "watch=true&timeoutSeconds=x",
        "watch=true&resourceVersion=0&fieldSelector=a.b%3Dc"}) {
    SCOPED_TRACE(query);
    ExpectSameAnswer("GET", Url(query), Accepting());
  }
}

TEST_P(WatchContractTest, DeprecatedWatchPathStillWorks) {
  const uint64_t a = Create("default", "a");
  Warm();
  const std::string root = custom() ? "/apis/example.com/v1" : "/api/v1";
  const auto watch = client_->Watch(StrCat(root, "/watch/", plural()), Accepting());
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", a));
}

TEST_P(WatchContractTest, WatchOfATableComesFromTheApiServer) {
  Create("default", "a");
  Warm();
  const TestHeaders table = {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}};
  const std::string target = Url(StrCat("watch=1&resourceVersion=", server_.version()));
  const auto watch = client_->Watch(target, table);
  ASSERT_EQ(watch->status(), 200);
  Create("default", "b");
  EXPECT_THAT(watch->Next()->frame, HasSubstr("columnDefinitions"));
}

TEST_P(WatchContractTest, WatchesOverHttp1) {
  Create("default", "a");
  Warm();
  TestClientOptions options = Options();
  options.alpn = {"http/1.1"};
  TestClient http1(options);
  const std::string query = StrCat("resourceVersion=", server_.version());
  const auto watch = http1.Watch(Url("watch=1&" + query), Accepting());
  ASSERT_EQ(watch->status(), 200);
  const uint64_t last = Set("default", "a", "1");
  EXPECT_EQ(Frames(watch->UntilVersion(last)), Frames(WatchDirectly(query)->UntilVersion(last)));
}

TEST_P(WatchContractTest, WatchesOfClusterScopedObjects) {
  server_.Create("nodes", "", ConfigMapBody("n1"));
  ASSERT_EQ(client_->Get("/api/v1/nodes?resourceVersion=0", Accepting()).status, 200);
  CatchUp();
  ExpectSameAnswer("GET", "/api/v1/nodes?resourceVersion=0", Accepting());
  ExpectSameAnswer("GET", "/api/v1/nodes?resourceVersion=0&fieldSelector=metadata.namespace%3Dx",
                   Accepting());
  ExpectSameAnswer("GET", "/api/v1/namespaces/default/nodes?resourceVersion=0", Accepting());
  const auto watch = client_->Watch(
      StrCat("/api/v1/nodes?watch=1&resourceVersion=", server_.version()), Accepting());
  ASSERT_EQ(watch->status(), 200);
  const uint64_t version = server_.Create("nodes", "", ConfigMapBody("n2"));
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED n2@", version));
}

}  // namespace
}  // namespace weir
