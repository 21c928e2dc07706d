// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/client_counts.h"

#include <gtest/gtest.h>

#include "proxy/base/strings.h"

namespace weir {
namespace {

Decision Asks(std::string_view verb, std::string_view resource, bool from_start = false) {
  Decision decision;
  decision.info.is_resource_request = true;
  decision.info.verb = verb;
  decision.info.resource = {.group = "", .version = "v1", .resource = std::string(resource)};
  decision.initial_events = from_start;
  return decision;
}

TEST(ClientCountsTest, CountsListsAndWatchesOfEachClientAndResource) {
  ClientCounts counts;
  counts.Count("a/1", Asks("list", "pods"), false);
  counts.Count("a/1", Asks("list", "pods"), true);
  counts.Count("a/1", Asks("watch", "pods", true), false);
  counts.Count("a/1", Asks("watch", "pods"), false);
  counts.Count("a/1", Asks("get", "pods"), false);
  counts.Count("a/1", Asks("watch", "nodes"), true);
  counts.Count("b/1", Asks("list", "pods"), false);
  const std::vector<ClientRow> rows = MergeClients(counts.Rows());
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].user_agent, "a/1");
  EXPECT_EQ(rows[0].resource, "pods");
  EXPECT_EQ(rows[0].lists, 2U);
  EXPECT_EQ(rows[0].watches, 2U);
  EXPECT_EQ(rows[0].from_start, 1U);
  EXPECT_EQ(rows[0].forwarded, 1U);
  EXPECT_EQ(rows[1].user_agent, "b/1");
  EXPECT_EQ(rows[2].resource, "nodes");
}

TEST(ClientCountsTest, RowsOfWorkersAreOne) {
  ClientCounts one, other;
  one.Count("a", Asks("list", "pods"), false);
  other.Count("a", Asks("list", "pods"), false);
  std::vector<ClientRow> rows = one.Rows();
  for (ClientRow& row : other.Rows()) rows.push_back(row);
  rows = MergeClients(std::move(rows));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].lists, 2U);
}

TEST(ClientCountsTest, NamesThatClientsInventAreBounded) {
  ClientCounts counts;
  counts.Count("first", Asks("list", "pods"), false);
  for (size_t i = 0; i < ClientCounts::kMaxRows; ++i) {
    counts.Count(StrCat(i, std::string(1000, 'x')), Asks("list", "pods"), false);
  }
  const std::vector<ClientRow> rows = counts.Rows();
  EXPECT_EQ(rows.size(), ClientCounts::kMaxRows);
  for (const ClientRow& row : rows) {
    EXPECT_LE(row.user_agent.size(), ClientCounts::kMaxName);
    EXPECT_NE(row.user_agent, "first") << "who has not asked for longest goes";
  }
}

TEST(ClientCountsTest, NamesThatNoResourceHasAreNotKept) {
  ClientCounts counts;
  counts.Count("a", Asks("list", std::string(1000, 'x')), true);
  counts.Count("a", Asks("list", "\xff"), true);
  const std::vector<ClientRow> rows = counts.Rows();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].resource, "other");
}

}  // namespace
}  // namespace weir
