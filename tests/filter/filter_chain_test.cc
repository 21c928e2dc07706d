// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter/filter_chain.h"

#include <functional>
#include <utility>

#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "tests/support/objects.h"

namespace weir {
namespace {

// Calls everything stale.
class Greedy final : public EventFilter {
 public:
  bool IsStale(const WatchEvent&, const IngestContext&) override { return true; }
};

class Rewriting final : public EventFilter {
 public:
  using Rewriter = std::function<absl::StatusOr<ObjectPtr>(const ObjectPtr&)>;
  explicit Rewriting(Rewriter rewrite) : rewrite_(std::move(rewrite)) {}
  absl::StatusOr<ObjectPtr> Rewrite(ObjectPtr object) override { return rewrite_(object); }

 private:
  const Rewriter rewrite_;
};

class FilterChainTest : public testing::Test {
 protected:
  FilterChain With(EventFilterPtr filter) {
    std::vector<NamedFilter> filters;
    filters.push_back({"test", std::move(filter)});
    return FilterChain(std::move(filters), stats_);
  }
  FilterChain WithRewriter(Rewriting::Rewriter rewrite) {
    return With(std::make_unique<Rewriting>(std::move(rewrite)));
  }

  StatsRegistry registry_;
  FilterChainStats stats_{registry_};
  const ObjectPtr known_ = MakeObject({.name = "a", .version = 5});
};

TEST_F(FilterChainTest, LetsEverythingThroughWithoutFilters) {
  FilterChain chain({}, stats_);
  WatchEvent event = MakeEvent(WatchEventType::kAdded, {.name = "a", .version = 1});
  EXPECT_TRUE(chain.Ingest(event, {.published = V(9), .known = known_.get()}));
}

TEST_F(FilterChainTest, DropsRepetitionsThatAFilterFinds) {
  FilterChain chain = With(std::make_unique<Greedy>());
  WatchEvent again = MakeEvent(WatchEventType::kModified, {.name = "a", .version = 5});
  EXPECT_FALSE(chain.Ingest(again, {.published = V(9), .known = known_.get()}));
  WatchEvent gone = MakeEvent(WatchEventType::kDeleted, {.name = "b", .version = 3});
  EXPECT_FALSE(chain.Ingest(gone, {.published = V(9), .known = nullptr}));
  EXPECT_EQ(stats_.stale_dropped->value(), 2U);
  EXPECT_EQ(stats_.drops_refused->value(), 0U);
}

TEST_F(FilterChainTest, NoFilterCanDropNews) {
  FilterChain chain = With(std::make_unique<Greedy>());
  for (const WatchEventType type :
       {WatchEventType::kAdded, WatchEventType::kModified, WatchEventType::kDeleted}) {
    WatchEvent newer = MakeEvent(type, {.name = "a", .version = 10});
    EXPECT_TRUE(chain.Ingest(newer, {.published = V(9), .known = known_.get()}));
    // Not newer than what was published, but than what is known of the object.
    WatchEvent missed = MakeEvent(type, {.name = "a", .version = 7});
    EXPECT_TRUE(chain.Ingest(missed, {.published = V(9), .known = known_.get()}));
  }
  WatchEvent unknown = MakeEvent(WatchEventType::kAdded, {.name = "b", .version = 7});
  EXPECT_TRUE(chain.Ingest(unknown, {.published = V(9), .known = nullptr}));
  EXPECT_EQ(stats_.drops_refused->value(), 7U);
}

TEST_F(FilterChainTest, RewritesWhatIsAddedModifiedDeletedAndListed) {
  const ObjectPtr rewritten = MakeObject({.name = "a", .version = 10, .data = "less"});
  FilterChain chain = WithRewriter([&](const ObjectPtr&) { return rewritten; });
  for (const WatchEventType type :
       {WatchEventType::kAdded, WatchEventType::kModified, WatchEventType::kDeleted}) {
    WatchEvent event = MakeEvent(type, {.name = "a", .version = 10, .data = "more"});
    EXPECT_TRUE(chain.Ingest(event, {.published = V(9), .known = nullptr}));
    EXPECT_EQ(event.object, rewritten);
  }
  EXPECT_EQ(chain.Rewrite(MakeObject({.name = "a", .version = 10})), rewritten);
  EXPECT_EQ(stats_.rewrites_refused->value(), 0U);
}

TEST_F(FilterChainTest, RefusesRewritesThatChangeWhatAnObjectIs) {
  const ObjectPtr original = MakeObject({.name = "a", .version = 10});
  const absl::StatusOr<ObjectPtr> bad[] = {
      MakeObject({.name = "b", .version = 10}),
      MakeObject({.name = "a", .version = 11}),
      MakeObject({.name = "a", .version = 10, .uid = "x"}),
      MakeObject({.name = "a", .version = 10, .namespace_name = "n"}),
      ObjectPtr(),
      InternalError("cannot")};
  for (const absl::StatusOr<ObjectPtr>& result : bad) {
    FilterChain chain = WithRewriter([&](const ObjectPtr&) { return result; });
    EXPECT_EQ(chain.Rewrite(original), original);
  }
  EXPECT_EQ(stats_.rewrites_refused->value(), 6U);
}

TEST_F(FilterChainTest, RemembersItsLastDecisions) {
  using Outcome = FilterDecision::Outcome;
  FilterChain chain = With(std::make_unique<Greedy>());
  chain.SetTime(MonotonicTime::FromNanos(7));
  WatchEvent again = MakeEvent(WatchEventType::kModified, {.name = "a", .version = 5});
  chain.Ingest(again, {.published = V(9), .known = known_.get()});
  WatchEvent news = MakeEvent(WatchEventType::kDeleted, {.name = "a", .version = 10});
  chain.Ingest(news, {.published = V(9), .known = known_.get()});
  ASSERT_EQ(chain.decisions().size(), 2U);
  const FilterDecision& withheld = chain.decisions()[0];
  EXPECT_EQ(withheld.filter, "test");
  EXPECT_EQ(withheld.outcome, Outcome::kWithheld);
  EXPECT_EQ(withheld.name, "a");
  EXPECT_EQ(withheld.version, V(5));
  EXPECT_EQ(withheld.time, MonotonicTime::FromNanos(7));
  EXPECT_EQ(chain.decisions()[1].outcome, Outcome::kDropRefused);
  EXPECT_EQ(chain.decisions()[1].type, WatchEventType::kDeleted);
  for (size_t i = 0; i < 2 * FilterChain::kDecisions; ++i) {
    WatchEvent more = MakeEvent(WatchEventType::kModified, {.name = "a", .version = 5});
    chain.Ingest(more, {.published = V(9), .known = known_.get()});
  }
  EXPECT_EQ(chain.decisions().size(), FilterChain::kDecisions);
  EXPECT_EQ(chain.decisions()[0].outcome, Outcome::kWithheld);
}

TEST_F(FilterChainTest, RemembersWhichRewriteItRefused) {
  FilterChain chain = WithRewriter([&](const ObjectPtr&) { return InternalError("cannot"); });
  WatchEvent event = MakeEvent(WatchEventType::kModified, {.name = "a", .version = 10});
  EXPECT_TRUE(chain.Ingest(event, {.published = V(9), .known = known_.get()}));
  ASSERT_EQ(chain.decisions().size(), 1U);
  EXPECT_EQ(OutcomeName(chain.decisions()[0].outcome), "rewriteRefused");
  EXPECT_EQ(chain.decisions()[0].type, WatchEventType::kModified);
}

}  // namespace
}  // namespace weir
