// SPDX-License-Identifier: Apache-2.0
#include <memory>
#include <string>

#include "proxy/base/strings.h"
#include "proxy/downstream/forwarded_watch.h"
#include "tests/support/fake_response_writer.h"
#include "tests/support/manual_dispatcher.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

const GroupVersionResource kPods{"", "v1", "pods"};
constexpr std::string_view kTarget = "/api/v1/namespaces/ns/pods?watch=1&resourceVersion=1";

std::string Event(std::string_view type, uint64_t version) {
  return StrCat(R"({"type":")", type,
                R"(","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a",)",
                R"("namespace":"ns","uid":"u","resourceVersion":")", version, "\"}}}\n");
}
std::string Bookmark(uint64_t version, std::string_view more = "") {
  return StrCat(R"({"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{)",
                R"("resourceVersion":")", version, "\"", more, "}}}\n");
}

// A forwarded watch of the pods of a namespace.
class WatchFloorTest : public testing::Test {
 protected:
  WatchFloorTest() { Ask(); }
  void Ask() {
    const RequestInfo info = RequestInfo::Parse("GET", kTarget);
    watch_ = std::make_unique<ForwardedWatch>(writer_, ForwardReason::kOldVersion, kTarget,
                                              WatchFloor(floors_, info));
  }
  void Head(int status, std::string_view content_type, std::string_view encoding = "") {
    ResponseHead head;
    head.status = status;
    if (!content_type.empty()) head.headers.Add("Content-Type", content_type);
    if (!encoding.empty()) head.headers.Add("Content-Encoding", encoding);
    watch_->SendHead(head);
  }
  void Body(std::string_view bytes) { watch_->SendBody(Bytes::Copy(bytes)); }
  ReadFloors::Told Told(std::string_view name_space = "ns") {
    return floors_.Get(kPods, name_space);
  }

  ManualDispatcher dispatcher_;
  FakeResponseWriter writer_{dispatcher_};
  ReadFloors floors_;
  std::unique_ptr<ForwardedWatch> watch_;
};

TEST_F(WatchFloorTest, NotesAnEventBeforeTheClientHasItWhole) {
  Head(200, "application/json");
  const std::string event = Event("ADDED", 7);
  Body(event.substr(0, 40));
  EXPECT_FALSE(Told().version.is_set());
  writer_.on_body = [&] { EXPECT_EQ(Told().version, V(7)); };
  Body(event.substr(40));
  EXPECT_EQ(writer_.body(), event) << "as it came";
  writer_.on_body = nullptr;
  Body(Event("MODIFIED", 8) + Event("DELETED", 9));
  EXPECT_EQ(Told().version, V(9));
  EXPECT_FALSE(Told("other").version.is_set());
  EXPECT_FALSE(Told().unclear.has_value());
}

// Objects that were there to begin with need not come in the order of their versions.
TEST_F(WatchFloorTest, TheHighestVersionCounts) {
  Head(200, "application/json;stream=watch");
  Body(Event("ADDED", 9) + Event("ADDED", 7));
  EXPECT_EQ(Told().version, V(9));
  Body(Event("ADDED", 5));
  EXPECT_EQ(Told().version, V(9));
}

TEST_F(WatchFloorTest, OfBookmarksOnlyTheFirstTellsAnything) {
  Head(200, "application/json");
  Body(Event("ADDED", 5) + Bookmark(8, R"(,"annotations":{"k8s.io/initial-events-end":"true"})"));
  EXPECT_EQ(Told().version, V(8));
  Body(Bookmark(9));
  EXPECT_EQ(Told().version, V(8));
  Ask();
  Head(200, "application/json");
  Body(Event("ADDED", 5));
  Body(Bookmark(10));
  EXPECT_EQ(Told().version, V(10)) << "the initial events were of no lower version";
  Body(Bookmark(11));
  EXPECT_EQ(Told().version, V(10));
}

TEST_F(WatchFloorTest, AnErrorTellsNothing) {
  Head(200, "application/json");
  Body(R"({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},)"
       R"("status":"Failure","reason":"Expired","code":410}})"
       "\n");
  EXPECT_FALSE(Told().version.is_set());
  EXPECT_FALSE(Told().unclear.has_value());
  Ask();
  Head(403, "application/json");
  Body("no");
  EXPECT_FALSE(Told().unclear.has_value());
}

TEST_F(WatchFloorTest, WhatCannotBeReadIsUnclearWheneverItComes) {
  const auto expect_unclear = [this](std::string_view bytes) {
    dispatcher_.Advance(absl::Seconds(1));
    Body(bytes);
    EXPECT_EQ(Told().unclear, dispatcher_.Now()) << bytes;
  };
  Head(200, "application/json", "gzip");
  expect_unclear("\x1f\x8b");
  expect_unclear("more");
  Ask();
  Head(101, "");
  expect_unclear("\x81\x05hello");
  Ask();
  Head(200, "application/cbor");
  expect_unclear("\xa1");
  Ask();
  Head(200, "application/json");
  expect_unclear(Event("ADDED", 7) + "{nonsense}\n");
  EXPECT_EQ(Told().version, V(7)) << "what came before it is known";
  expect_unclear(Event("ADDED", 8));
}

// Whose version is of the whole, or of nothing.
TEST_F(WatchFloorTest, ATableIsUnclear) {
  Head(200, "application/json;as=Table;v=v1;g=meta.k8s.io");
  dispatcher_.Advance(absl::Seconds(1));
  Body(R"({"type":"ADDED","object":{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":{},)"
       R"("columnDefinitions":[],"rows":[]}})"
       "\n");
  EXPECT_EQ(Told().unclear, dispatcher_.Now());
}

}  // namespace
}  // namespace weir
