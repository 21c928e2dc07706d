// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/client_counts.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "proxy/base/strings.h"

namespace weir {

void ClientCounts::Count(std::string_view user_agent, const Decision& decision, bool forwarded) {
  const RequestInfo& info = decision.info;
  const bool watch = info.verb == "watch";
  if (!info.is_resource_request || (!watch && info.verb != "list")) return;
  user_agent = user_agent.substr(0, kMaxName);
  const std::string resource = ResourceLabel(info);
  ClientRow& row = rows_.Get(StrCat(user_agent, "\n", resource));
  row.user_agent = user_agent;
  row.resource = resource;
  ++(watch ? row.watches : row.lists);
  if (watch && decision.initial_events) ++row.from_start;
  if (forwarded) ++row.forwarded;
}

std::vector<ClientRow> ClientCounts::Rows() const {
  std::vector<ClientRow> rows;
  rows.reserve(rows_.size());
  rows_.ForEach([&rows](const std::string&, const ClientRow& row) { rows.push_back(row); });
  return rows;
}

std::vector<ClientRow> MergeClients(std::vector<ClientRow> rows) {
  std::map<std::pair<std::string, std::string>, ClientRow> merged;
  for (ClientRow& row : rows) {
    ClientRow& sum = merged[{row.user_agent, row.resource}];
    sum.lists += row.lists;
    sum.watches += row.watches;
    sum.from_start += row.from_start;
    sum.forwarded += row.forwarded;
    sum.user_agent = std::move(row.user_agent);
    sum.resource = std::move(row.resource);
  }
  std::vector<ClientRow> all;
  all.reserve(merged.size());
  for (auto& [key, row] : merged) all.push_back(std::move(row));
  std::stable_sort(all.begin(), all.end(), [](const ClientRow& a, const ClientRow& b) {
    return std::tie(a.lists, a.from_start) > std::tie(b.lists, b.from_start);
  });
  return all;
}

}  // namespace weir
