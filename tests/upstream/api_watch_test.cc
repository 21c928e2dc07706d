// SPDX-License-Identifier: Apache-2.0
#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/upstream/api_server_client.h"
#include "tests/upstream/proxy_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;
using testing::StartsWith;

std::string Event(std::string_view type, std::string_view name, int version) {
  return StrCat(R"({"type":")", type, R"(","object":{"kind":"Pod","apiVersion":"v1","metadata":)",
                R"({"name":")", name, R"(","namespace":"x","uid":"u-)", name,
                R"(","resourceVersion":")", version, "\"}}}\n");
}

// What a Reflector would see.
struct SeenWatch final : public WatchHandler {
  void OnWatchOpened(absl::Duration asked_for, Warnings said) override {
    opened = true;
    warnings = std::move(said);
    lifetime = asked_for;
    if (in_opened) in_opened();
  }
  void OnWatchEvents(std::vector<WatchEvent> events) override {
    EXPECT_FALSE(closed.has_value());
    EXPECT_FALSE(events.empty());
    batches.push_back(events.size());
    for (const WatchEvent& event : events) versions.push_back(event.version.ToString());
    if (in_events) in_events();
  }
  void OnWatchClosed(absl::Status status) override {
    EXPECT_FALSE(closed.has_value());
    closed = std::move(status);
    if (in_closed) in_closed();
  }
  bool opened = false;
  absl::Duration lifetime;
  Warnings warnings;
  std::vector<size_t> batches;
  std::vector<std::string> versions;
  std::optional<absl::Status> closed;
  std::function<void()> in_opened, in_events, in_closed;
};

class ApiWatchTest : public ProxyFixture, public testing::WithParamInterface<const char*> {
 protected:
  ApiWatchTest() : ProxyFixture("h2", GetParam()) { key_.resource = {"", "v1", "pods"}; }
  ~ApiWatchTest() override { handle_.reset(); }

  void Watch(const WatchRequest& request = {.since = ResourceVersion(105)}) {
    source_ = NewApiServerSource(upstream_, key_);
    handle_ = source_->Watch(request, watch_);
    dispatcher_.RunReady();
    ASSERT_EQ(requests_.size(), 1u);
  }
  void Open(std::string_view content_type = "application/json") {
    ResponseHead head;
    head.headers.Add("content-type", content_type);
    seen().writer->SendHead(head);
    dispatcher_.RunReady();
  }
  void Push(const std::string& bytes) {
    seen().writer->SendBody(Bytes::Copy(bytes));
    dispatcher_.RunReady();
  }

  CacheKey key_;
  SeenWatch watch_;
  ListerWatcherPtr source_;
  RequestHandle handle_;
};
INSTANTIATE_TEST_SUITE_P(Http, ApiWatchTest, testing::Values("h2", "http/1.1"),
                         [](const auto& info) {
                           return std::string(info.param) == "h2" ? "H2" : "H1";
                         });

TEST_P(ApiWatchTest, AsksForEventsAfterAVersion) {
  Watch();
  EXPECT_THAT(seen().head.target,
              AllOf(StartsWith("/api/v1/pods?watch=true&allowWatchBookmarks=true"
                               "&resourceVersion=105&timeoutSeconds="),
                    Not(HasSubstr("sendInitialEvents"))));
  const auto seconds = ParseInt64(seen().head.target.substr(seen().head.target.rfind('=') + 1));
  ASSERT_TRUE(seconds.has_value());
  EXPECT_GE(*seconds, 8 * 60);
  EXPECT_LT(*seconds, 16 * 60);
  Open();
  EXPECT_EQ(watch_.lifetime, absl::Seconds(*seconds));
  EXPECT_EQ(seen().head.headers.Get("authorization"), "Bearer weirs-own");
  EXPECT_EQ(seen().head.headers.Get("accept"), "application/json");
  EXPECT_EQ(
      registry_.Sum("weir_upstream_requests_total", {{"verb", "watch"}, {"resource", "pods"}}), 1);
}

TEST_P(ApiWatchTest, TellsWhatTheHeadWarnsOf) {
  Watch();
  ResponseHead head;
  head.headers.Add("content-type", "application/json");
  head.headers.Add("Warning", R"(299 - "v1 Pod is deprecated")");
  seen().writer->SendHead(head);
  dispatcher_.RunReady();
  EXPECT_THAT(watch_.warnings, ElementsAre(R"(299 - "v1 Pod is deprecated")"));
}

TEST_P(ApiWatchTest, AsksForAStreamedList) {
  Watch({.since = {}, .send_initial_events = true});
  EXPECT_THAT(seen().head.target,
              AllOf(HasSubstr("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"),
                    Not(HasSubstr("resourceVersion="))));
}

TEST_P(ApiWatchTest, AsksForMetadataWhereTheCacheIsOfMetadata) {
  key_.metadata_only = true;
  Watch();
  EXPECT_EQ(seen().head.headers.Get("accept"),
            "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
  Open();
  Push(R"({"type":"ADDED","object":{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1",)"
       R"("metadata":{"name":"a","namespace":"x","uid":"u-a","resourceVersion":"106"}}})"
       "\n");
  EXPECT_THAT(watch_.versions, ElementsAre("106"));
  Push(Event("ADDED", "b", 107));
  EXPECT_THAT(watch_.versions, ElementsAre("106")) << "a whole object";
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsNotAcceptable(*watch_.closed)) << *watch_.closed;
}

TEST_P(ApiWatchTest, GivesEventsInBatchesAsTheyCome) {
  Watch();
  EXPECT_FALSE(watch_.opened);
  Open();
  EXPECT_TRUE(watch_.opened);
  Push(Event("ADDED", "a", 106) + Event("MODIFIED", "a", 107));
  EXPECT_THAT(watch_.versions, ElementsAre("106", "107"));
  EXPECT_THAT(watch_.batches, ElementsAre(2u));
  const std::string event = Event("DELETED", "a", 108);
  Push(event.substr(0, 30));
  EXPECT_EQ(watch_.versions.size(), 2u);
  Push(event.substr(30));
  EXPECT_THAT(watch_.versions, ElementsAre("106", "107", "108"));
  seen().writer->End();
  dispatcher_.RunReady();
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(watch_.closed->ok()) << *watch_.closed;
}

TEST_P(ApiWatchTest, AcknowledgesEverythingItReads) {
  Watch();
  Open();
  // Much more than a window.
  for (int i = 0; i < 5000; ++i) {
    seen().writer->SendBody(Bytes::Own(Event("ADDED", std::string(1000, 'a'), 200 + i)));
  }
  dispatcher_.RunReady();
  EXPECT_EQ(watch_.versions.size(), 5000u);
}

TEST_P(ApiWatchTest, AnErrorEventIsTheEnd) {
  Watch();
  Open();
  ApiStatus expired;
  expired.code = 410;
  expired.reason = "Expired";
  expired.message = "too old resource version: 1 (1234)";
  Push(Event("ADDED", "a", 106) + ErrorFrame(Representation::kJson, expired) +
       Event("ADDED", "b", 107));
  EXPECT_THAT(watch_.versions, ElementsAre("106"));
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsResourceExpired(*watch_.closed)) << *watch_.closed;
  EXPECT_THAT(MessageOf(*watch_.closed), HasSubstr("too old resource version"));
  EXPECT_TRUE(seen().reset);
}

TEST_P(ApiWatchTest, WhatCameBeforeAnUnreadableEventIsGood) {
  Watch();
  Open();
  Push(Event("ADDED", "a", 106) + "not an event\n" + Event("ADDED", "b", 107));
  EXPECT_THAT(watch_.versions, ElementsAre("106"));
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsInvalidArgument(*watch_.closed)) << *watch_.closed;
  EXPECT_THAT(MessageOf(*watch_.closed), StartsWith("cannot watch pods: "));
}

TEST_P(ApiWatchTest, AnEventCutInTheMiddleIsALostConnection) {
  Watch();
  Open();
  Push(Event("ADDED", "a", 106) + "{\"type\":\"ADD");
  seen().writer->End();
  dispatcher_.RunReady();
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsUnavailable(*watch_.closed)) << *watch_.closed;
}

TEST_P(ApiWatchTest, ALostConnectionIsToldApart) {
  Watch();
  Open();
  own_server_.BreakConnections();
  dispatcher_.RunReady();
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsUnavailable(*watch_.closed)) << *watch_.closed;
}

TEST_P(ApiWatchTest, AnEventBeyondTheLimitIsRefused) {
  Watch();
  Open();
  for (int i = 0; i < 17 && !watch_.closed; ++i) Push(std::string(1 << 20, 'x'));
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsLimit(*watch_.closed)) << *watch_.closed;
}

TEST_P(ApiWatchTest, RefusedWatchesSayWhy) {
  Watch();
  seen().Answer(422, "application/json",
                R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)"
                R"("message":"sendInitialEvents: Forbidden","reason":"Invalid","code":422})");
  dispatcher_.RunReady();
  EXPECT_FALSE(watch_.opened);
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsInvalidOptions(*watch_.closed)) << *watch_.closed;
}

TEST_P(ApiWatchTest, AnotherEncodingIsRefusedBeforeAnyEvent) {
  key_.representation = Representation::kProtobuf;
  Watch();
  Open("application/json");
  EXPECT_FALSE(watch_.opened);
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsNotAcceptable(*watch_.closed)) << *watch_.closed;
}

TEST_P(ApiWatchTest, ACompressedWatchIsRefused) {
  Watch();
  ResponseHead head;
  head.headers.Add("content-type", "application/json");
  head.headers.Add("content-encoding", "gzip");
  seen().writer->SendHead(head);
  dispatcher_.RunReady();
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_TRUE(IsInvalidArgument(*watch_.closed)) << *watch_.closed;
}

TEST_P(ApiWatchTest, TheProtobufStreamsContentTypeIsKnown) {
  key_.representation = Representation::kProtobuf;
  Watch();
  Open("application/vnd.kubernetes.protobuf;stream=watch");
  EXPECT_TRUE(watch_.opened);
  EXPECT_FALSE(watch_.closed.has_value());
}

TEST_P(ApiWatchTest, AServerThatNeverAnswersIsGivenUp) {
  Watch();
  dispatcher_.Advance(absl::Minutes(2));
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_FALSE(watch_.closed->ok());
}

TEST_P(ApiWatchTest, AWatchThatOutlivesItsTimeIsGivenUp) {
  Watch();
  Open();
  dispatcher_.Advance(absl::Minutes(8));
  EXPECT_FALSE(watch_.closed.has_value());
  dispatcher_.Advance(absl::Minutes(10));
  ASSERT_TRUE(watch_.closed.has_value());
  EXPECT_FALSE(watch_.closed->ok());
}

TEST_P(ApiWatchTest, MayBeCancelledFromEachOfItsCallbacks) {
  watch_.in_opened = [this] { handle_.reset(); };
  Watch();
  Open();
  EXPECT_TRUE(seen().reset);
  watch_.in_opened = nullptr;

  watch_.in_events = [this] { handle_.reset(); };
  requests_.clear();
  Watch();
  Open();
  Push(Event("ADDED", "a", 106) + "not an event\n");
  EXPECT_TRUE(seen().reset);
  EXPECT_FALSE(watch_.closed.has_value());
  watch_.in_events = nullptr;

  watch_.in_closed = [this] {
    handle_.reset();
    source_.reset();
  };
  requests_.clear();
  Watch();
  Open();
  Push("not an event\n");
  EXPECT_TRUE(watch_.closed.has_value());
}

}  // namespace
}  // namespace weir
