// SPDX-License-Identifier: Apache-2.0
//
// Errors: their codes, words and encodings.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

TEST_P(WatchContractTest, ObjectThatIsNotThereIsNotFound) {
  const std::string name = custom() ? "foos.example.com" : "configmaps";
  const std::string group = custom() ? R"("group":"example.com",)" : "";
  const TestResponse missing =
      client_->Get(Path("default") + "/nobody", Accept(Representation::kJson));
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.body,
            StrCat(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)",
                   R"("message":")", name, R"( \"nobody\" not found","reason":"NotFound",)",
                   R"("details":{"name":"nobody",)", group, R"("kind":")", plural(),
                   R"("},"code":404})", "\n"));
  ExpectSameAnswer("GET", Path("default") + "/nobody", Accepting());
}

TEST_P(WatchContractTest, PathThatIsNotThereIsNotFound) {
  for (const char* target : {"/api/v1/nonsenses", "/apis/nowhere.io/v1/things", "/nowhere"}) {
    SCOPED_TRACE(target);
    const TestResponse missing = client_->Get(target);
    EXPECT_EQ(missing.status, 404);
    ExpectSameAnswer("GET", target, {});
  }
  EXPECT_EQ(client_->Get("/apis/nowhere.io/v1/things").body, "404 page not found\n");
  // Within a group that there is, the answer is a Status.
  EXPECT_THAT(client_->Get("/api/v1/nonsenses").body,
              HasSubstr(R"("message":"the server could not find the requested resource")"));
}

TEST_P(WatchContractTest, ErrorsComeInTheEncodingThatWasAskedFor) {
  Warm();
  const TestResponse missing = client_->Get(Path("default") + "/nobody", Accepting());
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(missing.headers.Get("Content-Type"), Accepting()[0].second);
  const bool protobuf = GetParam().representation == Representation::kProtobuf;
  EXPECT_THAT(missing.body, StartsWith(protobuf ? std::string("k8s\0", 4) : "{"));
  const TestResponse invalid = List("resourceVersionMatch=Exact");
  EXPECT_EQ(invalid.status, 422);
  EXPECT_EQ(invalid.headers.Get("Content-Type"), Accepting()[0].second);
  ExpectSameAnswer("GET", Url("resourceVersionMatch=Exact"), Accepting());
}

TEST_P(WatchContractTest, TooLargeVersionIsATimeoutWithACause) {
  Create("default", "a");
  Warm();
  const uint64_t version = server_.version() + 1'000'000;
  const TestResponse list =
      client_->Get(Url(StrCat("resourceVersion=", version)), Accept(Representation::kJson));
  EXPECT_EQ(list.status, 504);
  EXPECT_THAT(list.body, HasSubstr(StrCat(R"("message":"Timeout: Too large resource version: )",
                                          version, ", current: ")));
  EXPECT_THAT(
      list.body,
      EndsWith(R"("reason":"Timeout","details":{"causes":[{"reason":"ResourceVersionTooLarge",)"
               R"("message":"Too large resource version"}],"retryAfterSeconds":1},"code":504})"
               "\n"));
}

TEST_P(WatchContractTest, UnknownMediaTypeIsNotAcceptable) {
  Create("default", "a");
  Warm();
  const TestHeaders xml = {{"Accept", "application/xml"}};
  const TestResponse refused = client_->Get(Url("resourceVersion=0"), xml);
  EXPECT_EQ(refused.status, 406);
  const std::string types =
      "application/json, application/yaml, application/vnd.kubernetes.protobuf";
  EXPECT_THAT(
      refused.body,
      HasSubstr(custom() ? StrCat("only the following media types are accepted: ", types)
                         : StrCat("Not Acceptable\\n\\nAvailable representations: ", types)));
  // Indented, as for people.
  EXPECT_THAT(refused.body, StartsWith("{\n  \"kind\": \"Status\""));
  ExpectSameAnswer("GET", Url("resourceVersion=0"), xml);
  ExpectSameAnswer("GET", Url("watch=1&resourceVersion=0"), xml);
  ExpectSameAnswer("GET", Path("default") + "/a", xml);
}

TEST_P(WatchContractTest, StaleUpdateIsAConflict) {
  const uint64_t version = Create("default", "a");
  Set("default", "a", "1");
  Warm();
  const std::string stale =
      WithKind(plural(), StrCat(R"({"metadata":{"name":"a","resourceVersion":")", version, "\"}}"));
  const TestResponse conflict = client_->Send("PUT", Path("default") + "/a", stale);
  EXPECT_EQ(conflict.status, 409);
  EXPECT_THAT(conflict.body,
              HasSubstr("the object has been modified; please apply your changes to the latest "
                        "version and try again"));
  EXPECT_THAT(conflict.body, HasSubstr(R"("reason":"Conflict")"));
}

TEST_P(WatchContractTest, SecondObjectOfANameAlreadyExists) {
  Create("default", "a");
  const TestResponse refused = client_->Send("POST", Path("default"), Body("a"));
  EXPECT_EQ(refused.status, 409);
  EXPECT_THAT(refused.body, HasSubstr(R"(\"a\" already exists","reason":"AlreadyExists")"));
}

TEST_P(WatchContractTest, MethodThatAPathDoesNotHaveIsNotAllowed) {
  Create("default", "a");
  ExpectSameAnswer("POST", Path("default") + "/a", {}, Body("a"));
  ExpectSameAnswer("PUT", Path("default"), {}, Body("a"));
  // The handler of custom resources takes it for a second creation.
  EXPECT_EQ(client_->Send("POST", Path("default") + "/a", Body("a")).status, custom() ? 409 : 405);
  EXPECT_EQ(client_->Send("PUT", Path("default"), Body("a")).status, custom() ? 400 : 405);
}

TEST_P(WatchContractTest, WatchOfAVersionBeforeAllHistoryIsAnErrorInTheStream) {
  Create("default", "a");
  Warm();
  const auto watch =
      client_->Watch(Url("watch=1&resourceVersion=1"), Accept(Representation::kJson));
  EXPECT_EQ(watch->status(), 200);
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_THAT(event->frame, StartsWith(R"({"type":"ERROR","object":{"kind":"Status",)"
                                       R"("apiVersion":"v1","metadata":{},"status":"Failure",)"
                                       R"("message":"too old resource version: 1 ()"));
  EXPECT_THAT(event->frame, EndsWith(")\",\"reason\":\"Expired\",\"code\":410}}\n"));
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
  EXPECT_FALSE(watch->Next().has_value());
}

TEST_P(WatchContractTest, ExpiredWatchSaysSoInTheEncodingThatWasAskedFor) {
  Create("default", "a");
  const auto watch = Watch("resourceVersion=1");
  const auto direct = WatchDirectly("resourceVersion=1");
  EXPECT_EQ(watch->Header("Content-Type"), direct->Header("Content-Type"));
  EXPECT_EQ(watch->Next()->ToString(), "ERROR 410 Expired");
  EXPECT_EQ(direct->Next()->ToString(), "ERROR 410 Expired");
}

TEST_P(FakeServerContractTest, ExpiredPageSaysHowToGoOn) {
  for (const char* name : {"a", "b", "c"}) Create("default", name);
  Warm();
  const std::string token = Decode(List("limit=1", "default")).continue_token;
  Set("default", "a", "1");
  fake().Compact();
  CatchUp();
  const std::string target = Url(StrCat("limit=1&continue=", token), "default");
  const TestResponse expired = client_->Get(target, Accept(Representation::kJson));
  EXPECT_EQ(expired.status, 410);
  EXPECT_THAT(expired.body, HasSubstr("The provided continue parameter is too old"));
  EXPECT_THAT(expired.body, HasSubstr(R"("reason":"Expired")"));
  EXPECT_THAT(expired.body, HasSubstr(R"("metadata":{"continue":")"));
  ExpectSameAnswer("GET", target, Accepting());
}

TEST_P(FakeServerContractTest, ListAtAnExpiredVersionSaysGone) {
  const uint64_t version = Create("default", "a");
  Set("default", "a", "1");
  fake().Compact();
  Warm();
  ExpectError(Url(StrCat("resourceVersion=", version, "&resourceVersionMatch=Exact")), 410,
              "The resourceVersion for the provided list is too old.");
}

TEST_P(FakeServerContractTest, RefusalsOfAnOverloadedServerReachTheClient) {
  Create("default", "a");
  for (const auto& [kind, code] :
       {std::pair(FakeFault::Kind::kTextStatus, 429), std::pair(FakeFault::Kind::kStatus, 429),
        std::pair(FakeFault::Kind::kStatus, 503)}) {
    fake().Inject({.match = {.user_agent = "test-client"},
                   .kind = kind,
                   .status = {.code = code,
                              .reason = "TooManyRequests",
                              .message = "Too many requests, please try again later.",
                              .retry_after_seconds = 7}});
    const TestResponse refused = client_->Get(Path("default"), Accepting());
    EXPECT_EQ(refused.status, code);
    EXPECT_EQ(refused.headers.Get("Retry-After"), "7");
    EXPECT_THAT(refused.body, HasSubstr("Too many requests, please try again later."));
  }
}

TEST_P(FakeServerContractTest, ErrorWithoutAReasonReachesTheClient) {
  Create("default", "a");
  fake().Inject({.match = {.user_agent = "test-client"},
                 .status = {.code = 500, .message = "etcdserver: leader changed"}});
  const TestResponse failed = client_->Get(Path("default"), Accepting());
  EXPECT_EQ(failed.status, 500);
  EXPECT_THAT(failed.body, HasSubstr("etcdserver: leader changed"));
}

}  // namespace
}  // namespace weir
