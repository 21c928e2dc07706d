// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_store_encoding.h"

#include "proxy/base/strings.h"
#include "tests/support/fake_store_protobuf.h"

namespace weir {
namespace {

std::string Number(uint64_t n) { return StrCat(n); }

std::string JsonStatus(const FakeStatus& status) {
  std::string metadata = "{}";
  if (!status.continue_token.empty()) {
    metadata = StrCat(R"({"continue":)", JsonString(status.continue_token), "}");
  }
  std::string details;
  const auto add = [&details](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    StrAppend(details, details.empty() ? "" : ",", JsonString(key), ":", value);
  };
  const auto quoted = [](const std::string& text) { return text.empty() ? "" : JsonString(text); };
  add("name", quoted(status.name));
  add("group", quoted(status.group));
  add("kind", quoted(status.kind));
  if (!status.cause_reason.empty()) {
    std::string cause = StrCat(R"({"reason":)", JsonString(status.cause_reason), R"(,"message":)",
                               JsonString(status.cause_message));
    if (!status.cause_field.empty()) {
      StrAppend(cause, R"(,"field":)", JsonString(status.cause_field));
    }
    add("causes", StrCat("[", cause, "}]"));
  }
  if (status.retry_after_seconds > 0) {
    add("retryAfterSeconds", Number(static_cast<uint64_t>(status.retry_after_seconds)));
  }
  std::string out = StrCat(R"({"kind":"Status","apiVersion":"v1","metadata":)", metadata,
                           R"(,"status":"Failure","message":)", JsonString(status.message));
  if (!status.reason.empty()) StrAppend(out, R"(,"reason":)", JsonString(status.reason));
  if (!details.empty()) StrAppend(out, R"(,"details":{)", details, "}");
  StrAppend(out, R"(,"code":)", status.code, "}");
  return out;
}

std::string PartialMetadata(const FakeObject& object) {
  return StrCat(R"({"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":)",
                object.metadata_json, "}");
}

std::string TableOf(const std::vector<FakeObjectPtr>& items, uint64_t version) {
  std::string out = StrCat(R"({"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":)",
                           R"({"resourceVersion":")", version, R"("},"columnDefinitions":)",
                           R"([{"name":"Name","type":"string","format":"name","description":"",)",
                           R"("priority":0}],"rows":[)");
  for (const FakeObjectPtr& item : items) {
    StrAppend(out, item == items.front() ? "" : ",", R"({"cells":[)", JsonString(item->name),
              R"(],"object":)", PartialMetadata(*item), "}");
  }
  return out + "]}";
}

std::string JsonList(const FakeList& list) {
  std::string items;
  for (const FakeObjectPtr& item : list.items) {
    StrAppend(items, items.empty() ? "" : ",", item->json_item);
  }
  const std::string version = StrCat(R"("resourceVersion":")", list.version, "\"");
  std::string page;
  if (!list.continue_token.empty()) {
    page = StrCat(R"("continue":)", JsonString(list.continue_token), R"(,"remainingItemCount":)",
                  list.remaining);
  }
  const FakeKind& kind = *list.kind;
  if (kind.custom) {
    // Sorted keys: apiVersion, items, kind, metadata{continue, remainingItemCount, ...}.
    return StrCat(R"({"apiVersion":")", kind.api_version(), R"(","items":[)", items,
                  R"(],"kind":")", kind.kind, R"(List","metadata":{)",
                  page.empty() ? R"("continue":"")" : page, ",", version, "}}");
  }
  return StrCat(R"({"kind":")", kind.kind, R"(List","apiVersion":")", kind.api_version(),
                R"(","metadata":{)", version, page.empty() ? "" : ",", page, R"(},"items":[)",
                items, "]}");
}

std::string MetadataList(const FakeList& list) {
  std::string items;
  for (const FakeObjectPtr& item : list.items) {
    StrAppend(items, items.empty() ? "" : ",", PartialMetadata(*item));
  }
  return StrCat(R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",)",
                R"("metadata":{"resourceVersion":")", list.version, R"("},"items":)",
                items.empty() ? "null" : StrCat("[", items, "]"), "}");
}

// An object as the "object" of a watch event.
std::string WatchObject(FakeFormat format, const FakeObject& object) {
  switch (format) {
    case FakeFormat::kJson:
      return object.json;
    case FakeFormat::kProtobuf:
      return ProtobufEnvelope(object.kind->api_version(), object.kind->kind, object.protobuf);
    case FakeFormat::kMetadata:
      return PartialMetadata(object);
    case FakeFormat::kProtobufMetadata:
      return ProtobufEnvelope("meta.k8s.io/v1", "PartialObjectMetadata", ProtobufMetadata(object));
    case FakeFormat::kTable:
      break;
  }
  return TableOf({FakeObjectPtr(FakeObjectPtr(), &object)}, object.version);
}

std::string Frame(FakeFormat format, WatchEventType type, std::string_view object) {
  const std::string_view name = WatchEventTypeName(type);
  if (IsProtobuf(format)) return ProtobufFrame(name, object);
  return StrCat(R"({"type":")", name, R"(","object":)", object, "}\n");
}

}  // namespace

std::string EncodeObject(FakeFormat format, const FakeObject& object) {
  std::string body = WatchObject(format, object);
  if (!IsProtobuf(format)) body += '\n';
  return body;
}

std::string EncodeList(FakeFormat format, const FakeList& list) {
  switch (format) {
    case FakeFormat::kJson:
      return JsonList(list) + "\n";
    case FakeFormat::kMetadata:
      return MetadataList(list) + "\n";
    case FakeFormat::kTable:
      return TableOf(list.items, list.version) + "\n";
    case FakeFormat::kProtobuf:
    case FakeFormat::kProtobufMetadata:
      break;
  }
  return ProtobufListBody(list, format == FakeFormat::kProtobufMetadata);
}

std::string EncodeStatus(FakeFormat format, const FakeStatus& status) {
  return IsProtobuf(format) ? ProtobufStatus(status) : JsonStatus(status) + "\n";
}

std::string EncodeEvent(FakeFormat format, WatchEventType type, const FakeObject& object) {
  return Frame(format, type, WatchObject(format, object));
}

std::string EncodeBookmark(FakeFormat format, const FakeKind& kind, uint64_t version,
                           bool initial_events_end) {
  const std::string annotations =
      initial_events_end
          ? StrCat(R"("annotations":{")", kInitialEventsEndAnnotation, R"(":"true"})")
          : "";
  const std::string rv = StrCat(R"("resourceVersion":")", version, "\"");
  const std::string comma = annotations.empty() ? "" : ",";
  if (IsProtobuf(format)) {
    return Frame(format, WatchEventType::kBookmark,
                 ProtobufBookmark(kind, version, initial_events_end,
                                  format == FakeFormat::kProtobufMetadata));
  }
  if (kind.custom && format == FakeFormat::kJson) {
    return Frame(format, WatchEventType::kBookmark,
                 StrCat(R"({"apiVersion":")", kind.api_version(), R"(","kind":")", kind.kind,
                        R"(","metadata":{)", annotations, comma, rv, "}}"));
  }
  const bool metadata = format == FakeFormat::kMetadata;
  return Frame(format, WatchEventType::kBookmark,
               StrCat(R"({"kind":")", metadata ? "PartialObjectMetadata" : kind.kind,
                      R"(","apiVersion":")", metadata ? "meta.k8s.io/v1" : kind.api_version(),
                      R"(","metadata":{)", rv, comma, annotations, "}}"));
}

std::string EncodeErrorEvent(FakeFormat format, const FakeStatus& status) {
  return Frame(format, WatchEventType::kError,
               IsProtobuf(format) ? ProtobufStatus(status) : JsonStatus(status));
}

std::string_view ContentTypeOf(FakeFormat format) {
  return IsProtobuf(format) ? "application/vnd.kubernetes.protobuf" : "application/json";
}

}  // namespace weir
