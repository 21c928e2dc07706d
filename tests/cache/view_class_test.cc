// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/view_class.h"

#include "tests/cache/cache_fixture.h"

namespace weir {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::IsEmpty;

class ViewClassTest : public CacheFixture {
 protected:
  using Labels = std::vector<std::pair<std::string, std::string>>;
  static inline const ViewShape kWeb = {.label_selector = "app=web"};
  static inline const ViewShape kMetadata = {.to_metadata = true};

  static WatchCursor Cursor(const CacheReplica& replica, const ViewShape& shape) {
    const RevisionPtr newest = replica.newest();
    return WatchCursor::After(replica, ViewOf(shape), {newest, newest->events.size()},
                              newest->version);
  }
  // A Revision of its own.
  void Put(const std::string& name, const Labels& labels = {}) {
    resource_.Put({.name = name, .labels = labels});
    dispatcher_.RunReady();
  }
};

TEST_F(ViewClassTest, EvaluatesEachEventOnceForAllReaders) {
  CacheReplica& replica = Replica();
  std::vector<WatchCursor> cursors;
  for (int i = 0; i < 100; ++i) cursors.push_back(Cursor(replica, kWeb));
  const ViewClassPtr shared = replica.view_classes().Get(ViewOf(kWeb));
  Put("in", {{"app", "web"}});  // 11
  Put("out");                   // 12
  Put("in");                    // 13: leaves.
  std::vector<std::vector<std::string>> read;
  for (WatchCursor& cursor : cursors) read.push_back(ReadAll(cursor));
  EXPECT_THAT(read, Each(ElementsAre("ADDED in@11", "DELETED in@13")));
  EXPECT_EQ(shared->evaluations(), 3U);
}

TEST_F(ViewClassTest, DerivesMetadataOnceForAllReaders) {
  CacheReplica& replica = Replica();
  WatchCursor first = Cursor(replica, kMetadata);
  WatchCursor second = Cursor(replica, kMetadata);
  Put("a");
  const ObjectPtr derived = first.Next()->object;
  EXPECT_EQ(derived->kind(), "PartialObjectMetadata");
  EXPECT_EQ(derived->version(), V(11));
  EXPECT_EQ(second.Next()->object, derived) << "the very same bytes";
}

// An event's own bytes are the Revision's, and are not derived.
TEST_F(ViewClassTest, SharesTheCachesOwnObjects) {
  CacheReplica& replica = Replica();
  WatchCursor first = Cursor(replica, kWeb);
  WatchCursor second = Cursor(replica, kWeb);
  Put("a", {{"app", "web"}});
  const ObjectPtr cached = replica.newest()->events[0].object;
  EXPECT_EQ(first.Next()->object, cached);
  EXPECT_EQ(second.Next()->object, cached);
}

TEST_F(ViewClassTest, ReadersOfAnotherShapeAreOfAnotherClass) {
  CacheReplica& replica = Replica();
  ViewClasses& classes = replica.view_classes();
  const ViewClassPtr web = classes.Get(ViewOf(kWeb));
  EXPECT_EQ(classes.Get(ViewOf(kWeb)), web);
  EXPECT_NE(classes.Get(ViewOf({.label_selector = "app=db"})), web);
  EXPECT_NE(classes.Get(ViewOf({.namespace_name = "a", .label_selector = "app=web"})), web);
  EXPECT_NE(classes.Get(ViewOf({.label_selector = "app=web", .field_selector = "metadata.name=a"})),
            web);
  EXPECT_NE(classes.Get(ViewOf({.label_selector = "app=web", .to_metadata = true})), web);
}

TEST_F(ViewClassTest, AViewOfEverythingNeedsNone) {
  CacheReplica& replica = Replica();
  EXPECT_EQ(replica.view_classes().Get(EventView()), nullptr);
  EXPECT_NE(replica.view_classes().Get(ViewOf(kMetadata)), nullptr);
}

TEST_F(ViewClassTest, GoesWithItsLastReader) {
  CacheReplica& replica = Replica();
  std::optional<WatchCursor> cursor = Cursor(replica, kWeb);
  std::weak_ptr<ViewClass> seen = replica.view_classes().Get(ViewOf(kWeb));
  EXPECT_FALSE(seen.expired());
  cursor.reset();
  EXPECT_TRUE(seen.expired());
  // Nor are those remembered that had other shapes.
  for (int i = 0; i < 1000; ++i) {
    EXPECT_NE(replica.view_classes().Get(ViewOf({.namespace_name = StrCat("n", i)})), nullptr);
  }
  EXPECT_LT(replica.view_classes().size(), 20U);
}

TEST_F(ViewClassTest, RemembersNothingForAReaderThatIsAlone) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = Cursor(replica, kMetadata);
  Put("a");
  const std::weak_ptr<const Object> derived = cursor.Next()->object;
  EXPECT_TRUE(derived.expired());
}

TEST_F(ViewClassTest, ForgetsWhatReadersThatKeepUpNoLongerNeed) {
  CacheReplica& replica = Replica();
  WatchCursor first = Cursor(replica, kMetadata);
  WatchCursor second = Cursor(replica, kMetadata);
  Put("a");
  const std::weak_ptr<const Object> derived = first.Next()->object;
  EXPECT_FALSE(derived.expired());
  for (int i = 0; i < 64; ++i) {
    Put("a");
    EXPECT_EQ(first.Next()->type, WatchEventType::kModified);
  }
  EXPECT_TRUE(derived.expired());
}

TEST_F(ViewClassTest, AReaderThatIsFarBehindPaysForItself) {
  CacheReplica& replica = Replica();
  WatchCursor fast = Cursor(replica, kMetadata);
  WatchCursor slow = Cursor(replica, kMetadata);
  const ViewClassPtr shared = replica.view_classes().Get(ViewOf(kMetadata));
  for (int i = 0; i < 100; ++i) Put("a");
  const std::vector<std::string> read = ReadAll(fast);
  EXPECT_EQ(read.size(), 100U);
  EXPECT_EQ(shared->evaluations(), 100U);
  EXPECT_EQ(ReadAll(slow), read);
  EXPECT_EQ(shared->evaluations(), 136U) << "all but those of the last 64 Revisions";
}

// Whichever comes first: one that begins while others are behind takes nothing from them.
TEST_F(ViewClassTest, ReadersAtDifferentPlacesShareWhatTheyBothRead) {
  CacheReplica& replica = Replica();
  WatchCursor behind = Cursor(replica, kWeb);
  WatchCursor other = behind;
  for (int i = 0; i < 10; ++i) Put("early", {{"app", "web"}});
  WatchCursor late = Cursor(replica, kWeb);
  for (int i = 0; i < 10; ++i) Put("late", {{"app", "web"}});
  const ViewClassPtr shared = replica.view_classes().Get(ViewOf(kWeb));
  EXPECT_EQ(ReadAll(late).size(), 10U);
  EXPECT_EQ(ReadAll(behind).size(), 20U);
  EXPECT_EQ(ReadAll(other).size(), 20U);
  EXPECT_EQ(shared->evaluations(), 20U);
}

TEST_F(ViewClassTest, HoldsNoMoreThanItMay) {
  CacheReplica& replica = Replica();
  WatchCursor first = Cursor(replica, kMetadata);
  WatchCursor second = Cursor(replica, kMetadata);
  const ViewClassPtr shared = replica.view_classes().Get(ViewOf(kMetadata));
  for (int i = 0; i < 10; ++i) {
    resource_.Put({.name = StrCat("o", i), .labels = {{"large", std::string(1 << 20, 'x')}}});
  }
  dispatcher_.RunReady();
  ASSERT_EQ(replica.newest()->events.size(), 10U) << "one Revision";
  EXPECT_EQ(ReadAll(first).size(), 10U);
  EXPECT_EQ(shared->evaluations(), 10U);
  EXPECT_EQ(ReadAll(second).size(), 10U);
  EXPECT_EQ(shared->evaluations(), 17U) << "three MiB and a bit are remembered, of four";
}

TEST_F(ViewClassTest, EndsAReaderWhoseMetadataCannotBeTold) {
  CacheReplica& replica = Replica();
  WatchCursor cursor = Cursor(replica, kMetadata);
  WatchCursor whole = CursorNow(replica);
  Put("a");
  resource_.Put({.name = "b",
                 .labels = {{"autoscaling.alpha.kubernetes.io/conditions", "made"}},
                 .api_version = "autoscaling/v1",
                 .kind = "HorizontalPodAutoscaler"});
  dispatcher_.RunReady();
  EXPECT_EQ(cursor.Next()->object->name(), "a");
  EXPECT_FALSE(replica.view_classes().not_showable());
  EXPECT_EQ(cursor.Next()->kind, WatchCursor::Item::Kind::kNotShowable);
  EXPECT_EQ(cursor.Next()->kind, WatchCursor::Item::Kind::kNotShowable);
  EXPECT_EQ(cursor.complete_through(), V(11));
  EXPECT_TRUE(replica.view_classes().not_showable());
  EXPECT_THAT(ReadAll(whole), ElementsAre("ADDED a@11", "ADDED b@12"));
  // Nor does one that begins with it, or was passed by, show it.
  WatchCursor initial = WatchCursor::WithInitialEvents(replica, ViewOf(kMetadata));
  EXPECT_EQ(initial.Next()->object->name(), "a");
  EXPECT_EQ(initial.Next()->kind, WatchCursor::Item::Kind::kNotShowable);
}

TEST_F(ViewClassTest, OneThatKeepsUpIsToldNothingTwice) {
  CacheReplica& replica = Replica();
  WatchCursor first = Cursor(replica, kWeb);
  WatchCursor second = Cursor(replica, kWeb);
  Put("a", {{"app", "web"}});
  EXPECT_THAT(ReadAll(first), ElementsAre("ADDED a@11"));
  EXPECT_THAT(ReadAll(first), IsEmpty());
  EXPECT_THAT(ReadAll(second), ElementsAre("ADDED a@11"));
}

}  // namespace
}  // namespace weir
