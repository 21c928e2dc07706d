// SPDX-License-Identifier: Apache-2.0
//
// ReadJsonObject: looks at the keys of the object and of its metadata, skips everything else.
#include <limits>
#include <string>

#include "proxy/base/status.h"
#include "proxy/kube/json_cursor.h"
#include "proxy/kube/object_fields.h"

namespace weir {
namespace {

constexpr size_t kLargestObject = std::numeric_limits<int32_t>::max();

class JsonObjectReader {
 public:
  JsonObjectReader(std::string_view text, ObjectFields& fields)
      : text_(text), cursor_(text), fields_(fields) {}

  absl::StatusOr<size_t> Read();

 private:
  // The string field of the object itself, or of metadata, that has this name; or null.
  FieldSpan* FieldOfObject(std::string_view key);
  FieldSpan* FieldOfMetadata(std::string_view key);

  bool ReadMembers();
  bool ReadMetadata();
  bool ReadField(FieldSpan& field);
  bool ReadLabels();
  bool ReadAnnotations();

  std::string_view text_;
  JsonCursor cursor_;
  ObjectFields& fields_;
  bool metadata_found_ = false;
  std::string unescaped_key_;
};

FieldSpan* JsonObjectReader::FieldOfObject(std::string_view key) {
  if (key == "kind") return &fields_.kind;
  if (key == "apiVersion") return &fields_.api_version;
  return nullptr;
}

FieldSpan* JsonObjectReader::FieldOfMetadata(std::string_view key) {
  if (key == "name") return &fields_.name;
  if (key == "namespace") return &fields_.namespace_name;
  if (key == "uid") return &fields_.uid;
  if (key == "resourceVersion") return &fields_.version;
  return nullptr;
}

absl::StatusOr<size_t> JsonObjectReader::Read() {
  if (text_.size() > kLargestObject) return InvalidArgumentError("an object of more than 2 GiB");
  if (!ReadMembers()) return cursor_.status();
  return cursor_.pos();
}

bool JsonObjectReader::ReadMembers() {
  if (!cursor_.EnterObject()) return false;
  FieldSpan key;
  while (cursor_.NextKey(key)) {
    const std::string_view name = JsonFieldText(key, text_, unescaped_key_);
    FieldSpan skipped;
    if (FieldSpan* field = FieldOfObject(name); field != nullptr) {
      ReadField(*field);
    } else if (name == "metadata") {
      ReadMetadata();
    } else {
      cursor_.SkipValue(skipped);
    }
  }
  return cursor_.ok();
}

bool JsonObjectReader::ReadMetadata() {
  if (metadata_found_) return cursor_.Fail("a second metadata");
  metadata_found_ = true;
  if (cursor_.SkipNull()) return true;
  if (!cursor_.EnterObject()) return false;
  FieldSpan key;
  while (cursor_.NextKey(key)) {
    const std::string_view name = JsonFieldText(key, text_, unescaped_key_);
    FieldSpan skipped;
    if (FieldSpan* field = FieldOfMetadata(name); field != nullptr) {
      ReadField(*field);
    } else if (name == "labels") {
      ReadLabels();
    } else if (name == "annotations") {
      ReadAnnotations();
    } else {
      cursor_.SkipValue(skipped);
    }
  }
  return cursor_.ok();
}

bool JsonObjectReader::ReadField(FieldSpan& field) {
  // Readers differ in which of two they believe, so neither is believed.
  if (field.found) return cursor_.Fail("a second value of a field");
  return cursor_.ReadString(field);
}

bool JsonObjectReader::ReadLabels() {
  if (fields_.labels.found) return cursor_.Fail("a second value of labels");
  FieldSpan& labels = fields_.labels;
  labels.found = true;
  if (cursor_.SkipNull()) return true;
  cursor_.Peek();
  labels.offset = static_cast<uint32_t>(cursor_.pos());
  if (!cursor_.EnterObject()) return false;
  FieldSpan key;
  FieldSpan value;
  while (cursor_.NextKey(key)) {
    if (!cursor_.ReadString(value)) return false;
    labels.escaped = labels.escaped || key.escaped || value.escaped;
  }
  labels.size = static_cast<uint32_t>(cursor_.pos()) - labels.offset;
  return cursor_.ok();
}

bool JsonObjectReader::ReadAnnotations() {
  if (fields_.annotations.found) return cursor_.Fail("a second value of annotations");
  fields_.annotations.found = true;
  if (cursor_.SkipNull()) return true;
  if (cursor_.Peek() != '{') return cursor_.Fail("expected an object");
  return cursor_.SkipValue(fields_.annotations);
}

}  // namespace

absl::StatusOr<size_t> ReadJsonObject(std::string_view text, ObjectFields& fields) {
  return JsonObjectReader(text, fields).Read();
}

}  // namespace weir
