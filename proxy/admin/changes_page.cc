// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <utility>

#include "proxy/admin/admin_handler.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/query.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr size_t kChurnRows = 20;

absl::Status TakeParameter(std::string_view name, const std::string& value, ChangeQuery& query) {
  if (name == "resource") {
    if (value.empty()) return InvalidArgumentError("resource must not be empty");
    query.resource = value;
    return absl::OkStatus();
  }
  if (name != "limit") {
    return InvalidArgumentError(
        StrCat("unknown parameter ", Quoted(name), "; there are: resource limit"));
  }
  const auto limit = ParseUint64(value);
  if (!limit.has_value() || *limit < 1 || *limit > ChangeRow::kMaxRows) {
    return InvalidArgumentError(
        StrCat("limit must be a number from 1 to ", ChangeRow::kMaxRows, ", not ", Quoted(value)));
  }
  query.limit = *limit;
  return absl::OkStatus();
}

// Which fields of a resource changed most often: the page's question is "why is it so busy".
void WriteChurn(JsonWriter& json, const std::vector<ChangeRow>& rows) {
  std::map<std::pair<std::string_view, std::string_view>, int64_t> counts;
  for (const ChangeRow& row : rows) {
    if (!row.changed.has_value()) continue;
    for (const std::string& path : row.changed->paths) ++counts[{row.resource, path}];
  }
  std::vector<std::pair<std::pair<std::string_view, std::string_view>, int64_t>> churn(
      counts.begin(), counts.end());
  std::stable_sort(churn.begin(), churn.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (churn.size() > kChurnRows) churn.resize(kChurnRows);
  json.BeginArray("churn");
  for (const auto& [field, changes] : churn) {
    json.BeginObject();
    json.String("resource", field.first);
    json.String("path", field.second);
    json.Int("changes", changes);
    json.EndObject();
  }
  json.EndArray();
}

}  // namespace

absl::StatusOr<ChangeQuery> ParseChangeQuery(std::string_view text) {
  ChangeQuery query;
  WEIR_RETURN_IF_ERROR(ReadQuery(text, [&query](std::string_view name, const std::string& value) {
    return TakeParameter(name, value, query);
  }));
  return query;
}

std::string RenderChanges(const std::vector<ChangeRow>& rows) {
  JsonWriter json;
  json.BeginObject();
  WriteChurn(json, rows);
  json.BeginArray("changes");
  for (const ChangeRow& row : rows) {
    json.BeginObject();
    json.String("resource", row.resource);
    json.String("namespace", row.namespace_name);
    json.String("name", row.name);
    json.String("type", WatchEventTypeName(row.type));
    json.String("resourceVersion", row.version.ToString());
    json.Double("ageSeconds", absl::ToDoubleSeconds(row.age));
    if (!row.filter.empty()) {
      json.String("filter", row.filter);
      json.String("decision", row.decision);
    }
    if (row.changed.has_value()) {
      json.BeginArray("paths");
      for (const std::string& path : row.changed->paths) json.String({}, path);
      json.EndArray();
      if (row.changed->more) json.Bool("morePaths", true);
    }
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

}  // namespace weir
