// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/object.h"

#include <algorithm>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/json_cursor.h"
#include "proxy/kube/object_fields.h"
#include "proxy/kube/object_parser.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

std::strong_ordering Compare(std::string_view a, std::string_view b) { return a.compare(b) <=> 0; }

std::string JoinedKey(ObjectKeyView key) {
  return key.namespace_name.empty() ? std::string(key.name)
                                    : StrCat(key.namespace_name, "/", key.name);
}

std::optional<std::string_view> JsonLabel(std::string_view labels, std::string_view key) {
  std::optional<std::string_view> found;
  JsonCursor cursor(labels);
  FieldSpan name;
  FieldSpan value;
  // To the end, since of two the last one counts.
  for (cursor.EnterObject(); cursor.NextKey(name) && cursor.ReadString(value);) {
    if (name.In(labels) == key) found = value.In(labels);
  }
  return found;
}

std::optional<std::string_view> ProtobufLabel(std::string_view labels, std::string_view key) {
  constexpr uint32_t kLabels = 11;
  std::optional<std::string_view> found;
  for (ProtobufReader reader(labels); reader.Next();) {
    if (reader.field() != kLabels) continue;
    std::string_view name;
    std::string_view value;
    for (ProtobufReader entry(reader.bytes()); entry.Next();) {
      if (entry.field() == 1) name = entry.bytes();
      if (entry.field() == 2) value = entry.bytes();
    }
    if (name == key) found = value;
  }
  return found;
}

std::string WithJsonType(std::string_view item, std::string_view api_version,
                         std::string_view kind) {
  const std::string type =
      StrCat("\"kind\":", JsonString(kind), ",\"apiVersion\":", JsonString(api_version));
  const bool empty = item == "{}";
  return StrCat("{", type, empty ? "" : ",", item.substr(1));
}

std::string WithProtobufEnvelope(std::string_view item, std::string_view api_version,
                                 std::string_view kind) {
  const std::string head = ProtobufEnvelopeHead(api_version, kind);
  std::string out;
  out.reserve(head.size() + BytesFieldSize(2, item.size()) + kProtobufUnknownTail.size());
  out.append(head);
  AppendBytesField(out, 2, item);
  out.append(kProtobufUnknownTail);
  return out;
}

}  // namespace

std::strong_ordering operator<=>(ObjectKeyView a, ObjectKeyView b) {
  if (a.namespace_name == b.namespace_name) return Compare(a.name, b.name);
  const size_t common = std::min(a.namespace_name.size(), b.namespace_name.size());
  const auto order =
      Compare(a.namespace_name.substr(0, common), b.namespace_name.substr(0, common));
  if (order != 0) return order;
  // One namespace begins with the other: its "/" meets a letter of the longer one.
  const std::string_view longer =
      a.namespace_name.size() > common ? a.namespace_name : b.namespace_name;
  if (common > 0 && longer[common] != '/') {
    const auto slash_first = '/' <=> longer[common];
    return a.namespace_name.size() == common ? slash_first : 0 <=> slash_first;
  }
  const auto joined = Compare(JoinedKey(a), JoinedKey(b));
  return joined != 0 ? joined : Compare(a.namespace_name, b.namespace_name);
}

absl::StatusOr<ObjectPtr> Object::Parse(Representation representation, std::string raw) {
  ObjectFields fields;
  if (representation == Representation::kProtobuf) {
    WEIR_RETURN_IF_ERROR(ReadProtobufObject(raw, fields));
    return ObjectParser::Make(representation, std::move(raw), fields);
  }
  WEIR_ASSIGN_OR_RETURN(const size_t end, ReadJsonObject(raw, fields));
  if (raw.front() != '{' || end != raw.size()) {
    return InvalidArgumentError("there are bytes before or after the JSON object");
  }
  return ObjectParser::Make(representation, std::move(raw), fields);
}

absl::StatusOr<ObjectPtr> Object::ParseListItem(Representation representation,
                                                std::string_view item, std::string_view api_version,
                                                std::string_view kind) {
  if (representation == Representation::kProtobuf) {
    return Parse(representation, WithProtobufEnvelope(item, api_version, kind));
  }
  ObjectFields fields;
  WEIR_RETURN_IF_ERROR(ReadJsonObject(item, fields).status());
  if (fields.kind.found || fields.api_version.found || !item.starts_with('{')) {
    return Parse(representation, std::string(item));
  }
  return Parse(representation, WithJsonType(item, api_version, kind));
}

std::optional<std::string_view> Object::Label(std::string_view key) const {
  if (labels_.size == 0) return std::nullopt;
  if (representation_ == Representation::kProtobuf) return ProtobufLabel(At(labels_), key);
  if (unescaped_ == nullptr || unescaped_->labels.empty()) return JsonLabel(At(labels_), key);
  std::optional<std::string_view> found;
  for (const auto& [name, value] : unescaped_->labels) {
    if (name == key) found = value;
  }
  return found;
}

}  // namespace weir
