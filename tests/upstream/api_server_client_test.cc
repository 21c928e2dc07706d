// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/api_server_client.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/kube/list_options.h"
#include "tests/upstream/proxy_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kList =
    R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"105"},"items":[)"
    R"({"metadata":{"name":"a","namespace":"x","uid":"u-a","resourceVersion":"7"}},)"
    R"({"metadata":{"name":"b","namespace":"x","uid":"u-b","resourceVersion":"9"}}]})"
    "\n";

class ApiServerClientTest : public ProxyFixture, public testing::WithParamInterface<const char*> {
 protected:
  ApiServerClientTest() : ProxyFixture("h2", GetParam()) { key_.resource = {"", "v1", "pods"}; }
  ~ApiServerClientTest() override { handle_.reset(); }

  void List(ResourceVersion at_least = {}) {
    source_ = NewApiServerSource(upstream_, key_);
    handle_ = source_->List(at_least, [this](absl::StatusOr<ObjectList> list) {
      ++calls_;
      list_ = std::move(list);
    });
    EXPECT_EQ(calls_, 0);
    dispatcher_.RunReady();
    ASSERT_EQ(requests_.size(), 1u);
  }
  void Answer(int status, std::string_view content_type, std::string_view body) {
    seen().Answer(status, content_type, body);
    dispatcher_.RunReady();
    EXPECT_EQ(calls_, 1);
  }

  void BeginAnswer() {
    ResponseHead head;
    head.headers.Add("content-type", "application/json");
    ASSERT_NE(seen().writer, nullptr) << list_.status();
    seen().writer->SendHead(head);
  }

  CacheKey key_;
  ListerWatcherPtr source_;
  RequestHandle handle_;
  int calls_ = 0;
  absl::StatusOr<ObjectList> list_ = UnavailableError("not called");
};
INSTANTIATE_TEST_SUITE_P(Http, ApiServerClientTest, testing::Values("h2", "http/1.1"),
                         [](const auto& info) {
                           return std::string(info.param) == "h2" ? "H2" : "H1";
                         });

TEST_P(ApiServerClientTest, ListsWhateverVersionTheServerHas) {
  List();
  EXPECT_EQ(seen().head.method, "GET");
  EXPECT_EQ(seen().head.target, "/api/v1/pods?resourceVersion=0");
  EXPECT_EQ(seen().head.headers.Get("accept"), "application/json");
  EXPECT_THAT(std::string(seen().head.headers.Get("user-agent")), StartsWith("weir/"));
  EXPECT_EQ(seen().head.headers.Get("authorization"), "Bearer weirs-own");
  EXPECT_FALSE(seen().head.headers.Has("accept-encoding"));
  EXPECT_EQ(own_server_.connections(), 1);
  EXPECT_EQ(callers_server_.connections(), 0);
  Answer(200, "application/json", kList);
  ASSERT_TRUE(list_.ok()) << list_.status();
  EXPECT_EQ(list_->version.ToString(), "105");
  EXPECT_EQ(list_->envelope.list_kind, "PodList");
  ASSERT_EQ(list_->items.size(), 2u);
  EXPECT_EQ(list_->items[1]->name(), "b");
  EXPECT_EQ(registry_.Sum("weir_upstream_requests_total", {{"verb", "list"}, {"resource", "pods"}}),
            1);
}

TEST_P(ApiServerClientTest, TellsWhatAListWarnsOf) {
  List();
  ResponseHead head;
  head.headers.Add("Content-Type", "application/json");
  head.headers.Add("Warning", R"(299 - "v1 Pod is deprecated")");
  head.headers.Add("Warning", R"(299 - "use something else")");
  seen().writer->SendHead(head);
  seen().writer->SendBody(Bytes::Copy(kList));
  seen().writer->End();
  dispatcher_.RunReady();
  ASSERT_TRUE(list_.ok()) << list_.status();
  EXPECT_THAT(list_->warnings,
              ElementsAre(R"(299 - "v1 Pod is deprecated")", R"(299 - "use something else")"));
}

TEST_P(ApiServerClientTest, AsksForNothingOlderThanItHas) {
  List(ResourceVersion(77));
  EXPECT_EQ(seen().head.target,
            "/api/v1/pods?resourceVersion=77&resourceVersionMatch=NotOlderThan");
}

TEST_P(ApiServerClientTest, AsksForScopeSelectorsAndEncoding) {
  key_.resource = {"apps", "v1", "deployments"};
  key_.namespace_name = "kube-system";
  key_.label_selector = "app in (a,b),!c";
  key_.field_selector = "metadata.name=x&y";
  key_.representation = Representation::kProtobuf;
  List();
  EXPECT_THAT(seen().head.target,
              AllOf(StartsWith("/apis/apps/v1/namespaces/kube-system/deployments?"),
                    HasSubstr(StrCat("&labelSelector=", QueryEscape(key_.label_selector))),
                    HasSubstr("&fieldSelector=metadata.name%3Dx%26y")));
  EXPECT_EQ(seen().head.headers.Get("accept"), "application/vnd.kubernetes.protobuf");
}

TEST_P(ApiServerClientTest, ReadsAListHoweverItsBytesAreCut) {
  own_server_.pipe().max_chunk = 7;
  List();
  Answer(200, "application/json; charset=utf-8", kList);
  ASSERT_TRUE(list_.ok()) << list_.status();
  EXPECT_EQ(list_->items.size(), 2u);
}

TEST_P(ApiServerClientTest, ATruncatedListIsNoList) {
  List();
  Answer(200, "application/json", kList.substr(0, kList.size() - 10));
  EXPECT_FALSE(list_.ok());
  EXPECT_THAT(MessageOf(list_.status()), StartsWith("cannot list pods: "));
}

TEST_P(ApiServerClientTest, AListThatIsCutOffIsNoList) {
  List();
  BeginAnswer();
  seen().writer->SendBody(Bytes::Static(kList));
  dispatcher_.RunReady();
  EXPECT_EQ(calls_, 0);
  own_server_.BreakConnections();
  dispatcher_.RunReady();
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(IsUnavailable(list_.status())) << list_.status();
}

TEST_P(ApiServerClientTest, AnUnreadableListEndsTheCallAndTheRequest) {
  List();
  BeginAnswer();
  seen().writer->SendBody(Bytes::Static("<html>"));
  dispatcher_.RunReady();
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(IsInvalidArgument(list_.status())) << list_.status();
  EXPECT_TRUE(seen().reset);
}

TEST_P(ApiServerClientTest, RefusesAnotherEncodingThanItAskedFor) {
  key_.representation = Representation::kProtobuf;
  List();
  Answer(200, "application/json", kList);
  EXPECT_TRUE(IsNotAcceptable(list_.status())) << list_.status();
  EXPECT_THAT(MessageOf(list_.status()),
              AllOf(HasSubstr("application/json"),
                    HasSubstr("application/vnd.kubernetes.protobuf was asked for")));
}

TEST_P(ApiServerClientTest, RefusesWhatIsNoEncodingOfObjects) {
  List();
  Answer(200, "text/html", "<html>");
  EXPECT_TRUE(IsInvalidArgument(list_.status())) << list_.status();
}

TEST_P(ApiServerClientTest, RefusesAPageOfAList) {
  List();
  Answer(200, "application/json",
         R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"105",)"
         R"("continue":"abc"},"items":[]})");
  EXPECT_TRUE(IsInvalidArgument(list_.status())) << list_.status();
}

struct ErrorAnswer {
  int code;
  bool (*is)(const absl::Status& status);
};

TEST_P(ApiServerClientTest, TellsErrorAnswersApart) {
  const ErrorAnswer answers[] = {
      {400, IsInvalidArgument}, {401, IsUnauthenticated}, {403, IsPermissionDenied},
      {404, IsNotFound},        {405, IsInvalidArgument}, {406, IsNotAcceptable},
      {410, IsResourceExpired}, {422, IsInvalidOptions},  {429, IsTooManyRequests},
      {503, IsUnavailable},     {504, IsTimeout}};
  for (const ErrorAnswer& answer : answers) {
    for (const bool is_status : {true, false}) {
      requests_.clear();
      calls_ = 0;
      List();
      ApiStatus status;
      status.code = answer.code;
      status.message = "said why";
      Answer(answer.code, is_status ? "application/json" : "text/plain; charset=utf-8",
             is_status ? status.Encode(Representation::kJson) : "said why");
      EXPECT_TRUE(answer.is(list_.status())) << answer.code << list_.status();
      EXPECT_THAT(MessageOf(list_.status()),
                  AllOf(StartsWith("cannot list pods: "), HasSubstr("said why")));
    }
  }
}

TEST_P(ApiServerClientTest, AnEndlessErrorAnswerIsCutOff) {
  List();
  Answer(500, "text/plain", std::string(5 << 20, 'x'));
  EXPECT_FALSE(list_.ok());
  EXPECT_LT(MessageOf(list_.status()).size(), 1000u);
}

TEST_P(ApiServerClientTest, AnErrorAnswerWithoutABodyNamesTheHttpStatus) {
  List();
  Answer(502, "", "");
  EXPECT_TRUE(IsUnavailable(list_.status()));
  EXPECT_THAT(MessageOf(list_.status()), HasSubstr("HTTP status 502"));
}

TEST_P(ApiServerClientTest, GivesUpOnAListThatStandsStill) {
  List();
  dispatcher_.Advance(absl::Minutes(4));
  BeginAnswer();
  seen().writer->SendBody(Bytes::Static(kList.substr(0, 20)));
  dispatcher_.Advance(absl::Minutes(4));
  EXPECT_EQ(calls_, 0);
  dispatcher_.Advance(absl::Minutes(2));
  EXPECT_EQ(calls_, 1);
  EXPECT_FALSE(list_.ok());
  EXPECT_TRUE(seen().reset);
}

TEST_P(ApiServerClientTest, SaysWhenTheApiServerCannotBeReached) {
  own_server_.Refuse(UnavailableError("cannot reach 10.0.0.1:443: connection refused"));
  source_ = NewApiServerSource(upstream_, key_);
  handle_ = source_->List({}, [this](absl::StatusOr<ObjectList> list) { list_ = std::move(list); });
  dispatcher_.RunReady();
  EXPECT_TRUE(IsUnavailable(list_.status()));
  EXPECT_THAT(MessageOf(list_.status()), HasSubstr("cannot reach 10.0.0.1:443"));
}

TEST_P(ApiServerClientTest, CancellingEndsTheRequest) {
  List();
  handle_.reset();
  dispatcher_.RunReady();
  EXPECT_TRUE(seen().reset);
  EXPECT_EQ(calls_, 0);
}

TEST_P(ApiServerClientTest, TheCallbackMayDestroyTheRequestAndTheSource) {
  source_ = NewApiServerSource(upstream_, key_);
  handle_ = source_->List({}, [this](absl::StatusOr<ObjectList> /*list*/) {
    handle_.reset();
    source_.reset();
    ++calls_;
  });
  dispatcher_.RunReady();
  Answer(200, "application/json", kList);
}

TEST_P(ApiServerClientTest, LearnsTheEnvelopeFromOneItem) {
  source_ = NewApiServerSource(upstream_, key_);
  absl::StatusOr<ListEnvelope> envelope = UnavailableError("not called");
  handle_ = source_->LearnEnvelope(
      [&](absl::StatusOr<ListEnvelope> learnt) { envelope = std::move(learnt); });
  dispatcher_.RunReady();
  EXPECT_EQ(seen().head.target, "/api/v1/pods?limit=1");
  seen().Answer(200, "application/json",
                R"({"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"105",)"
                R"("continue":"abc"},"items":[]})");
  dispatcher_.RunReady();
  ASSERT_TRUE(envelope.ok()) << envelope.status();
  EXPECT_EQ(envelope->list_kind, "PodList");
}

}  // namespace
}  // namespace weir
