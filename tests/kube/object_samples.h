// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/strings.h"
#include "proxy/kube/object.h"
#include "proxy/kube/protobuf_reader.h"

// Objects as an API server writes them, for the tests of this folder.

namespace weir {

// Bytes from "6b 38 73"; white space is ignored.
inline std::string Hex(std::string_view text) {
  std::string out;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high >= 0) out.push_back(static_cast<char>(high * 16 + digit));
    high = high >= 0 ? -1 : digit;
  }
  return out;
}

inline constexpr std::string_view kConfigMapJson =
    R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"ns","uid":"u-1",)"
    R"("resourceVersion":"107","creationTimestamp":"2026-08-01T10:00:00Z",)"
    R"("labels":{"app":"web","tier":""}},"data":{"k":"v"}})";

inline constexpr std::string_view kWidgetJson =
    R"({"apiVersion":"example.com/v1","kind":"Widget","metadata":{"generation":1,)"
    R"("managedFields":[{"fieldsV1":{"f:spec":{"k:{\"name\":\"x\"}":{}}}}],"name":"w",)"
    R"("namespace":"ns","resourceVersion":"12","uid":"u-2"},"spec":{"metadata":{"name":"no"}}})";

// The worked bytes of ConfigMap ns/a, uid u-1, version 107 in its envelope.
inline std::string ConfigMapProtobuf() {
  return Hex(
      "6b 38 73 00 0a 0f 0a 02 76 31 12 09 43 6f 6e 66 69 67 4d 61 70 12 1b 0a 19 0a 01 61 12 00"
      "1a 02 6e 73 22 00 2a 03 75 2d 31 32 03 31 30 37 38 00 42 00 1a 00 22 00");
}

struct SampleFields {
  std::string name = "a", namespace_name = "ns", uid = "u-1", version = "107";
  std::vector<std::pair<std::string, std::string>> labels = {};
};

inline std::string SampleProtobufMessage(const SampleFields& fields, std::string_view body = "") {
  std::string metadata;
  AppendBytesField(metadata, 1, fields.name);
  AppendBytesField(metadata, 2, "");
  AppendBytesField(metadata, 3, fields.namespace_name);
  AppendBytesField(metadata, 5, fields.uid);
  AppendBytesField(metadata, 6, fields.version);
  AppendVarintField(metadata, 7, 300);
  for (const auto& [key, value] : fields.labels) {
    std::string entry;
    AppendBytesField(entry, 1, key);
    AppendBytesField(entry, 2, value);
    AppendBytesField(metadata, 11, entry);
  }
  std::string message;
  AppendBytesField(message, 1, metadata);
  if (!body.empty()) AppendBytesField(message, 2, body);
  return message;
}

inline std::string InEnvelope(std::string_view message, std::string_view kind = "ConfigMap") {
  std::string out = ProtobufEnvelopeHead("v1", kind);
  AppendBytesField(out, 2, message);
  out.append(kProtobufUnknownTail);
  return out;
}

// A built-in's JSON with this metadata, for instance `"name":"a"`.
inline std::string WithMetadata(std::string_view members) {
  return StrCat(R"({"kind":"Pod","apiVersion":"v1","metadata":{)", members, R"(},"spec":{}})");
}

inline ObjectPtr MustParse(Representation representation, std::string_view raw) {
  return Object::Parse(representation, std::string(raw)).value();
}

}  // namespace weir
