// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"
#include "proxy/admin/json_writer.h"

namespace weir {
namespace {

void WriteSummary(JsonWriter& json, const StageRow::Summary& summary) {
  json.Int("count", static_cast<int64_t>(summary.count));
  json.Seconds("p50Seconds", summary.p50);
  json.Seconds("p90Seconds", summary.p90);
  json.Seconds("p99Seconds", summary.p99);
  json.Seconds("maxSeconds", summary.max);
}

void WriteStage(JsonWriter& json, const StageRow& row) {
  json.BeginObject();
  json.String("stage", StageName(row.stage));
  WriteSummary(json, row.all);
  json.BeginObject("lastMinute");
  WriteSummary(json, row.recent);
  json.EndObject();
  json.EndObject();
}

void WriteSeries(JsonWriter& json, const StageSeries& series) {
  json.BeginObject();
  json.String("resource", series.resource);
  json.String("stage", StageName(series.stage));
  json.BeginArray("counts");
  for (const StageSeries::Point& point : series.points) json.Int({}, point.count);
  json.EndArray();
  json.BeginArray("p50Seconds");
  for (const StageSeries::Point& point : series.points) {
    json.Seconds({}, absl::Seconds(point.p50));
  }
  json.EndArray();
  json.BeginArray("p99Seconds");
  for (const StageSeries::Point& point : series.points) {
    json.Seconds({}, absl::Seconds(point.p99));
  }
  json.EndArray();
  json.EndObject();
}

}  // namespace

std::string RenderLag(const std::vector<StageRow>& rows, const std::vector<StageSeries>& history) {
  JsonWriter json;
  json.BeginObject();
  json.BeginArray("resources");
  for (size_t i = 0; i < rows.size();) {
    const std::string& resource = rows[i].resource;
    json.BeginObject();
    json.String("resource", resource);
    json.BeginArray("stages");
    for (; i < rows.size() && rows[i].resource == resource; ++i) WriteStage(json, rows[i]);
    json.EndArray();
    json.EndObject();
  }
  json.EndArray();
  json.BeginObject("history");
  json.Double("intervalSeconds", absl::ToDoubleSeconds(LagHistory::kInterval));
  json.BeginArray("series");
  for (const StageSeries& series : history) WriteSeries(json, series);
  json.EndArray();
  json.EndObject();
  json.EndObject();
  return json.Take();
}

}  // namespace weir
