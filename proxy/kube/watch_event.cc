// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/watch_event.h"

#include "proxy/base/strings.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

// The frame of a protobuf event up to the object's bytes: length, then a bare WatchEvent{type,
// object RawExtension{raw}}.
std::string ProtobufFramePrefix(std::string_view type, size_t object_size) {
  const size_t extension_size = BytesFieldSize(1, object_size);
  const size_t size = BytesFieldSize(1, type.size()) + BytesFieldSize(2, extension_size);
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<char>(size >> shift & 0xFF));
  AppendBytesField(out, 1, type);
  AppendBytesHeader(out, 2, extension_size);
  AppendBytesHeader(out, 1, object_size);
  return out;
}

std::string FramePrefix(Representation representation, std::string_view type, size_t object_size) {
  if (representation == Representation::kProtobuf) return ProtobufFramePrefix(type, object_size);
  return StrCat("{\"type\":\"", type, "\",\"object\":");
}

std::string Frame(Representation representation, WatchEventType type, std::string_view object) {
  std::string out = FramePrefix(representation, WatchEventTypeName(type), object.size());
  StrAppend(out, object, WatchFrameSuffix(representation));
  return out;
}

std::string JsonBookmark(std::string_view api_version, std::string_view kind,
                         std::string_view version, bool initial_events_end) {
  const std::string_view annotations =
      initial_events_end ? R"(,"annotations":{"k8s.io/initial-events-end":"true"})" : "";
  return StrCat(R"({"kind":)", JsonString(kind), R"(,"apiVersion":)", JsonString(api_version),
                R"(,"metadata":{"resourceVersion":")", version, "\"", annotations, "}}");
}

std::string ProtobufBookmark(std::string_view api_version, std::string_view kind,
                             std::string_view version, bool initial_events_end) {
  std::string metadata;
  AppendBytesField(metadata, 6, version);
  if (initial_events_end) {
    std::string entry;
    AppendBytesField(entry, 1, kInitialEventsEndAnnotation);
    AppendBytesField(entry, 2, "true");
    AppendBytesField(metadata, 12, entry);
  }
  std::string message;
  AppendBytesField(message, 1, metadata);
  std::string out = ProtobufEnvelopeHead(api_version, kind);
  AppendBytesField(out, 2, message);
  return out;
}

}  // namespace

std::string_view WatchEventTypeName(WatchEventType type) {
  switch (type) {
    case WatchEventType::kAdded:
      return "ADDED";
    case WatchEventType::kModified:
      return "MODIFIED";
    case WatchEventType::kDeleted:
      return "DELETED";
    case WatchEventType::kBookmark:
      return "BOOKMARK";
    case WatchEventType::kError:
      break;
  }
  return "ERROR";
}

std::string WatchFramePrefix(WatchEventType type, const Object& object) {
  return FramePrefix(object.representation(), WatchEventTypeName(type), object.raw().size());
}

std::string_view WatchFrameSuffix(Representation representation) {
  return representation == Representation::kProtobuf ? "" : "}\n";
}

std::string BookmarkFrame(Representation representation, std::string_view api_version,
                          std::string_view kind, ResourceVersion version, bool initial_events_end) {
  const std::string digits = version.ToString();
  return Frame(representation, WatchEventType::kBookmark,
               representation == Representation::kProtobuf
                   ? ProtobufBookmark(api_version, kind, digits, initial_events_end)
                   : JsonBookmark(api_version, kind, digits, initial_events_end));
}

std::string ErrorFrame(Representation representation, const ApiStatus& error) {
  const std::string body = error.Encode(representation);
  std::string_view object = body;
  if (representation == Representation::kJson) object.remove_suffix(1);  // The line end.
  return Frame(representation, WatchEventType::kError, object);
}

}  // namespace weir
