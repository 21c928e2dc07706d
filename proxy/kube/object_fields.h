// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir {

// One field of an object: where its value lies in the object's bytes.
struct FieldSpan {
  uint32_t offset = 0;
  uint32_t size = 0;
  bool found = false;
  bool escaped = false;  // JSON: holds a backslash, so the value is UnescapeJson of these bytes.

  std::string_view In(std::string_view bytes) const { return {bytes.data() + offset, size}; }
};

// The few fields of an object that Weir reads. JSON strings are without their quotes.
struct ObjectFields {
  FieldSpan kind, api_version;
  FieldSpan name, namespace_name, uid, version;
  // JSON: the objects, braces included, empty when null. Protobuf: from the first entry to the
  // last, tags included; other fields may lie between.
  FieldSpan labels, annotations;
  FieldSpan message;  // Protobuf: Unknown.raw, the object without its envelope.
};

// Both refuse what is not an object as far as they read: brackets that do not match up in number,
// a field of the wrong type, or one that stands there twice. Fields that are missing are not their
// concern. Bytes of more than 2 GiB are refused.

// Reads the JSON object that `text` begins with; returns the position after it.
absl::StatusOr<size_t> ReadJsonObject(std::string_view text, ObjectFields& fields);
// Reads an object in its envelope: "k8s\0" and a runtime.Unknown.
absl::Status ReadProtobufObject(std::string_view bytes, ObjectFields& fields);

}  // namespace weir
