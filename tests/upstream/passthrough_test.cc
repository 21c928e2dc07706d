// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/passthrough.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/kube/api_status.h"
#include "tests/upstream/proxy_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

class PassthroughTest : public ProxyFixture, public testing::WithParamInterface<Versions> {
 protected:
  PassthroughTest() : ProxyFixture(GetParam().front, GetParam().back) {}
};
INSTANTIATE_TEST_SUITE_P(Http, PassthroughTest, testing::ValuesIn(kAllVersions), VersionsName);

TEST_P(PassthroughTest, ForwardsARequestAndItsAnswer) {
  RequestHead head = Get("/api/v1/pods?limit=5&labelSelector=a%3Db");
  head.headers.Add("authorization", "Bearer callers-own");
  head.headers.Add("accept-encoding", "gzip");
  head.headers.Add("x-two", "1");
  head.headers.Add("x-two", "2");
  SeenAnswer& answer = SendAndRun(std::move(head));
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(seen().head.method, "GET");
  EXPECT_EQ(seen().head.target, "/api/v1/pods?limit=5&labelSelector=a%3Db");
  EXPECT_EQ(seen().head.authority, "[fd00::1]:6443");
  EXPECT_EQ(seen().head.headers.Get("authorization"), "Bearer callers-own");
  EXPECT_EQ(seen().head.headers.Get("accept-encoding"), "gzip");
  EXPECT_TRUE(seen().ended);
  std::vector<std::string> two;
  for (const auto& [name, value] : seen().head.headers.fields()) {
    if (EqualsIgnoreCase(name, "x-two")) two.push_back(value);
    EXPECT_FALSE(Lower(name).starts_with("x-forwarded")) << name;
  }
  EXPECT_THAT(two, ElementsAre("1", "2"));

  ResponseHead response;
  response.status = 418;
  response.headers.Add("content-type", "text/plain");
  response.headers.Add("warning", "299 - \"old\"");
  response.headers.Add("x-kubernetes-pf-flowschema-uid", "f-1");
  seen().writer->SendHead(response);
  seen().writer->SendBody(Bytes::Static("some "));
  seen().writer->SendBody(Bytes::Static("text"));
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body, "some text");
  EXPECT_FALSE(answer.ended);
  seen().writer->End();
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 418);
  EXPECT_EQ(answer.head->headers.Get("warning"), "299 - \"old\"");
  EXPECT_EQ(answer.head->headers.Get("x-kubernetes-pf-flowschema-uid"), "f-1");
  EXPECT_EQ(seen().writer, nullptr);
}

TEST_P(PassthroughTest, CountsByVerbAndResource) {
  next_.verb = "list";
  next_.resource = "deployments.apps";
  SendAndRun(Get("/apis/apps/v1/deployments"));
  EXPECT_EQ(registry_.Sum("weir_upstream_requests_total",
                          {{"verb", "list"}, {"resource", "deployments.apps"}}),
            1);
}

TEST_P(PassthroughTest, SendsRequestsWithTheCallersCredentialOnTheCallersConnections) {
  SendAndRun(Get("/"));
  EXPECT_EQ(callers_server_.connections(), 1);
  EXPECT_EQ(own_server_.connections(), 0);
  EXPECT_FALSE(seen().head.headers.Has("authorization"));
}

TEST_P(PassthroughTest, ReplacesWeirsTokenByWeirsCredentialOnItsOwnConnections) {
  next_.as_self = true;
  RequestHead head = Get("/");
  head.headers.Add("authorization", "Bearer made-by-weir");
  SendAndRun(std::move(head));
  EXPECT_EQ(own_server_.connections(), 1);
  EXPECT_EQ(callers_server_.connections(), 0);
  EXPECT_EQ(seen().head.headers.Get("authorization"), "Bearer weirs-own");
}

TEST_P(PassthroughTest, AnswersToHeadHaveALengthAndNoBody) {
  RequestHead head = Get("/version");
  head.method = "HEAD";
  SeenAnswer& answer = SendAndRun(std::move(head));
  ResponseHead response;
  response.headers.Add("content-length", "1234");
  seen().writer->SendHead(response);
  seen().writer->End();
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->headers.Get("content-length"), "1234");
  EXPECT_EQ(answer.body, "");
}

TEST_P(PassthroughTest, AnswersWithoutABodyEnd) {
  SeenAnswer& answer = SendAndRun(Get("/"));
  seen().Answer(304, "", "");
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 304);
}

TEST_P(PassthroughTest, PassesContinueOn) {
  RequestHead head = Post("/api/v1/namespaces/a/pods");
  head.headers.Add("expect", "100-continue");
  head.headers.Add("content-length", "4");
  head.content_length = 4;
  SeenAnswer& answer = SendAndRun(std::move(head));
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(seen().head.headers.Get("expect"), "100-continue");
  EXPECT_THAT(answer.informational, IsEmpty());
  ResponseHead go_on;
  go_on.status = 100;
  seen().writer->SendInformational(go_on);
  dispatcher_.RunReady();
  EXPECT_THAT(answer.informational, ElementsAre(100));
  answer.stream->SendBody(Bytes::Static("body"));
  answer.stream->End();
  dispatcher_.RunReady();
  EXPECT_EQ(seen().body, "body");
  EXPECT_TRUE(seen().ended);
  seen().Answer(201, "text/plain", "ok");
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, "ok");
}

TEST_P(PassthroughTest, PassesTrailersOnBothWays) {
  SeenAnswer& answer = SendAndRun(Post("/"));
  HeaderList trailers;
  trailers.Add("x-sum", "1");
  answer.stream->SendBody(Bytes::Static("a"));
  answer.stream->End(trailers);
  dispatcher_.RunReady();
  EXPECT_EQ(seen().trailers.Get("x-sum"), "1");
  ResponseHead response;
  seen().writer->SendHead(response);
  seen().writer->SendBody(Bytes::Static("b"));
  HeaderList more;
  more.Add("x-sum", "2");
  seen().writer->End(more);
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.trailers.Get("x-sum"), "2");
}

TEST_P(PassthroughTest, AnAnswerMayBeginBeforeTheRequestHasEnded) {
  SeenAnswer& answer = SendAndRun(Post("/"));
  ResponseHead response;
  seen().writer->SendHead(response);
  seen().writer->SendBody(Bytes::Static("early "));
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body, "early ");
  answer.stream->SendBody(Bytes::Static("the rest"));
  answer.stream->End();
  dispatcher_.RunReady();
  EXPECT_EQ(seen().body, "the rest");
  EXPECT_TRUE(seen().ended);
  seen().writer->SendBody(Bytes::Static("late"));
  seen().writer->End();
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body, "early late");
  EXPECT_TRUE(answer.ended);
}

TEST_P(PassthroughTest, AnAnswerMayEndBeforeTheRequestHasEnded) {
  SeenAnswer& answer = SendAndRun(Post("/"));
  answer.stream->SendBody(Bytes::Static("a beginning"));
  dispatcher_.RunReady();
  seen().Answer(413, "text/plain", "too large");
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 413);
  EXPECT_EQ(answer.body, "too large");
  // The next request has a connection that works.
  SeenAnswer& next = SendAndRun(Get("/next"));
  seen().Answer(200, "text/plain", "fine");
  dispatcher_.RunReady();
  EXPECT_EQ(next.body, "fine");
  EXPECT_TRUE(next.ended);
}

TEST_P(PassthroughTest, AClientThatGoesAwayCancelsItsRequest) {
  SeenAnswer& answer = SendAndRun(Get("/api/v1/pods?watch=true"));
  ResponseHead response;
  seen().writer->SendHead(response);
  dispatcher_.RunReady();
  answer.stream.reset();
  dispatcher_.RunReady();
  EXPECT_TRUE(seen().reset);
  EXPECT_EQ(seen().writer, nullptr);
}

TEST_P(PassthroughTest, AClientThatGoesAwayInTheMiddleOfItsBodyCancelsItsRequest) {
  SeenAnswer& answer = SendAndRun(Post("/"));
  answer.stream->SendBody(Bytes::Static("half"));
  dispatcher_.RunReady();
  EXPECT_EQ(seen().body, "half");
  answer.stream.reset();
  dispatcher_.RunReady();
  EXPECT_TRUE(seen().reset);
  EXPECT_FALSE(seen().ended);
}

TEST_P(PassthroughTest, ACutAnswerIsNeverTakenForAWholeOne) {
  SeenAnswer& answer = SendAndRun(Get("/"));
  ResponseHead response;
  seen().writer->SendHead(response);
  seen().writer->SendBody(Bytes::Static("half of"));
  dispatcher_.RunReady();
  seen().writer->Reset();
  dispatcher_.RunReady();
  EXPECT_EQ(answer.body, "half of");
  EXPECT_FALSE(answer.ended);
  EXPECT_FALSE(answer.failure.ok());
}

TEST_P(PassthroughTest, ALostConnectionCutsTheAnswer) {
  SeenAnswer& answer = SendAndRun(Get("/"));
  ResponseHead response;
  seen().writer->SendHead(response);
  dispatcher_.RunReady();
  callers_server_.BreakConnections();
  dispatcher_.RunReady();
  EXPECT_FALSE(answer.ended);
  EXPECT_FALSE(answer.failure.ok());
}

TEST_P(PassthroughTest, AnUnreachableApiServerIsAStatusThatClientsRetry) {
  callers_server_.Refuse(UnavailableError("cannot reach 10.0.0.1:443: connection refused"));
  for (const std::string_view method : {"GET", "POST"}) {
    RequestHead head = Get("/api/v1/pods");
    head.method = method;
    SeenAnswer& answer = SendAndRun(std::move(head));
    ASSERT_TRUE(answer.ended) << method;
    EXPECT_EQ(answer.head->status, 503);
    // Nothing has reached the API server, so writes may be sent again, too.
    EXPECT_EQ(answer.head->headers.Get("retry-after"), "1");
    EXPECT_EQ(answer.head->headers.Get("content-type"), "application/json");
    const ApiStatus status = ApiStatus::Decode(Representation::kJson, answer.body);
    EXPECT_EQ(status.code, 503);
    EXPECT_EQ(status.reason, "ServiceUnavailable");
    EXPECT_THAT(status.message, AllOf(StartsWith("weir: "), HasSubstr("10.0.0.1:443")));
  }
}

TEST_P(PassthroughTest, FailuresAreWordedInTheEncodingAskedFor) {
  callers_server_.Refuse(UnavailableError("refused"));
  next_.error_representation = Representation::kProtobuf;
  SeenAnswer& answer = SendAndRun(Get("/api/v1/pods"));
  ASSERT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->headers.Get("content-type"), "application/vnd.kubernetes.protobuf");
  const ApiStatus status = ApiStatus::Decode(Representation::kProtobuf, answer.body);
  EXPECT_EQ(status.code, 503);
  EXPECT_THAT(status.message, HasSubstr("refused"));
}

TEST_P(PassthroughTest, AReadThatWasLostMayBeSentAgain) {
  SeenAnswer& answer = SendAndRun(Get("/api/v1/pods"));
  callers_server_.BreakConnections();
  dispatcher_.RunReady();
  ASSERT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 503);
  EXPECT_EQ(answer.head->headers.Get("retry-after"), "1");
}

TEST_P(PassthroughTest, AWriteThatMayHaveBeenDoneIsNotSentAgain) {
  SeenAnswer& answer = SendAndRun(Post("/api/v1/namespaces/a/pods"));
  answer.stream->SendBody(Bytes::Static("{}"));
  answer.stream->End();
  dispatcher_.RunReady();
  ASSERT_TRUE(seen().ended);
  callers_server_.BreakConnections();
  dispatcher_.RunReady();
  ASSERT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 503);
  EXPECT_FALSE(answer.head->headers.Has("retry-after"));
  const ApiStatus status = ApiStatus::Decode(Representation::kJson, answer.body);
  EXPECT_EQ(status.retry_after_seconds, 0);
  EXPECT_THAT(status.message, HasSubstr("may have carried the request out"));
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_P(PassthroughTest, AFailureIsToldWhileTheRequestIsStillBeingSent) {
  callers_server_.Refuse(UnavailableError("refused"));
  SeenAnswer& answer = Send(Post("/api/v1/namespaces/a/pods"));
  for (int i = 0; i < 10; ++i) answer.stream->SendBody(Bytes::Own(std::string(10'000, 'x')));
  dispatcher_.RunReady();
  ASSERT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 503);
}

TEST_P(PassthroughTest, AFailureOfAHeadRequestHasNoBody) {
  callers_server_.Refuse(UnavailableError("refused"));
  RequestHead head = Get("/");
  head.method = "HEAD";
  SeenAnswer& answer = SendAndRun(std::move(head));
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.head->status, 503);
  EXPECT_EQ(answer.body, "");
}

TEST_P(PassthroughTest, AWatchEndsBetweenEventsWhenWeirStops) {
  next_.verb = "watch";
  SeenAnswer& answer = SendAndRun(Get("/api/v1/pods?watch=true"));
  ResponseHead response;
  response.headers.Add("content-type", "application/json");
  seen().writer->SendHead(response);
  seen().writer->SendBody(Bytes::Static("{\"a\":1}\n{\"b\""));
  dispatcher_.RunReady();
  front_.Drain();
  dispatcher_.RunReady();
  EXPECT_FALSE(answer.ended);
  seen().writer->SendBody(Bytes::Static(":2}\n{\"c\""));
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_EQ(answer.body, "{\"a\":1}\n{\"b\":2}\n");
  EXPECT_TRUE(seen().reset);
}

TEST_P(PassthroughTest, AnIdleWatchEndsAtOnceWhenWeirStops) {
  next_.verb = "watch";
  SeenAnswer& answer = SendAndRun(Get("/api/v1/pods?watch=true"));
  ResponseHead response;
  response.headers.Add("content-type", "application/json");
  seen().writer->SendHead(response);
  dispatcher_.RunReady();
  front_.Drain();
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
  EXPECT_TRUE(answer.failure.ok());
}

TEST_P(PassthroughTest, OtherAnswersAreNotCutWhenWeirStops) {
  SeenAnswer& answer = SendAndRun(Get("/api/v1/pods"));
  ResponseHead response;
  response.headers.Add("content-type", "application/json");
  seen().writer->SendHead(response);
  seen().writer->SendBody(Bytes::Static("{}\n"));
  dispatcher_.RunReady();
  front_.Drain();
  dispatcher_.RunReady();
  EXPECT_FALSE(answer.ended);
  seen().writer->End();
  dispatcher_.RunReady();
  EXPECT_TRUE(answer.ended);
}

}  // namespace
}  // namespace weir
