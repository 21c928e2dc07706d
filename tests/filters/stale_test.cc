// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/registry.h"
#include "proxy/base/status.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

class StaleTest : public testing::Test {
 protected:
  bool IsStale(WatchEventType type, uint64_t version, const ObjectPtr& known) {
    return filter_->IsStale(MakeEvent(type, {.name = "a", .version = version}),
                            {.published = V(20), .known = known.get()});
  }
  const EventFilterPtr filter_ = CreateFilter("stale", {}).value();
  const ObjectPtr known_ = MakeObject({.name = "a", .version = 10});
};

TEST_F(StaleTest, FindsWhatIsNotNewerThanTheObjectKnown) {
  EXPECT_TRUE(IsStale(WatchEventType::kAdded, 10, known_));
  EXPECT_TRUE(IsStale(WatchEventType::kModified, 9, known_));
  EXPECT_TRUE(IsStale(WatchEventType::kDeleted, 10, known_));
  EXPECT_TRUE(IsStale(WatchEventType::kDeleted, 15, nullptr));
}

TEST_F(StaleTest, KeepsNews) {
  EXPECT_FALSE(IsStale(WatchEventType::kModified, 21, known_));
  EXPECT_FALSE(IsStale(WatchEventType::kDeleted, 21, nullptr));
  EXPECT_FALSE(IsStale(WatchEventType::kModified, 11, known_));
  EXPECT_FALSE(IsStale(WatchEventType::kAdded, 15, nullptr));
}

TEST(StaleConfigTest, RejectsParameters) {
  EXPECT_TRUE(IsInvalidArgument(CreateFilter("stale", {{"x", "1"}}).status()));
}

TEST(RegistryTest, NamesTheFiltersThereAre) {
  EXPECT_THAT(FilterNames(), testing::Contains("stale"));
  const absl::Status unknown = CreateFilter("stail", {}).status();
  EXPECT_TRUE(IsNotFound(unknown));
  EXPECT_THAT(std::string(MessageOf(unknown)), testing::HasSubstr("\"stail\"; there are: stale"));
}

}  // namespace
}  // namespace weir
