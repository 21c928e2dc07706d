// SPDX-License-Identifier: Apache-2.0
#include "absl/time/time.h"

#include "proxy/admin/admin_handler.h"
#include "proxy/admin/json_writer.h"

namespace weir {
namespace {

std::string_view RepresentationName(Representation representation) {
  return representation == Representation::kJson ? "json" : "protobuf";
}

}  // namespace

std::string RenderStreams(const std::vector<StreamRow>& rows) {
  JsonWriter json;
  json.BeginObject();
  json.BeginArray("streams");
  for (const StreamRow& row : rows) {
    json.BeginObject();
    json.Int("id", static_cast<int64_t>(row.id));
    const bool forwarded = row.reason != ForwardReason::kNone;
    json.String("served", forwarded ? "forwarded" : "cache");
    json.String("reason", ForwardReasonName(row.reason));
    json.String("client", row.client);
    json.String("userAgent", row.user_agent);
    json.String("resource", row.resource);
    json.String("namespace", row.namespace_name);
    json.String("labelSelector", row.label_selector);
    json.String("fieldSelector", row.field_selector);
    json.String("representation", forwarded ? "" : RepresentationName(row.representation));
    json.Double("ageSeconds", absl::ToDoubleSeconds(row.age));
    json.Int("eventsSent", static_cast<int64_t>(row.events_sent));
    json.Int("bytesSent", static_cast<int64_t>(row.bytes_sent));
    json.Int("bookmarksSent", static_cast<int64_t>(row.bookmarks_sent));
    json.Int("differencesSent", static_cast<int64_t>(row.differences_sent));
    json.String("sentResourceVersion", row.sent_version.ToString());
    json.Int("eventsBehind", static_cast<int64_t>(row.events_behind));
    json.Double("secondsBehind", absl::ToDoubleSeconds(row.seconds_behind));
    json.Int("queuedBytes", static_cast<int64_t>(row.queued_bytes));
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

std::string RenderCaches(const std::vector<CacheRow>& rows) {
  JsonWriter json;
  json.BeginObject();
  json.BeginArray("caches");
  for (const CacheRow& row : rows) {
    json.BeginObject();
    json.String("resource", row.key.resource.Name());
    json.String("version", row.key.resource.version);
    json.String("namespace", row.key.namespace_name);
    json.String("labelSelector", row.key.label_selector);
    json.String("fieldSelector", row.key.field_selector);
    json.String("representation", RepresentationName(row.key.representation));
    json.String("state", row.state);
    json.String("detail", row.detail);
    json.String("resourceVersion", row.version.ToString());
    json.Int("objects", static_cast<int64_t>(row.objects));
    json.Int("objectBytes", static_cast<int64_t>(row.object_bytes));
    json.Int("windowEvents", static_cast<int64_t>(row.window_events));
    json.Int("windowBytes", static_cast<int64_t>(row.window_bytes));
    json.Int("relists", static_cast<int64_t>(row.relists));
    json.Int("readers", static_cast<int64_t>(row.readers));
    json.Double("secondsSinceEvent", absl::ToDoubleSeconds(row.since_event));
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

std::string RenderClients(const std::vector<ClientRow>& rows) {
  JsonWriter json;
  json.BeginObject();
  json.BeginArray("clients");
  for (const ClientRow& row : MergeClients(rows)) {
    json.BeginObject();
    json.String("userAgent", row.user_agent);
    json.String("resource", row.resource);
    json.Int("lists", static_cast<int64_t>(row.lists));
    json.Int("watches", static_cast<int64_t>(row.watches));
    json.Int("watchesFromStart", static_cast<int64_t>(row.from_start));
    json.Int("forwarded", static_cast<int64_t>(row.forwarded));
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
  return json.Take();
}

}  // namespace weir
