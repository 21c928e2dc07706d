// SPDX-License-Identifier: Apache-2.0
//
// Watches of a selection: entering it is ADDED, leaving it DELETED with the last matching state.
#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::string_view kAppX = "labelSelector=app%3Dx&resourceVersion=";

TEST_P(WatchContractTest, EnteringTheSelectionIsAdded) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat(kAppX, server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const uint64_t entered = Label("default", "a", "app", "x");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("ADDED default/a@", entered));
}

TEST_P(WatchContractTest, LeavingTheSelectionIsDeletedWithTheLastMatchingState) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  const std::string query = StrCat(kAppX, server_.version());
  const auto watch = Watch(query);
  const auto direct = WatchDirectly(query);
  ASSERT_EQ(watch->status(), 200);
  const uint64_t left = Label("default", "a", "app", "y");
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->ToString(), StrCat("DELETED default/a@", left));
  EXPECT_EQ(event->frame, direct->Next()->frame);
}

TEST_P(FakeServerContractTest, LeavingTheSelectionAtAVersionWithMoreDigitsIsDeleted) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  const std::string query = StrCat(kAppX, server_.version());
  const auto watch = Watch(query);
  const auto direct = WatchDirectly(query);
  ASSERT_EQ(watch->status(), 200);
  // Lengths around the version change, too.
  fake().With([](FakeApiState& s) {
    while (s.store.version() < 9'999) s.store.BumpVersion();
  });
  const uint64_t left = Label("default", "a", "app", "y");
  const auto event = watch->Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->ToString(), StrCat("DELETED default/a@", left));
  EXPECT_EQ(event->frame, direct->Next()->frame);
}

TEST_P(WatchContractTest, ChangeWithinTheSelectionIsModified) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  const auto watch = Watch(StrCat(kAppX, server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const uint64_t changed = Set("default", "a", "1");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("MODIFIED default/a@", changed));
}

TEST_P(WatchContractTest, ChangeOutsideTheSelectionIsNotSent) {
  Create("default", "a");
  Create("default", "b", {{"app", "x"}});
  Warm();
  const auto watch = Watch(StrCat(kAppX, server_.version()));
  ASSERT_EQ(watch->status(), 200);
  Set("default", "a", "1");
  Label("default", "a", "app", "y");
  Delete("default", "a");
  Create("default", "c", {{"app", "z"}});
  const uint64_t last = Set("default", "b", "1");
  EXPECT_THAT(Strings(watch->UntilVersion(last)), ElementsAre(StrCat("MODIFIED default/b@", last)));
}

TEST_P(WatchContractTest, DeletionOfASelectedObjectIsDeleted) {
  Create("default", "a", {{"app", "x"}});
  Warm();
  const auto watch = Watch(StrCat(kAppX, server_.version()));
  ASSERT_EQ(watch->status(), 200);
  const uint64_t deleted = Delete("default", "a");
  EXPECT_EQ(watch->Next()->ToString(), StrCat("DELETED default/a@", deleted));
}

TEST_P(WatchContractTest, SelectedWatchReplaysEnteringAndLeaving) {
  const uint64_t since = Create("default", "a");
  Warm();
  for (int round = 0; round < 3; ++round) {
    Label("default", "a", "app", "x");
    Set("default", "a", StrCat("seen ", round));
    Label("default", "a", "app", "");
    Set("default", "a", StrCat("hidden ", round));
  }
  const uint64_t last = Label("default", "a", "app", "x");
  CatchUp();
  const std::string query = StrCat(kAppX, since);
  const auto events = Watch(query)->UntilVersion(last);
  EXPECT_EQ(events.size(), 10u);
  EXPECT_EQ(Frames(events), Frames(WatchDirectly(query)->UntilVersion(last)));
}

TEST_P(WatchContractTest, SelectionOfItsOwnIsServedWithoutAWiderCache) {
  Create("default", "a", {{"app", "x"}});
  Create("default", "b");
  Warm("resourceVersion=0&labelSelector=app%3Dx");
  const std::string query = StrCat(kAppX, server_.version());
  const auto watch = Watch(query);
  const auto direct = WatchDirectly(query);
  ASSERT_EQ(watch->status(), 200);
  Label("default", "a", "app", "y");
  const uint64_t last = Label("default", "b", "app", "x");
  EXPECT_EQ(Frames(watch->UntilVersion(last)), Frames(direct->UntilVersion(last)));
  ExpectFromCache("watch");
}

TEST_P(WatchContractTest, EverySelectorFormSelectsTheSame) {
  Create("default", "a", {{"app", "x"}, {"n", "5"}});
  Create("default", "b", {{"app", "y"}, {"n", "7"}});
  Create("default", "c", {{"tier", ""}});
  Create("other", "d", {{"app", "x"}, {"n", "nan"}});
  Warm();
  for (const char* selector :
       {"app", "!app", "app=x", "app==x", "app!=x", "app in (x,y)", "app notin (x)", "n>5", "n<7",
        "tier=", "app,n>1", "app=x,app=y", "app in ()", " app = x ", ",", "app=x,"}) {
    SCOPED_TRACE(selector);
    ExpectSameAnswer("GET", Url("resourceVersion=0&labelSelector=" + QueryEscape(selector)),
                     Accepting());
  }
  for (const char* selector :
       {"metadata.name=a", "metadata.name==a", "metadata.name!=a", "metadata.namespace=other",
        "metadata.name=a,metadata.namespace=default", "metadata.name=", "metadata.name=a\\,b"}) {
    SCOPED_TRACE(selector);
    ExpectSameAnswer("GET", Url("resourceVersion=0&fieldSelector=" + QueryEscape(selector)),
                     Accepting());
    ExpectSameAnswer("GET",
                     Url("resourceVersion=0&fieldSelector=" + QueryEscape(selector), "default"),
                     Accepting());
  }
}

}  // namespace
}  // namespace weir
