// SPDX-License-Identifier: Apache-2.0
//
// GET of one object, at "", "0" and a version.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::HasSubstr;

TEST_P(WatchContractTest, NamedGetIsAlwaysCurrent) {
  Create("default", "a");
  Warm();
  for (int i = 0; i < 3; ++i) {
    Set("default", "a", StrCat(i));
    ExpectSameAnswer("GET", Path("default") + "/a", Accepting());
  }
  ExpectSameAnswer("GET", Path("default") + "/nobody", Accepting());
}

TEST_P(WatchContractTest, GetAtVersionZeroHasTheApiServersBytes) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  ExpectSameAnswer("GET", Path("default") + "/a?resourceVersion=0", Accepting());
}

TEST_P(WatchContractTest, GetAtVersionZeroOfNothingIsNotFound) {
  Create("default", "a");
  Warm();
  EXPECT_EQ(client_->Get(Path("default") + "/b?resourceVersion=0", Accepting()).status, 404);
  ExpectSameAnswer("GET", Path("default") + "/b?resourceVersion=0", Accepting());
  ExpectSameAnswer("GET", Path("other") + "/a?resourceVersion=0", Accepting());
}

TEST_P(WatchContractTest, GetAtAVersionIsNotOlderThanIt) {
  Create("default", "a");
  Warm();
  for (int i = 0; i < 3; ++i) {
    const uint64_t version = Set("default", "a", StrCat(i));
    const std::string target = StrCat(Path("default"), "/a?resourceVersion=", version);
    const TestResponse got = client_->Get(target, Accept(Representation::kJson));
    EXPECT_EQ(got.status, 200);
    EXPECT_GE(VersionOf(got), version);
    ExpectSameAnswer("GET", target, Accepting());
  }
}

TEST_P(WatchContractTest, GetAtAnEarlierVersionIsTheNewerObject) {
  const uint64_t version = Create("default", "a");
  const uint64_t newer = Set("default", "a", "1");
  Warm();
  const TestResponse got = client_->Get(StrCat(Path("default"), "/a?resourceVersion=", version),
                                        Accept(Representation::kJson));
  EXPECT_EQ(VersionOf(got), newer);
}

TEST_P(WatchContractTest, GetAtAVersionSeesADeletion) {
  Create("default", "a");
  Warm();
  const uint64_t deleted = Delete("default", "a");
  EXPECT_EQ(
      client_->Get(StrCat(Path("default"), "/a?resourceVersion=", deleted), Accepting()).status,
      404);
}

TEST_P(WatchContractTest, GetAtAVersionThatIsYetToComeSaysTooLarge) {
  Create("default", "a");
  Warm();
  const TestResponse got =
      client_->Get(StrCat(Path("default"), "/a?resourceVersion=", server_.version() + 1'000'000),
                   Accept(Representation::kJson));
  EXPECT_EQ(got.status, 504);
  EXPECT_THAT(got.body, HasSubstr("ResourceVersionTooLarge"));
  EXPECT_EQ(got.headers.Get("Retry-After"), "1");
}

TEST_P(WatchContractTest, GetAtAVersionThatIsNoNumberGetsTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  for (const char* version : {"abc", "-1", "18446744073709551616"}) {
    SCOPED_TRACE(version);
    ExpectSameAnswer("GET", StrCat(Path("default"), "/a?resourceVersion=", version), Accepting());
  }
}

TEST_P(WatchContractTest, GetOfARecreatedObjectIsTheNewOne) {
  Create("default", "a");
  Warm();
  Delete("default", "a");
  const uint64_t created = Create("default", "a");
  const TestResponse got = client_->Get(StrCat(Path("default"), "/a?resourceVersion=", created),
                                        Accept(Representation::kJson));
  EXPECT_EQ(VersionOf(got), created);
}

TEST_P(WatchContractTest, GetAfterAWriteThroughTheSameWayHasIt) {
  Create("default", "a");
  Warm();
  for (int i = 0; i < 5; ++i) {
    const TestResponse written =
        client_->Send("PATCH", Path("default") + "/a", StrCat(R"({"data":{"v":")", i, "\"}}"),
                      {{"Content-Type", "application/merge-patch+json"}});
    ASSERT_EQ(written.status, 200);
    const TestResponse got =
        client_->Get(Path("default") + "/a?resourceVersion=" + StrCat(VersionOf(written)),
                     Accept(Representation::kJson));
    EXPECT_EQ(got.body, written.body);
  }
}

TEST_P(WatchContractTest, GetIgnoresSelectorsAndLimits) {
  Create("default", "a");
  Warm();
  for (const char* query : {"labelSelector=app%3Dx", "fieldSelector=metadata.name%3Db", "limit=0",
                            "resourceVersion=0&labelSelector=!"}) {
    SCOPED_TRACE(query);
    EXPECT_EQ(client_->Get(StrCat(Path("default"), "/a?", query), Accepting()).status, 200);
    ExpectSameAnswer("GET", StrCat(Path("default"), "/a?", query), Accepting());
  }
}

TEST_P(WatchContractTest, NamedPathIgnoresTheWatchParameter) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("GET", StrCat(Path("default"), "/a?watch=true"), Accepting());
  ExpectSameAnswer("GET", StrCat(Path("default"), "/a?watch=true&resourceVersion=0"), Accepting());
}

TEST_P(WatchContractTest, GetOfAClusterScopedObjectHasTheApiServersBytes) {
  const uint64_t version = server_.Create("nodes", "", ConfigMapBody("n1", {}, {{"zone", "z"}}));
  for (const std::string& query :
       {std::string(), std::string("?resourceVersion=0"), StrCat("?resourceVersion=", version)}) {
    SCOPED_TRACE(query);
    ExpectSameAnswer("GET", "/api/v1/nodes/n1" + query, Accepting());
  }
  ExpectSameAnswer("GET", "/api/v1/nodes/n2?resourceVersion=0", Accepting());
}

TEST_P(WatchContractTest, GetOfATableIsTheApiServersToAnswer) {
  Create("default", "a");
  Warm();
  const TestHeaders table = {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io"}};
  const TestResponse got = client_->Get(Path("default") + "/a?resourceVersion=0", table);
  EXPECT_THAT(got.body, HasSubstr(R"("kind":"Table")"));
  EXPECT_THAT(got.body, HasSubstr("columnDefinitions"));
}

TEST_P(WatchContractTest, PrettyGetIsIndented) {
  Create("default", "a");
  Warm();
  const std::string target = Path("default") + "/a?resourceVersion=0&pretty=true";
  EXPECT_THAT(client_->Get(target, Accept(Representation::kJson)).body,
              HasSubstr("\n  \"metadata"));
  ExpectSameAnswer("GET", target, Accept(Representation::kJson));
}

TEST_P(WatchContractTest, GetOverHttp1HasTheSameBytes) {
  Create("default", "a");
  Warm();
  TestClientOptions options = Options();
  options.alpn = {"http/1.1"};
  TestClient http1(options);
  for (const char* query : {"", "?resourceVersion=0"}) {
    ExpectSameAnswer(http1, *direct_, "GET", StrCat(Path("default"), "/a", query), Accepting());
  }
}

TEST_P(WatchContractTest, HeadOfAnObjectIsTheApiServersToAnswer) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("HEAD", Path("default") + "/a?resourceVersion=0", Accepting());
}

}  // namespace
}  // namespace weir
