// SPDX-License-Identifier: Apache-2.0
//
// Objects without their content: PartialObjectMetadata, in JSON and protobuf, of every kind.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::StartsWith;

// In the encoding of the case; of custom resources there is protobuf, too.
class Metadata {
 public:
  explicit Metadata(Representation representation)
      : type_(representation == Representation::kProtobuf ? "application/vnd.kubernetes.protobuf"
                                                          : "application/json") {}
  TestHeaders List() const { return As("PartialObjectMetadataList"); }
  TestHeaders Object() const { return As("PartialObjectMetadata"); }

 private:
  TestHeaders As(std::string_view kind) const {
    return {{"Accept", StrCat(type_, ";as=", kind, ";g=meta.k8s.io;v=v1")}};
  }
  std::string type_;
};

TEST_P(WatchContractTest, MetadataListHasTheApiServersBytes) {
  Create("default", "a", {{"app", "x"}});
  Create("other", "b");
  Warm();
  const Metadata as(GetParam().representation);
  for (const char* query : {"resourceVersion=0", "", "limit=1", "resourceVersion=0&limit=1"}) {
    SCOPED_TRACE(query);
    ExpectSameAnswer("GET", Url(query), as.List());
    ExpectSameAnswer("GET", Url(query, "default"), as.List());
  }
}

TEST_P(WatchContractTest, MetadataListSaysWhatItIs) {
  Create("default", "a");
  Warm();
  const TestResponse list =
      client_->Get(Url("resourceVersion=0", "default"), Metadata(Representation::kJson).List());
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.headers.Get("Content-Type"), "application/json");
  EXPECT_THAT(list.body, StartsWith(R"({"kind":"PartialObjectMetadataList",)"
                                    R"("apiVersion":"meta.k8s.io/v1","metadata":{)"));
  EXPECT_THAT(list.body, HasSubstr(R"("items":[{"kind":"PartialObjectMetadata",)"
                                   R"("apiVersion":"meta.k8s.io/v1","metadata":{"name":"a",)"));
  EXPECT_THAT(list.body, testing::Not(HasSubstr(R"("data":)")));
}

TEST_P(WatchContractTest, MetadataListInProtobufSaysWhatItIs) {
  Create("default", "a");
  Warm();
  const TestResponse list =
      client_->Get(Url("resourceVersion=0", "default"), Metadata(Representation::kProtobuf).List());
  EXPECT_EQ(list.status, 200);
  EXPECT_EQ(list.headers.Get("Content-Type"), "application/vnd.kubernetes.protobuf");
  EXPECT_THAT(list.body, StartsWith(std::string("k8s\0", 4)));
  EXPECT_THAT(list.body, HasSubstr("meta.k8s.io/v1"));
  EXPECT_THAT(list.body, HasSubstr("PartialObjectMetadataList"));
  EXPECT_THAT(Keys(list), ElementsAre("default/a"));
}

TEST_P(WatchContractTest, MetadataListOfNothingHasTheApiServersBytes) {
  server_.NeedNamespace("empty");
  Warm();
  const Metadata as(GetParam().representation);
  ExpectSameAnswer("GET", Url("resourceVersion=0", "empty"), as.List());
  ExpectSameAnswer("GET", Url("", "empty"), as.List());
  const TestResponse list =
      client_->Get(Url("resourceVersion=0", "empty"), Metadata(Representation::kJson).List());
  EXPECT_THAT(list.body, HasSubstr(R"("items":null)"));
}

TEST_P(WatchContractTest, MetadataListAtAVersionIsNotOlderThanIt) {
  Create("default", "a");
  Warm();
  const uint64_t version = Create("default", "b");
  const Metadata as(GetParam().representation);
  const TestResponse list = client_->Get(Url(StrCat("resourceVersion=", version)), as.List());
  EXPECT_THAT(Keys(list), ElementsAre("default/a", "default/b"));
  EXPECT_GE(Decode(list).version, version);
}

TEST_P(WatchContractTest, MetadataListOfAVersionThatIsYetToComeSaysTooLarge) {
  Create("default", "a");
  Warm();
  const Metadata as(GetParam().representation);
  const TestResponse list =
      client_->Get(Url(StrCat("resourceVersion=", server_.version() + 1'000'000)), as.List());
  EXPECT_EQ(list.status, 504);
}

TEST_P(WatchContractTest, MetadataListsAreSelectedByLabelAndField) {
  Create("default", "a", {{"app", "x"}});
  Create("default", "b", {{"app", "y"}});
  Create("other", "a", {{"app", "x"}});
  Warm();
  const Metadata as(GetParam().representation);
  for (const char* selector :
       {"labelSelector=app%3Dx", "labelSelector=app%21%3Dx", "fieldSelector=metadata.name%3Da",
        "fieldSelector=metadata.namespace%3Dother", "labelSelector=none"}) {
    SCOPED_TRACE(selector);
    ExpectSameAnswer("GET", Url(StrCat("resourceVersion=0&", selector)), as.List());
    ExpectSameAnswer("GET", Url(selector, "default"), as.List());
  }
}

TEST_P(WatchContractTest, MetadataPagesCoverEverythingOnce) {
  for (const char* name : {"a", "b", "c"}) Create("default", name);
  Warm();
  const Metadata as(GetParam().representation);
  const TestResponse first = client_->Get(Url("limit=2", "default"), as.List());
  EXPECT_THAT(Keys(first), ElementsAre("default/a", "default/b"));
  const std::string token = Decode(first).continue_token;
  ASSERT_FALSE(token.empty());
  const TestResponse second =
      client_->Get(Url(StrCat("limit=2&continue=", token), "default"), as.List());
  EXPECT_THAT(Keys(second), ElementsAre("default/c"));
  EXPECT_THAT(Decode(second).continue_token, IsEmpty());
}

TEST_P(WatchContractTest, MetadataEventsHaveTheApiServersBytes) {
  const uint64_t since = Create("default", "a");
  Warm();
  Label("default", "a", "app", "x");
  Create("default", "b", {{"app", "x"}});
  Set("default", "a", "1");
  const uint64_t last = Delete("default", "a");
  CatchUp();
  const Metadata as(GetParam().representation);
  ExpectSameEvents(Url(StrCat("watch=1&resourceVersion=", since)), as.Object(), last);
  ExpectSameEvents(Url(StrCat("watch=1&resourceVersion=", since), "default"), as.Object(), last);
}

TEST_P(WatchContractTest, MetadataEventsComeAsTheyHappen) {
  Create("default", "a");
  Warm();
  const Metadata as(GetParam().representation);
  const auto watch =
      client_->Watch(Url(StrCat("watch=1&resourceVersion=", server_.version())), as.Object());
  ASSERT_EQ(watch->status(), 200);
  const uint64_t set = Set("default", "a", "1");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("MODIFIED default/a@", set));
  const uint64_t deleted = Delete("default", "a");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("DELETED default/a@", deleted));
}

TEST_P(WatchContractTest, MetadataEventSaysWhatItIs) {
  Create("default", "a");
  Warm();
  const auto watch = client_->Watch(Url("watch=1&resourceVersion=0", "default"),
                                    Metadata(Representation::kJson).Object());
  EXPECT_EQ(watch->Header("Content-Type"), "application/json");
  EXPECT_THAT(watch->Next()->frame,
              StartsWith(R"({"type":"ADDED","object":{"kind":"PartialObjectMetadata",)"
                         R"("apiVersion":"meta.k8s.io/v1","metadata":{"name":"a",)"));
}

TEST_P(WatchContractTest, MetadataWatchFromZeroBeginsWithEveryObject) {
  const uint64_t a = Create("default", "a");
  const uint64_t b = Create("default", "b");
  Warm();
  const Metadata as(GetParam().representation);
  for (const char* query : {"watch=1&resourceVersion=0", "watch=1"}) {
    SCOPED_TRACE(query);
    const auto watch = client_->Watch(Url(query, "default"), as.Object());
    EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", a));
    EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/b@", b));
    ExpectSameEvents(Url(query, "default"), as.Object(), b);
  }
}

TEST_P(WatchContractTest, MetadataStreamListEndsWithItsBookmark) {
  Create("default", "a", {{"app", "x"}});
  Create("default", "b");
  Warm();
  const Metadata as(GetParam().representation);
  for (const char* query : {"&resourceVersion=0", "", "&resourceVersion=0&labelSelector=app%3Dx"}) {
    ExpectSameInitialEvents(Url(StrCat("watch=1&", kStreamList, query)), as.Object());
  }
}

TEST_P(WatchContractTest, MetadataBookmarkIsOfMetadata) {
  Create("default", "a");
  Warm();
  const auto watch = client_->Watch(Url(StrCat("watch=1&resourceVersion=0&", kStreamList)),
                                    Metadata(Representation::kJson).Object());
  const auto events = watch->UntilInitialEnd();
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_THAT(events[1].frame, HasSubstr(R"("kind":"PartialObjectMetadata")"));
  EXPECT_THAT(events[1].frame, HasSubstr(R"("apiVersion":"meta.k8s.io/v1")"));
  EXPECT_THAT(events[1].frame, HasSubstr(R"("k8s.io/initial-events-end":"true")"));
}

TEST_P(WatchContractTest, MetadataOfASelectionEntersAndLeaves) {
  const uint64_t since = Create("default", "a");
  Warm();
  const Metadata as(GetParam().representation);
  const std::string target = Url(StrCat("watch=1&labelSelector=app%3Dx&resourceVersion=", since));
  const auto watch = client_->Watch(target, as.Object());
  ASSERT_EQ(watch->status(), 200);
  const uint64_t entered = Label("default", "a", "app", "x");
  const uint64_t left = Label("default", "a", "app", "y");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", entered));
  EXPECT_EQ(watch->Next()->ToString(), StrCat("DELETED default/a@", left));
  ExpectSameEvents(target, as.Object(), left);
}

TEST_P(WatchContractTest, MetadataOfAnExpiredVersionIsAnErrorInTheStream) {
  Create("default", "a");
  Warm();
  const Metadata as(GetParam().representation);
  const auto watch = client_->Watch(Url("watch=1&resourceVersion=1"), as.Object());
  EXPECT_EQ(watch->status(), 200);
  EXPECT_EQ(watch->Next()->ToString(), "ERROR 410 Expired");
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
}

TEST_P(WatchContractTest, MetadataOfOneObjectHasTheApiServersBytes) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  const Metadata as(GetParam().representation);
  for (const char* query : {"", "?resourceVersion=0"}) {
    ExpectSameAnswer("GET", StrCat(Path("default"), "/a", query), as.Object());
    ExpectSameAnswer("GET", StrCat(Path("default"), "/nobody", query), as.Object());
  }
  const TestResponse json = client_->Get(Path("default") + "/a?resourceVersion=0",
                                         Metadata(Representation::kJson).Object());
  EXPECT_THAT(json.body, StartsWith(R"({"kind":"PartialObjectMetadata",)"
                                    R"("apiVersion":"meta.k8s.io/v1","metadata":{"name":"a",)"));
}

TEST_P(WatchContractTest, ListAsASingleObjectsMetadataGetsTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  const Metadata as(GetParam().representation);
  // Lists must be asked for by the name of a list, and objects by that of an object.
  ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), as.Object());
  ExpectSameAnswer("GET", Path("default") + "/a?resourceVersion=0", as.List());
  const auto watch = client_->Watch(Url("watch=1&resourceVersion=0", "default"), as.List());
  const auto direct = direct_->Watch(Url("watch=1&resourceVersion=0", "default"), as.List());
  EXPECT_EQ(watch->status(), direct->status());
}

TEST_P(WatchContractTest, MetadataClientsAcceptGetsMetadata) {
  Create("default", "a");
  Warm();
  // As client-go's metadata client asks.
  const auto accept = [](std::string_view kind) {
    const std::string as = StrCat(";as=", kind, ";g=meta.k8s.io;v=v1,");
    return TestHeaders{{"Accept", StrCat("application/vnd.kubernetes.protobuf", as,
                                         "application/json", as, "application/json")}};
  };
  const TestHeaders list = accept("PartialObjectMetadataList");
  EXPECT_THAT(client_->Get(Url("resourceVersion=0"), list).body,
              HasSubstr("PartialObjectMetadataList"));
  ExpectSameAnswer("GET", Url("resourceVersion=0"), list);
  ExpectSameInitialEvents(Url(StrCat("watch=1&resourceVersion=0&", kStreamList)),
                          accept("PartialObjectMetadata"));
}

TEST_P(WatchContractTest, MetadataOfOtherVersionsGetsTheApiServersAnswer) {
  Create("default", "a");
  Warm();
  for (const char* accept :
       {"application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1beta1",
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v2",
        "application/json;as=PartialObjectMetadataList;g=other.io;v=v1",
        "application/json;as=PartialObjectMetadataList",
        "application/json;as=Nonsense;g=meta.k8s.io;v=v1,application/json"}) {
    SCOPED_TRACE(accept);
    ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), {{"Accept", accept}});
  }
}

TEST_P(WatchContractTest, MetadataAndWholeObjectsAreNeverMixedUp) {
  Create("default", "a");
  Warm();
  const Metadata as(GetParam().representation);
  for (int i = 0; i < 3; ++i) {
    const uint64_t version = Set("default", "a", StrCat(i));
    const std::string query = StrCat("resourceVersion=", version);
    ExpectSameAnswer("GET", Url(query, "default"), Accepting());
    ExpectSameAnswer("GET", Url(query, "default"), as.List());
  }
}

}  // namespace
}  // namespace weir
