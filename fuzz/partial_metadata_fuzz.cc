// SPDX-License-Identifier: Apache-2.0
//
// ToPartialMetadata, ReadMetaFacts and FieldMatcher: the first byte chooses the representation, the
// rest is an object. What is derived says what the object's metadata says, and every known field
// has the value that another reader finds.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <simdjson.h>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/kube/field_matcher.h"
#include "proxy/kube/meta_facts.h"
#include "proxy/kube/partial_metadata.h"
#include "proxy/kube/protobuf_reader.h"
#include "proxy/kube/selectable_fields.h"

namespace {

using simdjson::dom::element;
using weir::Object;
using weir::ObjectPtr;
using weir::Representation;
using weir::SelectableField;

bool IsEmpty(element value) {
  simdjson::dom::object object;
  simdjson::dom::array array;
  std::string_view text;
  int64_t number = 0;
  if (value.get(object) == simdjson::SUCCESS) return object.size() == 0;
  if (value.get(array) == simdjson::SUCCESS) return array.size() == 0;
  if (value.get(text) == simdjson::SUCCESS) return text.empty();
  return value.get(number) == simdjson::SUCCESS && number == 0;
}

// Members of `a` that are empty may be missing in `b`, in whatever order the others are.
bool SaysTheSame(element a, element b) {
  if (simdjson::minify(a) == simdjson::minify(b)) return true;
  simdjson::dom::object a_object;
  simdjson::dom::object b_object;
  if (a.get(a_object) == simdjson::SUCCESS && b.get(b_object) == simdjson::SUCCESS) {
    for (const auto [key, value] : a_object) {
      element other;
      const bool found = b_object.at_key(key).get(other) == simdjson::SUCCESS;
      if (found ? !SaysTheSame(value, other) : !IsEmpty(value)) return false;
    }
    for (const auto [key, value] : b_object) {
      if (a_object.at_key(key).error() != simdjson::SUCCESS) return false;
    }
    return true;
  }
  simdjson::dom::array a_array;
  simdjson::dom::array b_array;
  if (a.get(a_array) == simdjson::SUCCESS && b.get(b_array) == simdjson::SUCCESS) {
    if (a_array.size() != b_array.size()) return false;
    size_t i = 0;
    for (const element value : a_array) {
      if (!SaysTheSame(value, b_array.at(i++).value_unsafe())) return false;
    }
    return true;
  }
  return false;
}

void CheckMetadata(std::string_view whole, std::string_view derived) {
  simdjson::dom::parser whole_parser;
  simdjson::dom::parser derived_parser;
  element whole_root;
  element derived_root;
  if (whole_parser.parse(whole.data(), whole.size()).get(whole_root) != simdjson::SUCCESS) return;
  WEIR_CHECK(derived_parser.parse(derived.data(), derived.size()).get(derived_root) ==
             simdjson::SUCCESS);
  element a;
  element b;
  WEIR_CHECK(whole_root["metadata"].get(a) == simdjson::SUCCESS);
  WEIR_CHECK(derived_root["metadata"].get(b) == simdjson::SUCCESS);
  WEIR_CHECK(SaysTheSame(a, b));
}

void CheckPartialMetadata(const Object& object) {
  const ObjectPtr derived = weir::ToPartialMetadata(object);
  if (derived == nullptr) return;
  WEIR_CHECK(derived->representation() == object.representation());
  WEIR_CHECK(derived->kind() == weir::kPartialMetadataKind);
  WEIR_CHECK(derived->api_version() == weir::kPartialMetadataApiVersion);
  WEIR_CHECK(derived->key() == object.key() && derived->uid() == object.uid());
  WEIR_CHECK(derived->version() == object.version());
  for (const char* key : {"app", "tier", ""}) WEIR_CHECK(derived->Label(key) == object.Label(key));
  // It is the item of a list too, and has no other metadata than its own.
  WEIR_CHECK(!derived->list_item_needs_brace());
  const ObjectPtr again = weir::ToPartialMetadata(*derived);
  WEIR_CHECK(again != nullptr && again->raw() == derived->raw());
  if (object.representation() == Representation::kJson) {
    CheckMetadata(object.raw(), derived->raw());
  }
}

void CheckFacts(const Object& object) {
  const weir::MetaFacts facts = weir::ReadMetaFacts(object);
  WEIR_CHECK(facts.owners.size() <= weir::MetaFacts::kMaxOwners);
  if (object.representation() != Representation::kJson) return;
  simdjson::dom::parser parser;
  element root;
  int64_t generation = 0;
  if (parser.parse(object.raw().data(), object.raw().size()).get(root) != simdjson::SUCCESS) return;
  if (root["metadata"]["generation"].get(generation) != simdjson::SUCCESS) return;
  WEIR_CHECK(facts.generation.has_value());
}

// What the field is compared with, read by simdjson; nothing where it is of another type.
std::optional<std::string> Expected(simdjson::dom::object root, const SelectableField& field) {
  const auto absent = [&]() -> std::string {
    return field.type == SelectableField::Type::kText      ? ""
           : field.type == SelectableField::Type::kBoolean ? "false"
                                                           : "0";
  };
  element value;
  if (root.at_key(field.json[0]).get(value) != simdjson::SUCCESS) return absent();
  if (!field.json[1].empty()) {
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return absent();
    if (object.at_key(field.json[1]).get(value) != simdjson::SUCCESS) return absent();
  }
  if (value.is_null()) return absent();
  std::string_view text;
  switch (field.type) {
    case SelectableField::Type::kText:
      return value.get(text) == simdjson::SUCCESS ? std::optional(std::string(text)) : std::nullopt;
    case SelectableField::Type::kBoolean:
      return value.is_bool() ? std::optional(simdjson::minify(value)) : std::nullopt;
    case SelectableField::Type::kInteger:
      break;
  }
  // "-0" and the like have more than one form.
  int64_t number = 0;
  return value.get(number) == simdjson::SUCCESS && number > 0 ? std::optional(weir::StrCat(number))
                                                              : std::nullopt;
}

bool Matches(const weir::GroupVersionResource& resource, std::string_view field,
             std::string_view value, bool negated, const Object& object) {
  weir::FieldSelector selector;
  selector.terms.push_back(
      {.field = std::string(field), .value = std::string(value), .negated = negated});
  const auto matcher = weir::FieldMatcher::For(resource, selector, false);
  WEIR_CHECK(matcher.has_value());
  return matcher->Matches(object);
}

void CheckField(const weir::GroupVersionResource& resource, std::string_view name,
                const Object& object, const simdjson::dom::object* root) {
  for (const char* value : {"", "false", "true", "0", "3", "n1", "Running"}) {
    WEIR_CHECK(Matches(resource, name, value, false, object) !=
               Matches(resource, name, value, true, object));
  }
  if (root == nullptr) return;
  const auto expected = Expected(*root, *weir::FindSelectableField(resource, name));
  if (expected.has_value()) WEIR_CHECK(Matches(resource, name, *expected, false, object));
}

void CheckFields(const Object& object) {
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  const bool read =
      object.representation() == Representation::kJson &&
      parser.parse(object.raw().data(), object.raw().size()).get(root) == simdjson::SUCCESS;
  const auto check = [&](const weir::GroupVersionResource& resource, std::string_view name) {
    CheckField(resource, name, object, read ? &root : nullptr);
  };
  check({"", "v1", "pods"}, "spec.nodeName");
  check({"", "v1", "pods"}, "spec.hostNetwork");
  check({"", "v1", "pods"}, "status.phase");
  check({"", "v1", "secrets"}, "type");
  check({"", "v1", "nodes"}, "spec.unschedulable");
  check({"batch", "v1", "jobs"}, "status.successful");
  WEIR_CHECK(Matches({"", "v1", "pods"}, "metadata.name", object.name(), false, object));
  WEIR_CHECK(
      Matches({"", "v1", "pods"}, "metadata.namespace", object.namespace_name(), false, object));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto representation = data[0] % 2 == 0 ? Representation::kProtobuf : Representation::kJson;
  const auto object =
      Object::Parse(representation, std::string(reinterpret_cast<const char*>(data) + 1, size - 1));
  if (!object.ok()) return 0;
  CheckPartialMetadata(**object);
  CheckFacts(**object);
  CheckFields(**object);
  return 0;
}
