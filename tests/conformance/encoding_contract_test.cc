// SPDX-License-Identifier: Apache-2.0
//
// Which encoding an answer comes in, and the shape of its bytes.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

TEST_P(WatchContractTest, JsonListHasTheShapeOfItsKind) {
  Create("default", "a");
  Warm();
  const TestResponse list =
      client_->Get(Url("resourceVersion=0", "default"), Accept(Representation::kJson));
  EXPECT_EQ(list.headers.Get("Content-Type"), "application/json");
  EXPECT_THAT(list.body, EndsWith("}\n"));
  if (custom()) {
    EXPECT_THAT(list.body, StartsWith(R"({"apiVersion":"example.com/v1","items":[{"apiVersion":)"
                                      R"("example.com/v1","data":{"v":"0"},"kind":"Foo",)"));
    EXPECT_THAT(list.body, HasSubstr(R"(],"kind":"FooList","metadata":{"continue":"",)"
                                     R"("resourceVersion":")"));
  } else {
    EXPECT_THAT(list.body, StartsWith(R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{)"
                                      R"("resourceVersion":")"));
    // Without kind and apiVersion.
    EXPECT_THAT(list.body,
                HasSubstr(R"(},"items":[{"metadata":{"name":"a","namespace":"default",)"));
    EXPECT_THAT(list.body, HasSubstr(R"("data":{"v":"0"}}]})"));
  }
}

TEST_P(WatchContractTest, JsonEventIsOneLineWithItsKind) {
  Create("default", "a");
  Warm();
  const auto watch =
      client_->Watch(Url("watch=1&resourceVersion=0", "default"), Accept(Representation::kJson));
  EXPECT_EQ(watch->Header("Content-Type"), "application/json");
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_THAT(event->frame,
              StartsWith(custom() ? R"({"type":"ADDED","object":{"apiVersion":"example.com/v1",)"
                                  : R"({"type":"ADDED","object":{"kind":"ConfigMap",)"
                                    R"("apiVersion":"v1","metadata":{"name":"a",)"));
  EXPECT_THAT(event->frame, EndsWith("}}\n"));
}

TEST_P(WatchContractTest, ProtobufComesInItsEnvelope) {
  Create("default", "a");
  Warm();
  const TestHeaders protobuf = {{"Accept", "application/vnd.kubernetes.protobuf"}};
  const TestResponse list = client_->Get(Url("resourceVersion=0", "default"), protobuf);
  if (custom()) {
    EXPECT_EQ(list.status, 406);
  } else {
    EXPECT_EQ(list.headers.Get("Content-Type"), "application/vnd.kubernetes.protobuf");
    EXPECT_THAT(list.body,
                StartsWith(std::string("k8s\0\x0a\x13\x0a\x02v1\x12\x0d", 12) + "ConfigMapList"));
  }
  ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), protobuf);
}

TEST_P(WatchContractTest, ProtobufEventsAreFramed) {
  Create("default", "a");
  Warm();
  const auto watch = client_->Watch(
      Url("watch=1&resourceVersion=0", "default"),
      {{"Accept", "application/vnd.kubernetes.protobuf;stream=watch,application/json"}});
  if (custom()) {
    EXPECT_EQ(watch->Header("Content-Type"), "application/json");
    return;
  }
  EXPECT_EQ(watch->Header("Content-Type"), "application/vnd.kubernetes.protobuf;stream=watch");
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->type, "ADDED");
  EXPECT_THAT(event->frame.substr(4), StartsWith("\x0a\x05"
                                                 "ADDED\x12"));
}

TEST_P(WatchContractTest, TextThatHtmlWouldTakeForItsOwnIsEscaped) {
  Create("default", "a");
  Set("default", "a", R"(<a href=\"x\">&amp;</a>)");
  Warm();
  const TestHeaders json = Accept(Representation::kJson);
  const TestResponse list = client_->Get(Url("resourceVersion=0", "default"), json);
  EXPECT_THAT(list.body, HasSubstr(R"(\u003ca href=\"x\"\u003e\u0026amp;\u003c/a\u003e)"));
  ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), json);
}

TEST_P(WatchContractTest, TextOfAnyLanguageSurvives) {
  Create("default", "a");
  Set("default", "a", "\u00fc \u65e5\u672c \U0001f600 \\u2028 \\t \\u0001");
  Warm();
  ExpectSameAnswer("GET", Url("resourceVersion=0", "default"), Accepting());
  ExpectSameAnswer("GET", Path("default") + "/a?resourceVersion=0", Accepting());
}

TEST_P(WatchContractTest, FirstUsableClauseOfAnAcceptWins) {
  Create("default", "a");
  Warm();
  for (const char* accept :
       {"application/xml,application/json", "application/json,application/vnd.kubernetes.protobuf",
        "application/*,application/json", "text/html, */*", "application/json;profile=x",
        "application/json;q=0.9,application/xml"}) {
    SCOPED_TRACE(accept);
    const TestResponse list = client_->Get(Url("resourceVersion=0"), {{"Accept", accept}});
    EXPECT_EQ(list.status, 200);
    EXPECT_EQ(list.headers.Get("Content-Type"), "application/json");
    ExpectSameAnswer("GET", Url("resourceVersion=0"), {{"Accept", accept}});
  }
}

TEST_P(WatchContractTest, HalfOpenRangeIsRefusedByTheRouter) {
  Create("default", "a");
  Warm();
  // Which knows nothing of custom resources; their handlers take it.
  const TestHeaders range = {{"Accept", "application/*"}};
  EXPECT_EQ(client_->Get(Url("resourceVersion=0"), range).status, custom() ? 200 : 406);
  ExpectSameAnswer("GET", Url("resourceVersion=0"), range);
  ExpectSameAnswer("GET", Url("resourceVersion=0"), {{"Accept", "*"}});
}

TEST_P(WatchContractTest, TableComesFromTheApiServer) {
  Create("default", "a");
  Warm();
  const TestHeaders table = {{"Accept",
                              "application/json;as=Table;v=v1;g=meta.k8s.io,"
                              "application/json;as=Table;v=v1beta1;g=meta.k8s.io,"
                              "application/json"}};
  const TestResponse list = client_->Get(Url("limit=500", "default"), table);
  EXPECT_THAT(list.body, HasSubstr(R"("kind":"Table")"));
  EXPECT_THAT(list.body, HasSubstr(R"("columnDefinitions":[)"));
  EXPECT_THAT(list.body, HasSubstr(R"("cells":["a")"));
}

TEST_P(WatchContractTest, AnswersAreNotToBeStored) {
  Create("default", "a");
  Warm();
  EXPECT_EQ(List("resourceVersion=0").headers.Get("Cache-Control"), "no-cache, private");
  EXPECT_EQ(client_->Get(Path("default") + "/a", Accepting()).headers.Get("Cache-Control"),
            "no-cache, private");
  EXPECT_EQ(Watch("resourceVersion=0")->Header("Cache-Control"), "no-cache, private");
}

TEST_P(WatchContractTest, EveryAnswerHasAnAuditId) {
  Create("default", "a");
  Warm();
  EXPECT_NE(List("resourceVersion=0").headers.Get("Audit-Id"), "");
  EXPECT_NE(Watch("resourceVersion=0")->Header("Audit-Id"), "");
  EXPECT_NE(client_->Get(Path("default") + "/a").headers.Get("Audit-Id"), "");
}

// Of a version that is deprecated, with every read.
TEST_P(FakeServerContractTest, EveryAnswerSaysWhatTheApiServerWarnsOf) {
  constexpr std::string_view kWarning = R"(299 - "v1 Foo is deprecated, use v2")";
  fake().With([&](FakeApiState& state) { state.warnings[plural()] = {std::string(kWarning)}; });
  Create("default", "a");
  Warm();
  EXPECT_EQ(List("resourceVersion=0").headers.Get("Warning"), kWarning);
  EXPECT_EQ(List("resourceVersion=0", "default").headers.Get("Warning"), kWarning);
  EXPECT_EQ(client_->Get(Path("default") + "/a?resourceVersion=0").headers.Get("Warning"),
            kWarning);
  EXPECT_EQ(Watch("resourceVersion=0")->Header("Warning"), kWarning);
  EXPECT_EQ(Watch(StrCat("resourceVersion=", fake().version()))->Header("Warning"), kWarning);
  // Its watches end when the API server or the definition is replaced.
  fake().With([](FakeApiState& state) { state.warnings.clear(); });
  fake().EndWatches();
  EXPECT_TRUE(WaitFor([this] { return !List("resourceVersion=0").headers.Has("Warning"); }));
}

TEST_P(WatchContractTest, EmptyListHasNoNull) {
  server_.NeedNamespace("empty");
  Warm();
  const TestResponse list =
      client_->Get(Url("resourceVersion=0", "empty"), Accept(Representation::kJson));
  EXPECT_THAT(list.body, HasSubstr(R"("items":[])"));
  EXPECT_THAT(list.body, Not(HasSubstr("null")));
}

}  // namespace
}  // namespace weir
