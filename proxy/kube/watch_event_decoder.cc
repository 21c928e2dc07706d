// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/watch_event_decoder.h"

#include <optional>
#include <string>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/json_cursor.h"
#include "proxy/kube/object_parser.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

// An event taken apart; views into its bytes.
struct RawEvent {
  std::string_view type;
  std::string_view object;
  ObjectFields fields;  // Of `object`.
};

std::optional<WatchEventType> TypeOf(std::string_view name) {
  for (const WatchEventType type :
       {WatchEventType::kAdded, WatchEventType::kModified, WatchEventType::kDeleted,
        WatchEventType::kBookmark, WatchEventType::kError}) {
    if (WatchEventTypeName(type) == name) return type;
  }
  return std::nullopt;
}

bool JsonHasInitialEventsEnd(std::string_view annotations) {
  bool found = false;
  std::string storage;
  JsonCursor cursor(annotations);
  FieldSpan key;
  FieldSpan value;
  for (cursor.EnterObject(); cursor.NextKey(key);) {
    const bool wanted = JsonFieldText(key, annotations, storage) == kInitialEventsEndAnnotation;
    if (!cursor.SkipValue(value)) return false;
    if (wanted) found = value.In(annotations) == "\"true\"";
  }
  return found;
}

bool ProtobufHasInitialEventsEnd(std::string_view metadata_fields) {
  constexpr uint32_t kAnnotations = 12;
  bool found = false;
  for (ProtobufReader reader(metadata_fields); reader.Next();) {
    if (reader.field() != kAnnotations) continue;
    std::string_view key;
    std::string_view value;
    for (ProtobufReader entry(reader.bytes()); entry.Next();) {
      if (entry.field() == 1) key = entry.bytes();
      if (entry.field() == 2) value = entry.bytes();
    }
    if (key == kInitialEventsEndAnnotation) found = value == "true";
  }
  return found;
}

absl::Status FillBookmark(Representation representation, const RawEvent& raw, WatchEvent& event) {
  const auto version = ResourceVersion::Parse(raw.fields.version.In(raw.object));
  if (!version.ok()) return version.status();
  event.version = *version;
  const std::string_view annotations = raw.fields.annotations.In(raw.object);
  if (representation == Representation::kProtobuf) {
    event.kind = raw.fields.kind.In(raw.object);
    event.api_version = raw.fields.api_version.In(raw.object);
    event.initial_events_end = ProtobufHasInitialEventsEnd(annotations);
    return absl::OkStatus();
  }
  std::string storage;
  event.kind = JsonFieldText(raw.fields.kind, raw.object, storage);
  event.api_version = JsonFieldText(raw.fields.api_version, raw.object, storage);
  event.initial_events_end = JsonHasInitialEventsEnd(annotations);
  return absl::OkStatus();
}

absl::Status FillObject(Representation representation, const RawEvent& raw, WatchEvent& event) {
  WEIR_ASSIGN_OR_RETURN(event.object,
                        ObjectParser::Make(representation, std::string(raw.object), raw.fields));
  event.version = event.object->version();
  return absl::OkStatus();
}

absl::StatusOr<WatchEvent> MakeEvent(Representation representation, const RawEvent& raw) {
  const std::optional<WatchEventType> type = TypeOf(raw.type);
  if (!type.has_value()) {
    return InvalidArgumentError(StrCat("a watch event of unknown type ", Quoted(raw.type, 32)));
  }
  WatchEvent event;
  event.type = *type;
  absl::Status filled;
  switch (event.type) {
    case WatchEventType::kError:
      event.error = ApiStatus::Decode(representation, raw.object);
      break;
    case WatchEventType::kBookmark:
      filled = FillBookmark(representation, raw, event);
      break;
    default:
      filled = FillObject(representation, raw, event);
  }
  if (!filled.ok()) return Annotate(filled, StrCat("watch event ", raw.type));
  return event;
}

absl::StatusOr<WatchEvent> DecodeJsonEvent(std::string_view line) {
  JsonCursor cursor(line);
  RawEvent raw;
  FieldSpan key;
  FieldSpan value;
  bool type_found = false;
  for (cursor.EnterObject(); cursor.NextKey(key);) {
    const std::string_view name = key.In(line);
    if (name == "type" && !type_found) {
      type_found = cursor.ReadString(value);
      raw.type = value.In(line);
    } else if (name == "object" && raw.object.empty() && cursor.Peek() == '{') {
      const std::string_view rest = line.substr(cursor.pos());
      const auto size = ReadJsonObject(rest, raw.fields);
      if (!size.ok()) return Annotate(size.status(), "object of a watch event");
      raw.object = rest.substr(0, *size);
      cursor.ContinueAt(cursor.pos() + *size);
    } else if (name == "type" || name == "object") {
      return InvalidArgumentError(StrCat("a watch event with a bad or second ", name));
    } else {
      cursor.SkipValue(value);
    }
  }
  if (!cursor.ok()) return Annotate(cursor.status(), "a watch event");
  if (!Trim(line.substr(cursor.pos())).empty()) {
    return InvalidArgumentError("a watch event with more on its line");
  }
  if (!type_found || raw.object.empty()) {
    return InvalidArgumentError("a watch event without type or object");
  }
  return MakeEvent(Representation::kJson, raw);
}

absl::StatusOr<WatchEvent> DecodeProtobufEvent(std::string_view message) {
  constexpr uint32_t kType = 1;
  constexpr uint32_t kObject = 2;
  constexpr uint32_t kRaw = 1;
  RawEvent raw;
  ProtobufReader reader(message);
  while (reader.Next()) {
    if (reader.field() == kType && reader.is_bytes()) raw.type = reader.bytes();
    if (reader.field() != kObject) continue;
    if (!reader.is_bytes() || !raw.object.empty()) {
      return InvalidArgumentError("a watch event with a bad or second object");
    }
    ProtobufReader extension(reader.bytes());
    while (extension.Next()) {
      if (extension.field() == kRaw && extension.is_bytes()) raw.object = extension.bytes();
    }
    if (!extension.ok()) return InvalidArgumentError("a watch event with a malformed object");
  }
  if (!reader.ok()) return InvalidArgumentError("a malformed protobuf watch event");
  if (raw.type.empty() || raw.object.empty()) {
    return InvalidArgumentError("a watch event without type or object");
  }
  if (TypeOf(raw.type) != WatchEventType::kError) {
    const absl::Status read = ReadProtobufObject(raw.object, raw.fields);
    if (!read.ok()) return Annotate(read, "object of a watch event");
  }
  return MakeEvent(Representation::kProtobuf, raw);
}

}  // namespace

absl::StatusOr<WatchEvent> DecodeWatchEvent(Representation representation, std::string_view event) {
  return representation == Representation::kProtobuf ? DecodeProtobufEvent(event)
                                                     : DecodeJsonEvent(event);
}

}  // namespace weir
