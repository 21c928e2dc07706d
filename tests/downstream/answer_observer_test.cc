// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/answer_observer.h"

#include <string>
#include <utility>
#include <vector>

#include "proxy/base/strings.h"
#include "tests/support/fake_response_writer.h"
#include "tests/support/manual_dispatcher.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

const GroupVersionResource kConfigMaps = {"", "v1", "configmaps"};

// Longer than what a string holds in itself.
constexpr std::string_view kObject = "/api/v1/namespaces/a-namespace-with-a-long-name/configmaps/a";

class AnswerObserverTest : public testing::Test {
 protected:
  // A request to observe the answer of.
  void Ask(std::string_view method, std::string_view target) {
    observer_ =
        std::make_unique<AnswerObserver>(writer_, floors_, RequestInfo::Parse(method, target));
  }
  void Head(int status, std::string_view content_type) {
    ResponseHead head;
    head.status = status;
    if (!content_type.empty()) head.headers.Add("Content-Type", content_type);
    observer_->SendHead(head);
  }
  void Answer(std::string_view body, std::string_view content_type = "application/json") {
    Head(200, content_type);
    observer_->SendBody(Bytes::Copy(body));
    observer_->End({});
  }
  static std::string Object(int version) {
    return StrCat(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","uid":"u",)",
                  R"("resourceVersion":")", version, "\"}}\n");
  }
  ResourceVersion noted() {
    return floors_.Get(kConfigMaps, "a-namespace-with-a-long-name").version;
  }
  bool unclear() {
    return floors_.Get(kConfigMaps, "a-namespace-with-a-long-name").unclear.has_value();
  }
  static SnapshotMap Holding(std::string_view uid) {
    SnapshotMap objects;
    objects.Put(MakeObject(
        {.name = "a", .namespace_name = "a-namespace-with-a-long-name", .uid = std::string(uid)}));
    return objects;
  }
  bool ShowsGone(const SnapshotMap& objects) {
    return floors_.SaidGone(kConfigMaps, objects, dispatcher_.Now()).has_value();
  }

  ManualDispatcher dispatcher_;
  FakeResponseWriter writer_{dispatcher_};
  ReadFloors floors_;
  std::unique_ptr<AnswerObserver> observer_ =
      std::make_unique<AnswerObserver>(writer_, floors_, RequestInfo::Parse("PUT", kObject));
};

class AnswerRecordTest : public AnswerObserverTest {
 protected:
  void Ask(std::string_view method, std::string_view target) {
    AnswerObserverTest::Ask(method, target);
    observer_->Record(tap_, dispatcher_.Now());
    dispatcher_.Advance(absl::Milliseconds(30));
  }
  std::vector<SeenWrite> Told() {
    dispatcher_.Advance(EventTap::kDelay);
    return std::exchange(told_, {});
  }

  std::vector<SeenWrite> told_;
  EventTap tap_{dispatcher_, [this](SeenBatch batch) { told_ = std::move(batch.writes); }};
};

TEST_F(AnswerRecordTest, TellsOfAWriteWithItsTimesAndOwners) {
  Ask("POST", "/api/v1/namespaces/ns/configmaps");
  Answer(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"made-x1","namespace":"ns",)"
         R"("uid":"u","resourceVersion":"12","ownerReferences":[{"uid":"o1"},{"uid":"o2"}]}})");
  const std::vector<SeenWrite> told = Told();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].resource, "configmaps");
  EXPECT_EQ(told[0].namespace_name, "ns");
  EXPECT_EQ(told[0].name, "made-x1");
  EXPECT_EQ(told[0].uid, "u");
  EXPECT_EQ(told[0].status, 200);
  EXPECT_EQ(told[0].version, ResourceVersion(12));
  EXPECT_EQ(told[0].answered - told[0].came, absl::Milliseconds(30));
  EXPECT_THAT(told[0].owners, testing::ElementsAre("o1", "o2"));
}

TEST_F(AnswerRecordTest, TellsOfARefusedWriteByTheNameInItsPath) {
  Ask("PUT", kObject);
  Head(409, "application/json");
  observer_->End({});
  const std::vector<SeenWrite> told = Told();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].status, 409);
  EXPECT_EQ(told[0].name, "a");
  EXPECT_EQ(told[0].uid, "");
}

TEST_F(AnswerRecordTest, TellsOfADeletionThatIsAnsweredWithoutTheObject) {
  Ask("DELETE", kObject);
  Answer(
      R"({"kind":"Status","apiVersion":"v1","status":"Success","details":{"name":"a","uid":"u"}})");
  const std::vector<SeenWrite> told = Told();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].uid, "u");
  EXPECT_FALSE(told[0].version.is_set());
}

TEST_F(AnswerRecordTest, TellsThatSomethingWasWrittenWhateverTheAnswerSays) {
  Ask("POST", StrCat(kObject, "/eviction"));
  Answer(R"({"kind":"Status","apiVersion":"v1","status":"Success"})");
  Ask("PUT", kObject);
  Answer("\x1f\x8b", "application/octet-stream");
  const std::vector<SeenWrite> told = Told();
  ASSERT_EQ(told.size(), 2U);
  for (const SeenWrite& write : told) {
    EXPECT_EQ(write.name, "a");
    EXPECT_EQ(write.status, 200);
    EXPECT_EQ(write.uid, "");
  }
}

TEST_F(AnswerRecordTest, ThatAnObjectIsThereAlreadyIsNoConflict) {
  Ask("POST", "/api/v1/namespaces/ns/configmaps/a");
  Head(409, "application/json");
  observer_->End({});
  Ask("DELETE", "/api/v1/namespaces/ns/configmaps");
  Answer("{}");
  EXPECT_TRUE(Told().empty()) << "a collection has no name";
}

TEST_F(AnswerRecordTest, TellsNothingOfReads) {
  Ask("GET", kObject);
  Answer(Object(12));
  Ask("GET", kObject);
  Head(404, "application/json");
  observer_->End({});
  EXPECT_TRUE(Told().empty());
}

TEST_F(AnswerObserverTest, NotesTheVersionBeforeTheClientHasTheAnswer) {
  Head(201, "application/json");
  EXPECT_EQ(writer_.status(), 0) << "who sees that it was done may ask for it";
  observer_->SendBody(Bytes::Copy(Object(7).substr(0, 20)));
  observer_->SendBody(Bytes::Copy(Object(7).substr(20)));
  EXPECT_EQ(writer_.body(), "");
  EXPECT_GT(observer_->queued_bytes(), 0u);
  observer_->End({});
  EXPECT_EQ(noted(), ResourceVersion(7));
  EXPECT_EQ(writer_.status(), 201);
  EXPECT_EQ(writer_.body(), Object(7));
  EXPECT_TRUE(writer_.ended());
}

TEST_F(AnswerObserverTest, NotesNothingOfAFailure) {
  Head(422, "application/json");
  observer_->SendBody(Bytes::Copy(Object(7)));
  EXPECT_EQ(writer_.body(), Object(7)) << "not held back";
  observer_->End({});
  EXPECT_FALSE(noted().is_set());
}

constexpr std::string_view kGone =
    R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success",)"
    R"("details":{"name":"a","kind":"configmaps","uid":"u"}})"
    "\n";

TEST_F(AnswerObserverTest, DeletedObjectMustNotBeShown) {
  Ask("DELETE", kObject);
  Answer(kGone);
  EXPECT_EQ(writer_.body(), kGone);
  EXPECT_FALSE(noted().is_set());
  EXPECT_TRUE(ShowsGone(Holding("u")));
  EXPECT_FALSE(ShowsGone(Holding("another")));
}

// The API server deletes it then, and answers with the version from before.
TEST_F(AnswerObserverTest, AnUpdateWithoutTheLastFinalizerDeletes) {
  const auto with = [](std::string_view more, std::string_view uid = "u") {
    return StrCat(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","uid":")", uid,
                  R"(","resourceVersion":"7")", more, "}}");
  };
  constexpr std::string_view kDeleted = R"(,"deletionTimestamp":"2026-01-02T03:04:05Z")";
  const SnapshotMap objects = Holding("u");
  for (const std::string& held : {with(""), with(StrCat(kDeleted, R"(,"finalizers":["x"])")),
                                  with(StrCat(kDeleted, R"(,"deletionGracePeriodSeconds":30)"))}) {
    Ask("PATCH", kObject);
    Answer(held);
    EXPECT_FALSE(ShowsGone(objects)) << held;
  }
  Ask("GET", kObject);
  Answer(with(kDeleted));
  EXPECT_FALSE(ShowsGone(objects)) << "it was still there";
  for (const std::string_view method : {"PATCH", "PUT"}) {
    Ask(method, StrCat(kObject, "/status"));
    Answer(with(StrCat(kDeleted, R"(,"deletionGracePeriodSeconds":0,"finalizers":[])"), method));
    EXPECT_EQ(noted(), V(7));
    EXPECT_TRUE(ShowsGone(Holding(method)));
    EXPECT_FALSE(ShowsGone(objects)) << "another has the name";
  }
}

TEST_F(AnswerObserverTest, WhatIsNotThereMustNotBeShownUntilItIsAgain) {
  for (const std::string_view method : {"GET", "PUT", "PATCH", "DELETE"}) {
    Ask(method, kObject);
    Head(404, "application/json");
    observer_->End({});
    EXPECT_TRUE(ShowsGone(Holding("u"))) << method;
    Ask("PUT", kObject);
    Answer(Object(7));
    EXPECT_FALSE(ShowsGone(Holding("u")));
  }
  Ask("GET", StrCat(kObject, "/status"));
  Head(404, "application/json");
  observer_->End({});
  EXPECT_FALSE(ShowsGone(Holding("u"))) << "there may be no such subresource";
}

TEST_F(AnswerObserverTest, WhatIsThereAlreadyMustBeShown) {
  Ask("POST", "/api/v1/namespaces/a-namespace-with-a-long-name/configmaps");
  Head(409, "application/json");
  EXPECT_TRUE(unclear());
}

// Who is refused because the object has changed must not read again what it would have changed.
TEST_F(AnswerObserverTest, WhatAConflictIsWithMustBeShown) {
  const auto unclear_since = [this] {
    return floors_.Get(kConfigMaps, "a-namespace-with-a-long-name").unclear;
  };
  for (const char* subresource : {"", "/status"}) {
    for (const char* method : {"PUT", "PATCH", "DELETE"}) {
      dispatcher_.Advance(absl::Seconds(1));
      Ask(method, StrCat(kObject, subresource));
      Head(409, "application/json");
      EXPECT_EQ(unclear_since(), dispatcher_.Now()) << method << subresource;
    }
  }
  const std::optional<MonotonicTime> before = unclear_since();
  dispatcher_.Advance(absl::Seconds(1));
  Ask("GET", kObject);
  Head(409, "application/json");
  EXPECT_EQ(unclear_since(), before) << "nothing was to be written";
}

TEST_F(AnswerObserverTest, ABindingIsAWriteOfPods) {
  Ask("POST", "/api/v1/namespaces/ns/bindings");
  Answer(R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201})");
  EXPECT_TRUE(floors_.Get({"", "v1", "pods"}, "ns").unclear.has_value());
}

TEST_F(AnswerObserverTest, DeletionThatAnswersWithTheObjectIsAVersion) {
  Ask("DELETE", kObject);
  Answer(Object(7));
  EXPECT_EQ(noted(), V(7));
  EXPECT_FALSE(unclear());
}

TEST_F(AnswerObserverTest, DeletionOfACollectionIsUnclear) {
  Ask("DELETE", "/api/v1/namespaces/a-namespace-with-a-long-name/configmaps");
  Answer(R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"9"},)"
         R"("items":[]})");
  EXPECT_TRUE(unclear());
}

TEST_F(AnswerObserverTest, ReadObjectRaisesTheFloor) {
  Ask("GET", kObject);
  Answer(Object(7));
  EXPECT_EQ(noted(), V(7));
  EXPECT_FALSE(unclear());
}

TEST_F(AnswerObserverTest, ListRaisesTheFloorBeforeItsItemsHavePassed) {
  Ask("GET", "/api/v1/configmaps");
  Head(200, "application/json");
  observer_->SendBody(Bytes::Static(
      R"({"kind":"ConfigMapList","apiVersion":"v1","metadata":{"resourceVersion":"9"},"items":[{)"));
  EXPECT_EQ(noted(), V(9));
  EXPECT_NE(writer_.body(), "") << "a list is not held back";
}

TEST_F(AnswerObserverTest, ListWhoseVersionComesLastRaisesTheFloorWithIt) {
  Ask("GET", "/api/v1/configmaps");
  Answer(R"({"apiVersion":"v1","items":[],"kind":"FooList","metadata":{"resourceVersion":"9"}})");
  EXPECT_EQ(noted(), V(9));
  EXPECT_FALSE(unclear());
}

TEST_F(AnswerObserverTest, ListThatCannotBeReadIsUnclear) {
  Ask("GET", "/api/v1/configmaps");
  Answer(R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","rows":[1]})");
  EXPECT_TRUE(unclear());
}

TEST_F(AnswerObserverTest, ObservesWhatTellsOfTheResource) {
  const auto observes = [](std::string_view method, std::string_view target) {
    return AnswerObserver::Observes(RequestInfo::Parse(method, target));
  };
  EXPECT_TRUE(observes("POST", "/api/v1/namespaces/a-namespace-with-a-long-name/configmaps"));
  EXPECT_TRUE(observes("PATCH", "/api/v1/namespaces/n/pods/p/status"));
  EXPECT_TRUE(observes("DELETE", "/api/v1/namespaces/n/pods"));
  EXPECT_TRUE(observes("PUT", "/apis/apps/v1/namespaces/n/deployments/d/scale"));
  EXPECT_TRUE(observes("POST", "/api/v1/namespaces/n/pods/p/eviction"));
  EXPECT_TRUE(observes("GET", "/api/v1/pods"));
  EXPECT_TRUE(observes("GET", "/api/v1/namespaces/n/pods/p/status"));
  EXPECT_TRUE(observes("GET", "/apis/apps/v1/namespaces/n/deployments/d/scale"));
  EXPECT_FALSE(observes("GET", "/api/v1/pods?watch=1"));
  EXPECT_FALSE(observes("GET", "/api/v1/namespaces/n/pods/p/log"));
  EXPECT_FALSE(observes("POST", "/api/v1/namespaces/n/pods/p/exec"));
  EXPECT_FALSE(observes("GET", "/version"));
  EXPECT_FALSE(observes("GET", "/api/v1/watch/pods"));
}

TEST_F(AnswerObserverTest, PassesOnWhatItCannotRead) {
  Head(200, "text/plain");
  observer_->SendBody(Bytes::Static("hello"));
  EXPECT_EQ(writer_.body(), "hello");
  EXPECT_TRUE(unclear());
}

TEST_F(AnswerObserverTest, PassesOnNonsense) {
  Head(200, "application/json");
  observer_->SendBody(Bytes::Static("{\"metadata\":"));
  observer_->End({});
  EXPECT_EQ(writer_.body(), "{\"metadata\":");
  EXPECT_TRUE(unclear());
  EXPECT_TRUE(writer_.ended());
}

TEST_F(AnswerObserverTest, PassesOnWhatIsLargerThanAnyObject) {
  Head(200, "application/json");
  const std::string piece(1 << 20, 'x');
  for (int i = 0; i < 6; ++i) observer_->SendBody(Bytes::Copy(piece));
  EXPECT_EQ(writer_.status(), 200);
  EXPECT_EQ(writer_.body().size(), 6u << 20);
  EXPECT_TRUE(unclear());
}

TEST_F(AnswerRecordTest, AWriteWhoseAnswerBreaksOffWasDone) {
  Ask("PUT", kObject);
  Head(200, "application/json");
  observer_->SendBody(Bytes::Copy(Object(1234).substr(0, 40)));
  observer_->Reset();
  EXPECT_FALSE(unclear());
  observer_.reset();
  EXPECT_TRUE(unclear()) << "the client has seen the status";
  const std::vector<SeenWrite> told = Told();
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].name, "a");
  EXPECT_EQ(told[0].status, 200);
}

TEST_F(AnswerRecordTest, AReadThatBreaksOffTellsNothing) {
  Ask("GET", kObject);
  Head(200, "application/json");
  observer_->SendBody(Bytes::Copy(Object(1234).substr(0, 40)));
  observer_.reset();
  EXPECT_FALSE(unclear());
  EXPECT_TRUE(Told().empty());
}

TEST_F(AnswerObserverTest, CutAnswerStaysCut) {
  Head(200, "application/json");
  observer_->SendBody(Bytes::Copy(Object(7)));
  observer_->Reset();
  EXPECT_TRUE(writer_.was_reset());
  EXPECT_FALSE(noted().is_set());
}

}  // namespace
}  // namespace weir
