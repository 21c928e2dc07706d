// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/field_matcher.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/kube/json_cursor.h"
#include "proxy/kube/protobuf_reader.h"
#include "proxy/kube/selectable_fields.h"

namespace weir {
namespace {

using Type = SelectableField::Type;

std::string_view ValueOfAbsent(Type type) {
  switch (type) {
    case Type::kText:
      return "";
    case Type::kBoolean:
      return "false";
    case Type::kInteger:
      break;
  }
  return "0";
}

// Puts the cursor before the value of a member of the object that stands next; false if there is
// none.
bool FindMember(JsonCursor& cursor, std::string_view text, std::string_view name) {
  FieldSpan key;
  FieldSpan skipped;
  std::string storage;
  if (cursor.Peek() != '{' || !cursor.EnterObject()) return false;
  while (cursor.NextKey(key)) {
    if (JsonFieldText(key, text, storage) == name) return true;
    if (!cursor.SkipValue(skipped)) return false;
  }
  return false;
}

std::string_view JsonValue(std::string_view object, const SelectableField& field,
                           std::string& storage) {
  JsonCursor cursor(object);
  for (const std::string_view name : field.json) {
    if (!name.empty() && !FindMember(cursor, object, name)) return ValueOfAbsent(field.type);
  }
  FieldSpan value;
  if (cursor.SkipNull()) return ValueOfAbsent(field.type);
  if (field.type != Type::kText) return cursor.SkipValue(value) ? value.In(object) : "";
  if (!cursor.ReadString(value)) return "";
  return JsonFieldText(value, object, storage);
}

bool FindField(ProtobufReader& reader, uint32_t number) {
  while (reader.Next()) {
    if (reader.field() == number) return true;
  }
  return false;
}

std::string_view ProtobufValue(std::string_view message, const SelectableField& field,
                               std::string& storage) {
  ProtobufReader reader(message);
  if (!FindField(reader, field.protobuf[0])) return ValueOfAbsent(field.type);
  if (field.protobuf[1] != 0) {
    if (!reader.is_bytes()) return ValueOfAbsent(field.type);
    reader = ProtobufReader(reader.bytes());
    if (!FindField(reader, field.protobuf[1])) return ValueOfAbsent(field.type);
  }
  if (field.type == Type::kText) return reader.is_bytes() ? reader.bytes() : "";
  if (reader.type() != WireType::kVarint) return ValueOfAbsent(field.type);
  if (field.type == Type::kBoolean) return reader.varint() != 0 ? "true" : "false";
  storage = std::to_string(static_cast<int32_t>(reader.varint()));
  return storage;
}

std::string_view ValueOf(const Object& object, const SelectableField& field, std::string& storage) {
  return object.representation() == Representation::kProtobuf
             ? ProtobufValue(object.list_item_tail(), field, storage)
             : JsonValue(object.raw(), field, storage);
}

}  // namespace

std::optional<FieldMatcher> FieldMatcher::For(const GroupVersionResource& resource,
                                              const FieldSelector& selector, bool metadata_only) {
  FieldMatcher matcher;
  for (const FieldSelector::Term& term : selector.terms) {
    Term bound{
        .source = Source::kField, .field = nullptr, .value = term.value, .negated = term.negated};
    if (term.field == "metadata.name") {
      bound.source = Source::kName;
    } else if (term.field == "metadata.namespace") {
      if (!SelectsNamespaceOf(resource)) return std::nullopt;
      bound.source = Source::kNamespace;
    } else {
      bound.field = metadata_only ? nullptr : FindSelectableField(resource, term.field);
      if (bound.field == nullptr) return std::nullopt;
    }
    matcher.terms_.push_back(std::move(bound));
  }
  std::stable_partition(matcher.terms_.begin(), matcher.terms_.end(),
                        [](const Term& term) { return term.source != Source::kField; });
  return matcher;
}

bool FieldMatcher::Matches(const Object& object) const {
  return std::all_of(terms_.begin(), terms_.end(),
                     [&](const Term& term) { return Matches(term, object); });
}

bool FieldMatcher::Matches(const Term& term, const Object& object) {
  std::string storage;
  std::string_view actual;
  switch (term.source) {
    case Source::kName:
      actual = object.name();
      break;
    case Source::kNamespace:
      actual = object.namespace_name();
      break;
    case Source::kField:
      actual = ValueOf(object, *term.field, storage);
      break;
  }
  return (actual == term.value) != term.negated;
}

bool FieldMatcher::selects_namespace() const {
  return std::any_of(terms_.begin(), terms_.end(),
                     [](const Term& term) { return term.source == Source::kNamespace; });
}

}  // namespace weir
