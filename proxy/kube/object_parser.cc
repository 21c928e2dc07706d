// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/object_parser.h"

#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/json_cursor.h"

namespace weir {
namespace {

absl::Status Missing(std::string_view field) {
  return InvalidArgumentError(StrCat("the object has no ", field));
}

absl::Status CheckComplete(const ObjectFields& fields) {
  if (fields.kind.size == 0) return Missing("kind");
  if (fields.api_version.size == 0) return Missing("apiVersion");
  if (fields.name.size == 0) return Missing("metadata.name");
  if (fields.uid.size == 0) return Missing("metadata.uid");
  if (fields.version.size == 0) return Missing("metadata.resourceVersion");
  return absl::OkStatus();
}

absl::Status Unescape(const FieldSpan& field, std::string_view raw, std::string& out) {
  if (!field.escaped || UnescapeJson(field.In(raw), out)) return absl::OkStatus();
  return InvalidArgumentError(StrCat("a bad escape in the string at byte ", field.offset));
}

absl::Status UnescapeLabels(const FieldSpan& labels, std::string_view raw,
                            std::vector<std::pair<std::string, std::string>>& out) {
  const std::string_view text = labels.In(raw);
  JsonCursor cursor(text);
  FieldSpan key;
  FieldSpan value;
  for (cursor.EnterObject(); cursor.NextKey(key) && cursor.ReadString(value);) {
    auto& [name, content] = out.emplace_back(key.In(text), value.In(text));
    WEIR_RETURN_IF_ERROR(Unescape(key, text, name));
    WEIR_RETURN_IF_ERROR(Unescape(value, text, content));
  }
  return cursor.status();
}

}  // namespace

struct ObjectParser::Constructible : Object {
  Constructible() = default;
};

absl::StatusOr<ObjectPtr> ObjectParser::Make(Representation representation, std::string raw,
                                             const ObjectFields& fields) {
  WEIR_RETURN_IF_ERROR(CheckComplete(fields));
  const auto version = ResourceVersion::Parse(fields.version.In(raw));
  if (!version.ok()) return Annotate(version.status(), "the object's metadata");

  const auto span = [](const FieldSpan& field) {
    return Object::Span{.offset = field.offset, .size = field.size};
  };
  const auto object = std::make_shared<Constructible>();
  // A copy of the exact size where there is slack: shrink_to_fit does nothing without exceptions.
  object->raw_ = raw.capacity() > raw.size() ? std::string(std::string_view(raw)) : std::move(raw);
  object->representation_ = representation;
  object->version_ = *version;
  object->name_ = span(fields.name);
  object->namespace_ = span(fields.namespace_name);
  object->uid_ = span(fields.uid);
  object->kind_ = span(fields.kind);
  object->api_version_ = span(fields.api_version);
  object->version_at_ = span(fields.version);
  object->labels_ = span(fields.labels);
  WEIR_RETURN_IF_ERROR(FillUnescaped(fields, *object));
  FindListItem(fields, *object);
  return object;
}

absl::Status ObjectParser::FillUnescaped(const ObjectFields& fields, Object& object) {
  const bool any = fields.name.escaped || fields.namespace_name.escaped || fields.uid.escaped ||
                   fields.kind.escaped || fields.api_version.escaped || fields.labels.escaped;
  if (!any) return absl::OkStatus();
  auto unescaped = std::make_unique<Object::Unescaped>();
  WEIR_RETURN_IF_ERROR(Unescape(fields.name, object.raw_, unescaped->name));
  WEIR_RETURN_IF_ERROR(Unescape(fields.namespace_name, object.raw_, unescaped->namespace_name));
  WEIR_RETURN_IF_ERROR(Unescape(fields.uid, object.raw_, unescaped->uid));
  WEIR_RETURN_IF_ERROR(Unescape(fields.kind, object.raw_, unescaped->kind));
  WEIR_RETURN_IF_ERROR(Unescape(fields.api_version, object.raw_, unescaped->api_version));
  if (fields.labels.escaped) {
    WEIR_RETURN_IF_ERROR(UnescapeLabels(fields.labels, object.raw_, unescaped->labels));
  }
  object.unescaped_ = std::move(unescaped);
  return absl::OkStatus();
}

// Lists of built-in kinds leave out what their watches put first, kind and apiVersion. Lists of
// PartialObjectMetadata keep them.
void ObjectParser::FindListItem(const ObjectFields& fields, Object& object) {
  if (object.representation_ == Representation::kProtobuf) {
    object.list_item_ = {.offset = fields.message.offset, .size = fields.message.size};
    return;
  }
  const std::string_view raw = object.raw_;
  object.list_item_ = {.offset = 0, .size = static_cast<uint32_t>(raw.size())};
  constexpr std::string_view kFirst = R"({"kind":")";
  constexpr std::string_view kBetween = R"(","apiVersion":")";
  constexpr std::string_view kAfter = R"(",)";
  const size_t kind_end = fields.kind.offset + fields.kind.size;
  const size_t type_end = fields.api_version.offset + fields.api_version.size;
  const bool type_first = fields.kind.offset == kFirst.size() && raw.starts_with(kFirst) &&
                          fields.api_version.offset == kind_end + kBetween.size() &&
                          raw.substr(kind_end).starts_with(kBetween) &&
                          raw.substr(type_end).starts_with(kAfter);
  // Escaped ones would come back unescaped.
  if (fields.kind.escaped || fields.api_version.escaped) return;
  if (!type_first || object.api_version().starts_with("meta.k8s.io/")) return;
  const size_t tail = type_end + kAfter.size();
  object.list_item_needs_brace_ = true;
  object.list_item_ = {.offset = static_cast<uint32_t>(tail),
                       .size = static_cast<uint32_t>(raw.size() - tail)};
}

}  // namespace weir
