// SPDX-License-Identifier: Apache-2.0
//
// LIST: what is in it, in which order, at which version, and in which bytes.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_P(WatchContractTest, ListsEveryObjectAtVersionZero) {
  Create("default", "a");
  Create("other", "b");
  const TestResponse list = List("resourceVersion=0");
  EXPECT_EQ(list.status, 200);
  EXPECT_THAT(Keys(list), ElementsAre("default/a", "other/b"));
  ExpectFromCache("list");
}

TEST_P(WatchContractTest, ListAtVersionZeroIgnoresTheLimit) {
  Create("default", "a");
  Create("default", "b");
  const TestResponse list = List("resourceVersion=0&limit=1");
  EXPECT_THAT(Keys(list), ElementsAre("default/a", "default/b"));
  EXPECT_THAT(Decode(list).continue_token, IsEmpty());
  ExpectFromCache("list");
}

TEST_P(WatchContractTest, ListHasTheApiServersBytes) {
  Create("default", "b", {{"app", "x"}});
  Create("default", "a");
  Create("other", "a", {{"app", "x"}, {"tier", ""}});
  Set("other", "a", R"(\u00fc\"\\<>&)");
  Set("default", "b", "\u20ac and \\n \\\\ \\\" and \\u2028");
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0"), Accepting());
  ExpectSameAnswer("GET", Url("resourceVersion=0&limit=500"), Accepting());
  ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), Accepting());
}

TEST_P(WatchContractTest, EmptyListHasTheApiServersBytes) {
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0"), Accepting());
  ExpectFromCache("list", 2);
}

TEST_P(WatchContractTest, EmptiedListHasTheApiServersBytes) {
  Create("default", "a");
  Warm();
  Delete("default", "a");
  CatchUp();
  ExpectSameAnswer("GET", Url("resourceVersion=0"), Accepting());
}

TEST_P(WatchContractTest, ListIsOrderedByTheJoinedKey) {
  for (const char* name : {"a", "a-b", "a0", "b"}) Create(name, "x");
  Create("a", "x-1");
  Create("a", "x.1");
  Create("a", "x1");
  EXPECT_THAT(Keys(List("resourceVersion=0")),
              ElementsAre("a-b/x", "a/x", "a/x-1", "a/x.1", "a/x1", "a0/x", "b/x"));
}

TEST_P(WatchContractTest, ListAtAVersionIsNotOlderThanIt) {
  Create("default", "a");
  Warm();
  const uint64_t version = Create("default", "b");
  const TestResponse list = List(StrCat("resourceVersion=", version));
  EXPECT_THAT(Keys(list), ElementsAre("default/a", "default/b"));
  EXPECT_GE(Decode(list).version, version);
  ExpectFromCache("list", 2);
}

TEST_P(WatchContractTest, ListWithMatchNotOlderThanIsNotOlder) {
  Create("default", "a");
  Warm();
  const uint64_t version = Create("default", "b");
  const TestResponse list =
      List(StrCat("resourceVersion=", version, "&resourceVersionMatch=NotOlderThan"));
  EXPECT_THAT(Keys(list), ElementsAre("default/a", "default/b"));
  EXPECT_GE(Decode(list).version, version);
}

TEST_P(WatchContractTest, ListOfAVersionThatIsYetToComeSaysTooLarge) {
  Create("default", "a");
  Warm();
  const TestResponse list = List(StrCat("resourceVersion=", server_.version() + 1'000'000));
  EXPECT_EQ(list.status, 504);
  EXPECT_THAT(list.body, HasSubstr("ResourceVersionTooLarge"));
  EXPECT_EQ(list.headers.Get("Retry-After"), "1");
  ExpectForwarded("future_version");
}

TEST_P(WatchContractTest, ConsistentListSeesTheLatestWrite) {
  Create("default", "a");
  Warm();
  Create("default", "b");
  EXPECT_THAT(Keys(List("")), ElementsAre("default/a", "default/b"));
  ExpectSameAnswer("GET", Path(), Accepting());
  ExpectForwarded("consistent_read", 2);
}

TEST_P(WatchContractTest, PagesCoverEverythingOnceAtOneVersion) {
  for (const char* name : {"a", "b", "c", "d", "e"}) Create("default", name);
  Warm();
  std::vector<std::string> keys;
  std::string token;
  uint64_t version = 0;
  do {
    const TestResponse page =
        List(StrCat("limit=2", token.empty() ? "" : StrCat("&continue=", token)), "default");
    ASSERT_EQ(page.status, 200) << page.body;
    for (std::string& key : Keys(page)) keys.push_back(std::move(key));
    const Decoded decoded = Decode(page);
    if (version == 0) version = decoded.version;
    EXPECT_EQ(decoded.version, version);
    token = decoded.continue_token;
    // What is written meanwhile belongs to a later version.
    if (keys.size() == 2) Create("default", "bb");
  } while (!token.empty());
  EXPECT_THAT(keys, ElementsAre("default/a", "default/b", "default/c", "default/d", "default/e"));
}

TEST_P(WatchContractTest, PageHasTheApiServersBytes) {
  for (const char* name : {"a", "b", "c"}) Create("default", name);
  Warm();
  ExpectSameAnswer("GET", Url("limit=2"), Accepting());
  ExpectSameAnswer("GET", Url("limit=2&resourceVersion=0&resourceVersionMatch=NotOlderThan"),
                   Accepting());
}

TEST_P(FakeServerContractTest, ExpiredPageSaysGone) {
  for (const char* name : {"a", "b", "c"}) Create("default", name);
  Warm();
  const std::string token = Decode(List("limit=1", "default")).continue_token;
  Create("default", "d");
  fake().Compact();
  EXPECT_EQ(List(StrCat("limit=1&continue=", token), "default").status, 410);
}

TEST_P(WatchContractTest, ListAtAnExactVersionIsThatVersion) {
  const uint64_t version = Create("default", "a");
  Create("default", "b");
  Warm();
  const TestResponse list =
      List(StrCat("resourceVersion=", version, "&resourceVersionMatch=Exact"));
  EXPECT_THAT(Keys(list), ElementsAre("default/a"));
  EXPECT_EQ(Decode(list).version, version);
  ExpectForwarded("paged_read");
}

TEST_P(WatchContractTest, LimitWithAVersionMeansExactly) {
  const uint64_t version = Create("default", "a");
  Create("default", "b");
  Warm();
  EXPECT_THAT(Keys(List(StrCat("resourceVersion=", version, "&limit=10"))),
              ElementsAre("default/a"));
}

TEST_P(WatchContractTest, ListOfANamespaceHoldsNothingElse) {
  Create("default", "a");
  Create("default-2", "a");
  Create("other", "b");
  EXPECT_THAT(Keys(List("resourceVersion=0", "default")), ElementsAre("default/a"));
  Warm();
  EXPECT_THAT(Keys(List("resourceVersion=0", "other")), ElementsAre("other/b"));
  EXPECT_THAT(Keys(List("resourceVersion=0", "nobody")), IsEmpty());
}

TEST_P(WatchContractTest, LabelSelectorChoosesObjects) {
  Create("default", "a", {{"app", "x"}});
  Create("default", "b", {{"app", "y"}});
  Create("default", "c");
  Warm();
  EXPECT_THAT(Keys(List("resourceVersion=0&labelSelector=app%3Dx")), ElementsAre("default/a"));
  EXPECT_THAT(Keys(List("resourceVersion=0&labelSelector=app+notin+(x)")),
              ElementsAre("default/b", "default/c"));
  ExpectSameAnswer("GET", Url("resourceVersion=0&labelSelector=app%21%3Dx"), Accepting());
  ExpectSameAnswer("GET", Url("resourceVersion=0&labelSelector=app+in+(x,y)", "default"),
                   Accepting());
}

TEST_P(WatchContractTest, NameSelectorChoosesOneObject) {
  Create("default", "a");
  Create("default", "b");
  Create("other", "a");
  EXPECT_THAT(Keys(List("resourceVersion=0&fieldSelector=metadata.name%3Da", "default")),
              ElementsAre("default/a"));
  Warm();
  EXPECT_THAT(Keys(List("resourceVersion=0&fieldSelector=metadata.name%3Da")),
              ElementsAre("default/a", "other/a"));
  EXPECT_THAT(Keys(List("resourceVersion=0&fieldSelector=metadata.namespace%3Dother")),
              ElementsAre("other/a"));
  EXPECT_THAT(Keys(List("resourceVersion=0&fieldSelector=metadata.namespace%21%3Dother")),
              ElementsAre("default/a", "default/b"));
}

TEST_P(WatchContractTest, UnusableSelectorsGetTheApiServersAnswer) {
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0&fieldSelector=spec.color%3Dred"), Accepting());
  ExpectSameAnswer("GET", Url("resourceVersion=0&labelSelector=app+is+x"), Accepting());
  ExpectSameAnswer("GET", Url("resourceVersion=0&fieldSelector=metadata.name"), Accepting());
}

TEST_P(WatchContractTest, InvalidOptionsGetTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  for (const char* query :
       {"resourceVersionMatch=Exact", "resourceVersion=0&resourceVersionMatch=Exact",
        "resourceVersion=5&resourceVersionMatch=Roughly", "sendInitialEvents=true",
        "resourceVersion=abc", "resourceVersion=-1", "limit=ten", "continue=xyz",
        "resourceVersion=0&timeoutSeconds=soon"}) {
    SCOPED_TRACE(query);
    ExpectSameAnswer("GET", Url(query), Accepting());
  }
}

TEST_P(WatchContractTest, UnknownParametersReachTheApiServer) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0&shardSelector=x"), Accepting());
  ExpectSameAnswer("GET", Url("resourceVersion=0&pretty=true"), Accepting());
}

TEST_P(WatchContractTest, OtherRepresentationsComeFromTheApiServer) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0"),
                   {{"Accept", "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}});
  ExpectSameAnswer(
      "GET", Url("resourceVersion=0"),
      {{"Accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}});
  ExpectSameAnswer("GET", Url("resourceVersion=0"), {{"Accept", "application/xml"}});
}

TEST_P(WatchContractTest, MetadataComesInProtobufOfEveryKind) {
  const uint64_t version = Create("default", "a");
  const TestHeaders headers = {{"Accept",
                                "application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;"
                                "g=meta.k8s.io;v=v1"}};
  const TestResponse answer = client_->Get(Url("resourceVersion=", "default"), headers);
  ASSERT_EQ(answer.status, 200) << answer.body;
  ListDecoder decoder(Representation::kProtobuf);
  std::vector<ObjectPtr> items;
  ASSERT_TRUE(decoder.Decode(answer.body, items).ok());
  ASSERT_TRUE(decoder.Finish().ok());
  EXPECT_EQ(decoder.envelope().list_kind, "PartialObjectMetadataList");
  ASSERT_EQ(items.size(), 1U);
  EXPECT_EQ(items[0]->name(), "a");
  EXPECT_EQ(items[0]->version(), ResourceVersion(version));
  CatchUp();
  ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), headers);
}

TEST_P(WatchContractTest, KindWithoutProtobufAnswersInTheNextBestEncoding) {
  Create("default", "a");
  const TestHeaders prefers = {{"Accept", "application/vnd.kubernetes.protobuf,application/json"}};
  const TestResponse list = client_->Get(Url("resourceVersion=0"), prefers);
  EXPECT_EQ(list.status, 200);
  EXPECT_THAT(Keys(list), ElementsAre("default/a"));
  CatchUp();
  ExpectSameAnswer("GET", Url("resourceVersion=0"), prefers);
  if (plural() == "foos")
    ExpectSameAnswer("GET", Url("resourceVersion=0"), {{"Accept", std::string(kProtobufAccept)}});
}

TEST_P(WatchContractTest, AnyAcceptMeansJson) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0"), {{"Accept", "*/*"}});
  ExpectSameAnswer("GET", Url("resourceVersion=0"), {});
  ExpectSameAnswer("GET", Url("resourceVersion=0"), {{"Accept", "application/json, */*"}});
}

TEST_P(WatchContractTest, HeadOfAListIsTheApiServersToAnswer) {
  Create("default", "a");
  Warm();
  ExpectSameAnswer("HEAD", Url("resourceVersion=0"), Accepting());
}

TEST_P(WatchContractTest, UnknownResourceIsNotFound) {
  ExpectSameAnswer("GET", "/api/v1/nonsenses?resourceVersion=0", Accepting());
  ExpectSameAnswer("GET", "/apis/nowhere.io/v1/things?resourceVersion=0", Accepting());
}

TEST_P(WatchContractTest, PathsSpeltOddlyAreTheApiServersToRead) {
  Create("default", "a");
  Warm();
  for (const std::string& target :
       {Path() + "/?resourceVersion=0", "/" + Path() + "?resourceVersion=0",
        Path("%64efault") + "?resourceVersion=0", Path("x/..") + "?resourceVersion=0"}) {
    SCOPED_TRACE(target);
    ExpectSameAnswer("GET", target, Accepting());
  }
}

TEST_P(WatchContractTest, AuditIdIsEchoed) {
  Create("default", "a");
  Warm();
  TestHeaders headers = Accepting();
  headers.emplace_back("Audit-ID", "my-audit-id");
  EXPECT_EQ(client_->Get(Url("resourceVersion=0"), headers).headers.Get("Audit-Id"), "my-audit-id");
}

TEST_P(WatchContractTest, ListsOverHttp1) {
  Create("default", "a");
  TestClientOptions options = Options();
  options.alpn = {"http/1.1"};
  TestClient http1(options);
  EXPECT_THAT(Keys(http1.Get(Url("resourceVersion=0"), Accepting())), ElementsAre("default/a"));
  CatchUp();
  ExpectSameAnswer(http1, *direct_, "GET", Url("resourceVersion=0"), Accepting());
  ExpectSameAnswer(http1, *direct_, "GET", Path(), Accepting());
}

TEST_P(WatchContractTest, LargeListArrivesWhole) {
  const std::string filler(20'000, 'x');
  for (int i = 0; i < 50; ++i) {
    server_.Create(plural(), "default", ConfigMapBody(StrCat("big-", i), {{"v", filler}}));
  }
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0"), Accepting());
}

}  // namespace
}  // namespace weir
