// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"
#include "proxy/admin/json_writer.h"
#include "proxy/admin/query.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

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
  json.BeginArray("changes");
  for (const ChangeRow& row : rows) {
    json.BeginObject();
    json.String("resource", row.resource);
    json.String("namespace", row.namespace_name);
    json.String("name", row.name);
    json.String("type", WatchEventTypeName(row.type));
    json.String("resourceVersion", row.version.ToString());
    json.Double("ageSeconds", absl::ToDoubleSeconds(row.age));
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
