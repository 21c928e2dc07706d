// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/admin_handler.h"
#include "proxy/admin/json_writer.h"

namespace weir {
namespace {

std::string_view AsksName(SeenEvent::Asks asks) {
  switch (asks) {
    case SeenEvent::Asks::kCreated:
      return "created";
    case SeenEvent::Asks::kChanged:
      return "changed";
    case SeenEvent::Asks::kDeleting:
      return "deleting";
    case SeenEvent::Asks::kNothing:
      break;
  }
  return "nothing";
}

}  // namespace

std::string RenderStuck(const std::vector<StuckObject>& rows, absl::Duration threshold) {
  JsonWriter json;
  json.BeginObject();
  json.Double("thresholdSeconds", absl::ToDoubleSeconds(threshold));
  json.BeginArray("objects");
  for (const StuckObject& row : rows) {
    json.BeginObject();
    json.String("resource", row.resource);
    json.String("namespace", row.namespace_name);
    json.String("name", row.name);
    json.String("uid", row.uid);
    json.String("resourceVersion", row.version.ToString());
    json.String("asks", AsksName(row.asks));
    json.Double("ageSeconds", absl::ToDoubleSeconds(row.age));
    json.Bool("acts", row.acts);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

std::string RenderBusy(const std::vector<BusyObject>& rows) {
  JsonWriter json;
  json.BeginObject();
  json.BeginArray("objects");
  for (const BusyObject& row : rows) {
    json.BeginObject();
    json.String("resource", row.resource);
    json.String("namespace", row.namespace_name);
    json.String("name", row.name);
    json.Double("writesPerSecond", row.writes_per_second);
    json.Double("ownEventsPerSecond", row.own_events_per_second);
    json.Int("noOpWrites", static_cast<int64_t>(row.no_op_writes));
    json.Int("conflicts", static_cast<int64_t>(row.conflicts));
    json.Bool("loop", row.loop);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

}  // namespace weir
