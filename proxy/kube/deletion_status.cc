// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/deletion_status.h"

#include "proxy/kube/json_cursor.h"
#include "proxy/kube/object_fields.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

// What is read of a Status; all must be there.
struct Parts {
  std::string kind, status, uid;

  std::string Uid() const { return kind == "Status" && status == "Success" ? uid : ""; }
};

bool ReadText(JsonCursor& cursor, std::string_view text, std::string& out) {
  FieldSpan value;
  if (!cursor.ReadString(value)) return false;
  std::string storage;
  out = JsonFieldText(value, text, storage);
  return true;
}

bool ReadDetails(JsonCursor& cursor, std::string_view text, Parts& parts) {
  if (cursor.SkipNull()) return true;
  if (!cursor.EnterObject()) return false;
  FieldSpan key, skipped;
  while (cursor.NextKey(key)) {
    const bool read =
        key.In(text) == "uid" ? ReadText(cursor, text, parts.uid) : cursor.SkipValue(skipped);
    if (!read) return false;
  }
  return cursor.ok();
}

std::string JsonUid(std::string_view text) {
  JsonCursor cursor(text);
  Parts parts;
  FieldSpan key, skipped;
  if (!cursor.EnterObject()) return "";
  while (cursor.NextKey(key)) {
    const std::string_view name = key.In(text);
    if (name == "details") {
      ReadDetails(cursor, text, parts);
    } else if ((name == "kind" || name == "status") && cursor.Peek() == '"') {
      ReadText(cursor, text, name == "kind" ? parts.kind : parts.status);
    } else {
      cursor.SkipValue(skipped);
    }
  }
  return cursor.ok() ? parts.Uid() : "";
}

// The last value of a bytes field, as protobuf has it.
std::string_view Field(std::string_view message, uint32_t field) {
  std::string_view found;
  ProtobufReader reader(message);
  while (reader.Next()) {
    if (reader.field() == field && reader.is_bytes()) found = reader.bytes();
  }
  return reader.ok() ? found : std::string_view();
}

// Unknown{typeMeta=1{kind=2}, raw=2}, Status{status=2, details=5{uid=6}}.
std::string ProtobufUid(std::string_view body) {
  if (!body.starts_with(kProtobufMagic)) return "";
  const std::string_view unknown = body.substr(kProtobufMagic.size());
  const std::string_view status = Field(unknown, 2);
  const Parts parts{.kind = std::string(Field(Field(unknown, 1), 2)),
                    .status = std::string(Field(status, 2)),
                    .uid = std::string(Field(Field(status, 5), 6))};
  return parts.Uid();
}

}  // namespace

std::string DeletedUid(Representation representation, std::string_view body) {
  return representation == Representation::kProtobuf ? ProtobufUid(body) : JsonUid(body);
}

}  // namespace weir
