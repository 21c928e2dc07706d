// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_store_encoding.h"

#include <nlohmann/json.hpp>

#include "proxy/base/strings.h"
#include "tests/support/fake_store_protobuf.h"

namespace weir {
namespace {

constexpr char kMetaV1[] = "meta.k8s.io/v1";

bool IsTransformed(FakeFormat format) {
  return format == FakeFormat::kMetadata || format == FakeFormat::kMetadataProtobuf ||
         format == FakeFormat::kTable;
}

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
  std::string causes;
  for (const FakeCause& cause : status.causes) {
    StrAppend(causes, causes.empty() ? "" : ",", R"({"reason":)", JsonString(cause.reason),
              R"(,"message":)", JsonString(cause.message));
    if (!cause.field.empty()) StrAppend(causes, R"(,"field":)", JsonString(cause.field));
    causes += '}';
  }
  add("causes", causes.empty() ? "" : StrCat("[", causes, "]"));
  if (status.retry_after_seconds > 0) {
    add("retryAfterSeconds", Number(static_cast<uint64_t>(status.retry_after_seconds)));
  }
  std::string out = StrCat(R"({"kind":"Status","apiVersion":"v1","metadata":)", metadata,
                           R"(,"status":"Failure","message":)", JsonString(status.message));
  if (!status.reason.empty()) StrAppend(out, R"(,"reason":)", JsonString(status.reason));
  if (!details.empty() || status.empty_details) StrAppend(out, R"(,"details":{)", details, "}");
  StrAppend(out, R"(,"code":)", status.code, "}");
  return EscapedAsGoDoes(out);
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

// `"continue":...` and what remains, after `before`; "" for the last page.
std::string PageJson(const FakeList& list, std::string_view before) {
  if (list.continue_token.empty()) return "";
  std::string page = StrCat(before, R"("continue":)", JsonString(list.continue_token));
  if (list.remaining > 0) StrAppend(page, R"(,"remainingItemCount":)", list.remaining);
  return page;
}

std::string JsonList(const FakeList& list) {
  std::string items;
  for (const FakeObjectPtr& item : list.items) {
    StrAppend(items, items.empty() ? "" : ",", item->json_item);
  }
  const std::string version = StrCat(R"("resourceVersion":")", list.version, "\"");
  const FakeKind& kind = *list.kind;
  if (kind.custom) {
    // Sorted keys: apiVersion, items, kind, metadata{continue, remainingItemCount, ...}.
    return StrCat(R"({"apiVersion":")", kind.api_version(), R"(","items":[)", items,
                  R"(],"kind":")", kind.kind, R"(List","metadata":{)",
                  list.continue_token.empty() ? R"("continue":"")" : PageJson(list, ""), ",",
                  version, "}}");
  }
  return StrCat(R"({"kind":")", kind.kind, R"(List","apiVersion":")", kind.api_version(),
                R"(","metadata":{)", version, PageJson(list, ","), R"(},"items":[)", items, "]}");
}

std::string MetadataList(const FakeList& list) {
  std::string items;
  for (const FakeObjectPtr& item : list.items) {
    StrAppend(items, items.empty() ? "" : ",", PartialMetadata(*item));
  }
  return StrCat(R"({"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/v1",)",
                R"("metadata":{"resourceVersion":")", list.version, "\"", PageJson(list, ","),
                R"(},"items":)", items.empty() ? "null" : StrCat("[", items, "]"), "}");
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
    case FakeFormat::kMetadataProtobuf:
      return ProtobufEnvelope(kMetaV1, "PartialObjectMetadata", ProtobufMetadata(object));
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

bool IsProtobuf(FakeFormat format) {
  return format == FakeFormat::kProtobuf || format == FakeFormat::kMetadataProtobuf;
}

std::string EscapedAsGoDoes(std::string_view json) {
  std::string out;
  for (size_t i = 0; i < json.size(); ++i) {
    const std::string_view three = json.substr(i, 3);
    if (json[i] == '<') {
      out += "\\u003c";
    } else if (json[i] == '>') {
      out += "\\u003e";
    } else if (json[i] == '&') {
      out += "\\u0026";
    } else if (three == "\u2028" || three == "\u2029") {
      out += three == "\u2028" ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      out += json[i];
    }
  }
  return out;
}

std::string IndentedJson(std::string_view json) {
  return EscapedAsGoDoes(nlohmann::ordered_json::parse(json).dump(2));
}

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
    case FakeFormat::kMetadataProtobuf:
      break;
  }
  return ProtobufListBody(list, format == FakeFormat::kMetadataProtobuf);
}

// Errors are not transformed: what was to be metadata or a table is answered as if nothing had
// been agreed upon.
std::string EncodeStatus(FakeFormat format, const FakeStatus& status) {
  if (status.unnegotiated || IsTransformed(format)) return IndentedJson(JsonStatus(status));
  return format == FakeFormat::kProtobuf ? ProtobufStatus(status) : JsonStatus(status) + "\n";
}

FakeFormat StatusFormat(FakeFormat format, const FakeStatus& status) {
  if (status.unnegotiated || IsTransformed(format)) return FakeFormat::kJson;
  return format;
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
    const bool whole = format == FakeFormat::kProtobuf;
    return Frame(
        format, WatchEventType::kBookmark,
        ProtobufBookmark(whole ? kind.api_version() : kMetaV1,
                         whole ? kind.kind : "PartialObjectMetadata", version, initial_events_end));
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
