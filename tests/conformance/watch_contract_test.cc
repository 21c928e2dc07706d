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
  Create("default", "b");
  Set("default", "a", "1");
  const uint64_t last = Delete("default", "b");
  EXPECT_THAT(
      Strings(watch->UntilVersion(last)),
      ElementsAre(StrCat("ADDED default/b@", since + 1), StrCat("MODIFIED default/a@", since + 2),
                  StrCat("DELETED default/b@", since + 3)));
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
  Create("default", "b", {{"app", "\u00fc"}});
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
  Create("default", "b");
  Create("default", "c");
  const uint64_t last = Create("default", "d");
  EXPECT_THAT(Strings(watch->UntilVersion(last)), ElementsAre(StrCat("ADDED default/d@", last)));
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
  const uint64_t deleted = server_.version();
  const auto events = watch->UntilVersion(deleted);
  EXPECT_THAT(Strings(events), ElementsAre(StrCat("MODIFIED default/a@", deleting),
                                           StrCat("DELETED default/a@", deleted)));
  EXPECT_EQ(Frames(events), Frames(WatchDirectly(query)->UntilVersion(deleted)));
}

TEST_P(WatchContractTest, CompactedVersionIsAnErrorInTheStream) {
  const uint64_t since = Create("default", "a");
  Set("default", "a", "1");
  server_.Compact();
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", since));
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->Next()->ToString(), "ERROR 410 Expired");
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
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

TEST_P(WatchContractTest, TimeoutSecondsEndsTheStreamCleanly) {
  Create("default", "a");
  Warm();
  TestClientOptions options = Options();
  options.alpn = {"http/1.1"};
  TestClient http1(options);
  const std::string query = StrCat("timeoutSeconds=1&resourceVersion=", server_.version());
  const auto watch = Watch(query);
  const auto http1_watch = http1.Watch(Url("watch=1&" + query), Accepting());
  const auto initial = Watch("timeoutSeconds=1&resourceVersion=0");
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(http1_watch->status(), 200);
  const uint64_t b = Create("default", "b");
  for (const auto* ending : {&watch, &http1_watch}) {
    EXPECT_EQ((*ending)->WaitForEnd(), TestWatch::State::kEnded);
    EXPECT_EQ((*ending)->Next()->ToString(), StrCat("ADDED default/b@", b));
    EXPECT_FALSE((*ending)->Next().has_value());
  }
  EXPECT_EQ(initial->WaitForEnd(), TestWatch::State::kEnded);
  ExpectFromCache("watch", 3);
}

TEST_P(WatchContractTest, BookmarksRiseAndCoverWhatCameBefore) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("allowWatchBookmarks=true&resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  uint64_t seen = server_.version();
  for (int round = 0; round < 3; ++round) {
    const uint64_t changed = Set("default", "a", StrCat(round));
    // Another resource moves the version on: only a bookmark can tell.
    server_.Create("secrets", "default", ConfigMapBody(StrCat("s", round)));
    server_.SendBookmarks();
    for (const TestEvent& event : watch->UntilVersion(server_.version())) {
      EXPECT_GT(event.version, seen);
      if (event.version == changed) {
        EXPECT_EQ(event.type, "MODIFIED");
      } else {
        EXPECT_EQ(event.type, "BOOKMARK");
        EXPECT_FALSE(event.initial_events_end);
      }
      seen = event.version;
    }
  }
}

TEST_P(WatchContractTest, NoBookmarksUnlessAskedFor) {
  Create("default", "a");
  Warm();
  const uint64_t since = server_.version();
  const auto watch = Watch(StrCat("resourceVersion=", since));
  const auto bookmarked = Watch(StrCat("allowWatchBookmarks=true&resourceVersion=", since));
  ASSERT_EQ(watch->status(), 200);
  ASSERT_EQ(bookmarked->status(), 200);
  server_.Create("secrets", "default", ConfigMapBody("s"));
  server_.SendBookmarks();
  EXPECT_EQ(bookmarked->Next()->type, "BOOKMARK");
  const uint64_t last = Set("default", "a", "1");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("MODIFIED default/a@", last));
}

TEST_P(WatchContractTest, EveryWatchGetsTheSameSequence) {
  Create("default", "a");
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::unique_ptr<TestWatch>> watches;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(NewClient());
    watches.push_back(clients.back()->Watch(Url("watch=1&" + query), Accepting()));
    EXPECT_EQ(watches.back()->status(), 200);
  }
  uint64_t last = 0;
  for (int i = 0; i < 50; ++i) {
    last = i % 5 == 4 ? Delete("default", StrCat("x", i - 1)) : Create("default", StrCat("x", i));
  }
  const std::string frames = Frames(WatchDirectly(query)->UntilVersion(last));
  for (const auto& watch : watches) EXPECT_EQ(Frames(watch->UntilVersion(last)), frames);
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

TEST_P(WatchContractTest, ResumedWatchLosesAndRepeatsNothing) {
  Create("default", "a");
  Warm();
  uint64_t seen = server_.version();
  std::vector<uint64_t> versions;
  std::vector<uint64_t> want;
  for (int round = 0; round < 5; ++round) {
    want.push_back(Set("default", "a", StrCat("x", round)));
    const auto watch = Watch(StrCat("resourceVersion=", seen));
    want.push_back(Set("default", "a", StrCat("y", round)));
    for (const TestEvent& event : watch->UntilVersion(want.back())) {
      versions.push_back(event.version);
    }
    seen = versions.back();
  }
  EXPECT_EQ(versions, want);
}

TEST_P(WatchContractTest, WatchContinuesAList) {
  Create("default", "a");
  for (int round = 0; round < 3; ++round) {
    const TestResponse list = List("resourceVersion=0");
    ASSERT_EQ(list.status, 200);
    const size_t listed = Keys(list).size();
    const uint64_t last = Create("default", StrCat("b", round));
    const auto watch = Watch(StrCat("resourceVersion=", Decode(list).version));
    // The list may be older than the newest object, never newer.
    EXPECT_EQ(listed + watch->UntilVersion(last).size(), static_cast<size_t>(round) + 2);
  }
}

TEST_P(WatchContractTest, FoldingTheEventsGivesTheList) {
  for (int i = 0; i < 5; ++i) Create("default", StrCat("o", i));
  Warm();
  const TestResponse before = List("resourceVersion=0");
  const auto watch = Watch(StrCat("resourceVersion=", Decode(before).version));
  std::map<std::string, uint64_t> state;
  for (const ObjectPtr& item : Decode(before).items) {
    state[std::string(item->name())] = ParseUint64(item->version().ToString()).value();
  }
  uint32_t random = 12345;
  uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    random = random * 1664525 + 1013904223;
    const std::string name = StrCat("o", random >> 16 & 15);
    const bool exists = server_.With([&](FakeApiState& s) {
      return s.store.Find(*s.store.FindKind(plural()), "default", name) != nullptr;
    });
    if (!exists) {
      last = Create("default", name);
    } else if ((random >> 24) % 3 == 0) {
      last = Delete("default", name);
    } else {
      last = Set("default", name, StrCat(i));
    }
  }
  uint64_t seen = 0;
  for (const TestEvent& event : watch->UntilVersion(last)) {
    EXPECT_GT(event.version, seen);
    seen = event.version;
    EXPECT_EQ(state.contains(event.name), event.type != "ADDED") << event.ToString();
    state.erase(event.name);
    if (event.type != "DELETED") state[event.name] = event.version;
  }
  std::map<std::string, uint64_t> want;
  for (const ObjectPtr& item : Decode(direct_->Get(Path(), Accepting())).items) {
    want[std::string(item->name())] = ParseUint64(item->version().ToString()).value();
  }
  EXPECT_EQ(state, want);
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
  const std::string root = plural() == "foos" ? "/apis/example.com/v1" : "/api/v1";
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

TEST_P(WatchContractTest, NamedPathIgnoresTheWatchParameter) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("GET", StrCat(Path("default"), "/a?watch=true"), Accepting());
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
  server_.Create("nodes", "", ConfigMapBody("n2"));
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED n2@", server_.version()));
}

}  // namespace
}  // namespace weir
