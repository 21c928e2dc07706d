// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/event_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/cache/view_of.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

ObjectPtr Web(uint64_t version, const char* uid = "u") {
  return MakeObject({.name = "a", .version = version, .uid = uid, .labels = {{"app", "web"}}});
}
ObjectPtr Other(uint64_t version, const char* uid = "u") {
  return MakeObject({.name = "a", .version = version, .uid = uid, .labels = {{"app", "db"}}});
}

CacheEvent Added(ObjectPtr object) {
  return {WatchEventType::kAdded, object, nullptr, object->version()};
}
CacheEvent Modified(ObjectPtr before, ObjectPtr after) {
  return {WatchEventType::kModified, after, std::move(before), after->version()};
}
CacheEvent Deleted(ObjectPtr before, ObjectPtr last) {
  return {WatchEventType::kDeleted, last, std::move(before), last->version()};
}

class EventViewTest : public testing::Test {
 protected:
  const EventView view_ = ViewOf({.label_selector = "app=web"});
  std::optional<EventView::Event> Translate(const CacheEvent& event) const {
    std::optional<EventView::Event> seen = view_.Select(event);
    if (seen.has_value()) seen->object = view_.Show(*seen);
    return seen;
  }
};

TEST_F(EventViewTest, ShowsEverythingAsItIs) {
  const EventView everything;
  EXPECT_TRUE(everything.everything());
  const auto event = everything.Select(Modified(Other(1), Other(2)));
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->type, WatchEventType::kModified);
}

TEST_F(EventViewTest, SelectsByNamespaceNameAndLabel) {
  const EventView view = ViewOf(
      {.namespace_name = "ns", .label_selector = "app=web", .field_selector = "metadata.name=a"});
  const std::vector<std::pair<std::string, std::string>> web = {{"app", "web"}};
  EXPECT_TRUE(view.Includes(*MakeObject({.name = "a", .namespace_name = "ns", .labels = web})));
  EXPECT_FALSE(view.Includes(*MakeObject({.name = "b", .namespace_name = "ns", .labels = web})));
  EXPECT_FALSE(view.Includes(*MakeObject({.name = "a", .namespace_name = "n", .labels = web})));
  EXPECT_FALSE(view.Includes(*MakeObject({.name = "a", .namespace_name = "ns"})));
}

TEST_F(EventViewTest, EnteringIsAddedAndLeavingIsDeleted) {
  EXPECT_FALSE(Translate(Added(Other(1))).has_value());
  EXPECT_EQ(Translate(Added(Web(1)))->type, WatchEventType::kAdded);
  EXPECT_EQ(Translate(Modified(Other(1), Web(2)))->type, WatchEventType::kAdded);
  EXPECT_EQ(Translate(Modified(Web(1), Web(2)))->type, WatchEventType::kModified);
  EXPECT_FALSE(Translate(Modified(Other(1), Other(2))).has_value());

  const auto left = Translate(Modified(Web(1), Other(2)));
  EXPECT_EQ(left->type, WatchEventType::kDeleted);
  EXPECT_EQ(left->version, ResourceVersion(2));
  // The last content that matched, with the version of the event that left.
  EXPECT_EQ(left->object->raw(), Web(2)->raw());
}

TEST_F(EventViewTest, DeletionsAreSeenByThoseWhoSawTheObject) {
  EXPECT_EQ(Translate(Deleted(Web(1), Web(2)))->object->raw(), Web(2)->raw());
  EXPECT_FALSE(Translate(Deleted(Other(1), Other(2))).has_value());
  // The last state, should it differ, is not shown to whom it does not match.
  EXPECT_EQ(Translate(Deleted(Web(1), Other(2)))->object->raw(), Web(2)->raw());
}

TEST_F(EventViewTest, DifferenceIsWhatChangedForThisReader) {
  EXPECT_TRUE(view_.Difference(Other(1), Other(2)).empty());
  EXPECT_TRUE(view_.Difference(nullptr, Other(2)).empty());
  EXPECT_TRUE(view_.Difference(Other(1), nullptr).empty());
  EXPECT_TRUE(view_.Difference(Web(1), Web(1)).empty()) << "the same version read anew";

  const auto modified = view_.Difference(Web(1), Web(2));
  ASSERT_EQ(modified.size(), 1U);
  EXPECT_EQ(modified[0].type, WatchEventType::kModified);
  const auto entered = view_.Difference(Other(1), Web(2));
  ASSERT_EQ(entered.size(), 1U);
  EXPECT_EQ(entered[0].type, WatchEventType::kAdded);
  const auto left = view_.Difference(Web(1), Other(5));
  ASSERT_EQ(left.size(), 1U);
  EXPECT_EQ(left[0].type, WatchEventType::kDeleted);
  EXPECT_EQ(left[0].object->raw(), Web(1)->raw());
  EXPECT_FALSE(left[0].version.is_set()) << "the last change need not be that by which it left";
}

TEST_F(EventViewTest, DifferenceLeavesOpenWhenADeletionWas) {
  const auto deleted = view_.Difference(Web(1), nullptr);
  ASSERT_EQ(deleted.size(), 1U);
  EXPECT_EQ(deleted[0].type, WatchEventType::kDeleted);
  EXPECT_FALSE(deleted[0].version.is_set());
}

TEST_F(EventViewTest, DifferenceOfTwoObjectsOfOneNameIsTwoEvents) {
  const auto events = view_.Difference(Web(1, "u1"), Web(9, "u2"));
  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].type, WatchEventType::kDeleted);
  EXPECT_FALSE(events[0].version.is_set());
  EXPECT_EQ(events[1].type, WatchEventType::kAdded);
  EXPECT_EQ(events[1].version, ResourceVersion(9));
}

}  // namespace
}  // namespace weir
