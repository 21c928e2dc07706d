// SPDX-License-Identifier: Apache-2.0
//
// Object::Parse: the first byte chooses the representation, the rest is the object. What is
// accepted survives a watch frame, a list and a change of version; JSON is read as simdjson reads
// it.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/kube/json_scanner.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/kube/object.h"
#include "proxy/kube/object_patch.h"
#include "proxy/kube/watch_decoder.h"

namespace {

using weir::Object;
using weir::ObjectPtr;
using weir::Representation;

void CheckScans(std::string_view text) {
  const weir::JsonContainerScan by_blocks = weir::JsonContainerScanByBlocks();
  if (by_blocks == nullptr || text.empty() || (text[0] != '{' && text[0] != '[')) return;
  weir::JsonContainerState a;
  weir::JsonContainerState b;
  const size_t end = weir::ScanJsonContainerBytewise(text, a);
  WEIR_CHECK(end == by_blocks(text, b) && a.bad == b.bad);
  // In two pieces.
  const size_t cut = text.size() / 3;
  weir::JsonContainerState c;
  size_t other = by_blocks(text.substr(0, cut), c);
  if (other == std::string_view::npos && !c.bad) {
    other = by_blocks(text.substr(cut), c);
    if (other != std::string_view::npos) other += cut;
  }
  WEIR_CHECK(other == end && c.bad == a.bad);
}

// What simdjson finds of the fields that Weir reads; nothing if there are two of one or one is of
// the wrong type.
struct Expected {
  std::optional<std::string_view> kind, api_version, name, namespace_name, uid, version;
  std::vector<std::pair<std::string_view, std::string_view>> labels;
};

bool TakeOnce(simdjson::dom::element value, std::optional<std::string_view>& field) {
  std::string_view text;
  if (field.has_value() || value.get(text) != simdjson::SUCCESS) return false;
  field = text;
  return true;
}

bool ExpectLabels(simdjson::dom::object labels, Expected& expected) {
  for (const auto [key, value] : labels) {
    std::string_view text;
    if (value.get(text) != simdjson::SUCCESS) return false;
    expected.labels.emplace_back(key, text);
  }
  return true;
}

// Whether `value` is an object or null, the first with its name. Null leaves `map` as it is.
bool TakeMap(simdjson::dom::element value, int& count, std::optional<simdjson::dom::object>& map) {
  simdjson::dom::object object;
  if (++count > 1) return false;
  if (value.is_null()) return true;
  if (value.get(object) != simdjson::SUCCESS) return false;
  map = object;
  return true;
}

bool ExpectMetadata(simdjson::dom::object metadata, Expected& expected) {
  int labels_count = 0;
  int annotations_count = 0;
  std::optional<simdjson::dom::object> labels;
  std::optional<simdjson::dom::object> annotations;
  for (const auto [key, value] : metadata) {
    bool good = true;
    if (key == "name") good = TakeOnce(value, expected.name);
    if (key == "namespace") good = TakeOnce(value, expected.namespace_name);
    if (key == "uid") good = TakeOnce(value, expected.uid);
    if (key == "resourceVersion") good = TakeOnce(value, expected.version);
    if (key == "annotations") good = TakeMap(value, annotations_count, annotations);
    if (key == "labels") good = TakeMap(value, labels_count, labels);
    if (!good) return false;
  }
  return !labels.has_value() || ExpectLabels(*labels, expected);
}

bool Expect(simdjson::dom::object root, Expected& expected) {
  int metadata_count = 0;
  std::optional<simdjson::dom::object> metadata;
  for (const auto [key, value] : root) {
    bool good = true;
    if (key == "kind") good = TakeOnce(value, expected.kind);
    if (key == "apiVersion") good = TakeOnce(value, expected.api_version);
    if (key == "metadata") good = TakeMap(value, metadata_count, metadata);
    if (!good) return false;
  }
  if (metadata.has_value() && !ExpectMetadata(*metadata, expected)) return false;
  const auto there = [](const std::optional<std::string_view>& field) {
    return field.has_value() && !field->empty();
  };
  return there(expected.kind) && there(expected.api_version) && there(expected.name) &&
         there(expected.uid) && there(expected.version) &&
         weir::ResourceVersion::Parse(*expected.version).ok();
}

bool IsCompact(std::string_view text) {
  for (const char c : text) {
    if (static_cast<uint8_t>(c) < 0x20) return false;
  }
  return text.front() == '{' && text.back() == '}';
}

void CheckAgainstSimdjson(std::string_view text, const Object* object) {
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  if (parser.parse(text.data(), text.size()).get(root) != simdjson::SUCCESS) return;
  Expected expected;
  const bool good = Expect(root, expected) && IsCompact(text);
  if (object == nullptr) {
    // Weir refuses a version that is written with escapes.
    const bool plain = good && text.find(*expected.version) != std::string_view::npos;
    WEIR_CHECK(!plain);
    return;
  }
  WEIR_CHECK(good);
  WEIR_CHECK(object->kind() == *expected.kind && object->api_version() == *expected.api_version);
  WEIR_CHECK(object->name() == *expected.name && object->uid() == *expected.uid);
  WEIR_CHECK(object->namespace_name() == expected.namespace_name.value_or(""));
  WEIR_CHECK(object->version().ToString() == *expected.version);
  for (size_t i = 0; i < expected.labels.size(); ++i) {
    const auto& [key, value] = expected.labels[i];
    bool last = true;
    for (size_t j = i + 1; j < expected.labels.size(); ++j) {
      last = last && expected.labels[j].first != key;
    }
    if (last) WEIR_CHECK(object->Label(key) == value);
  }
}

void CheckWatch(const Object& object) {
  const std::string frame =
      weir::StrCat(weir::WatchFramePrefix(weir::WatchEventType::kModified, object), object.raw(),
                   weir::WatchFrameSuffix(object.representation()));
  std::vector<weir::WatchEvent> events;
  weir::WatchDecoder decoder(object.representation());
  WEIR_CHECK(decoder.Decode(frame, events).ok());
  WEIR_CHECK(events.size() == 1 && events[0].object->raw() == object.raw());
}

void CheckList(const Object& object) {
  // The item comes back the same only if its type is what the list's encoder would write.
  for (const char c : weir::StrCat(object.kind(), object.api_version())) {
    if (c < '-' || c > 'z' || c == '<' || c == '>' || c == '\\') return;
  }
  const weir::ListEnvelope envelope = {.api_version = std::string(object.api_version()),
                                       .list_kind = weir::StrCat(object.kind(), "List")};
  const Representation representation = object.representation();
  const weir::ResourceVersion version(9);
  const std::string body =
      weir::StrCat(weir::ListHead(representation, envelope, version, ListItemSize(object)),
                   weir::ListItemPrefix(object, true), object.list_item_tail(),
                   weir::ListTail(representation, envelope, version, false));
  weir::ListDecoder decoder(representation);
  std::vector<ObjectPtr> items;
  WEIR_CHECK(decoder.Decode(body, items).ok() && decoder.Finish().ok());
  WEIR_CHECK(items.size() == 1 && decoder.version() == version);
  if (representation == Representation::kJson) {
    WEIR_CHECK(items[0]->raw() == object.raw());
  } else {
    WEIR_CHECK(items[0]->list_item_tail() == object.list_item_tail());
  }
}

void CheckNewVersion(const Object& object) {
  const weir::ResourceVersion version(1234567);
  const ObjectPtr changed = weir::WithResourceVersion(object, version);
  WEIR_CHECK(changed->version() == version && changed->key() == object.key());
  WEIR_CHECK(changed->uid() == object.uid() && changed->kind() == object.kind());
  const ObjectPtr back = weir::WithResourceVersion(*changed, object.version());
  WEIR_CHECK(back->version() == object.version());
  // Lengths that were written in more bytes than they need are not, when written again.
  if (object.representation() == Representation::kJson) WEIR_CHECK(back->raw() == object.raw());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto representation = data[0] % 2 == 0 ? Representation::kProtobuf : Representation::kJson;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  CheckScans(text);
  const auto object = Object::Parse(representation, std::string(text));
  if (representation == Representation::kJson) {
    CheckAgainstSimdjson(text, object.ok() ? object->get() : nullptr);
  }
  if (!object.ok()) return 0;
  WEIR_CHECK((*object)->raw() == text && !(*object)->name().empty());
  (*object)->Label("app");
  CheckWatch(**object);
  CheckList(**object);
  CheckNewVersion(**object);
  return 0;
}
