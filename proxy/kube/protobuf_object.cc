// SPDX-License-Identifier: Apache-2.0
//
// ReadProtobufObject: walks the envelope, the fields of the object itself (without looking into
// them) and those of its metadata. Field numbers are those of runtime.Unknown and
// metav1.ObjectMeta.
#include <limits>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/object_fields.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

constexpr size_t kLargestObject = std::numeric_limits<int32_t>::max();

constexpr uint32_t kUnknownTypeMeta = 1;
constexpr uint32_t kUnknownRaw = 2;
constexpr uint32_t kUnknownContentEncoding = 3;
constexpr uint32_t kObjectMetadata = 1;
constexpr uint32_t kMetaLabels = 11;
constexpr uint32_t kMetaAnnotations = 12;

// Its methods return null, or what is wrong.
class ProtobufObjectReader {
 public:
  ProtobufObjectReader(std::string_view bytes, ObjectFields& fields)
      : bytes_(bytes), fields_(fields) {}

  const char* Read();

 private:
  const char* ReadTypeMeta(std::string_view message);
  const char* ReadMessage(std::string_view message);
  const char* ReadMetadata(std::string_view message);
  // `part` lies within bytes_.
  const char* Take(const ProtobufReader& reader, FieldSpan& field);
  const char* TakeMapEntry(const ProtobufReader& reader, FieldSpan& map);
  size_t OffsetOf(std::string_view part) const { return part.data() - bytes_.data(); }

  std::string_view bytes_;
  ObjectFields& fields_;
};

const char* ProtobufObjectReader::Read() {
  if (bytes_.size() > kLargestObject) return "an object of more than 2 GiB";
  if (!bytes_.starts_with(kProtobufMagic)) return "no envelope (k8s\\0) in front";
  ProtobufReader reader(bytes_.substr(kProtobufMagic.size()));
  const char* wrong = nullptr;
  bool type_found = false;
  while (wrong == nullptr && reader.Next()) {
    if (reader.field() == kUnknownTypeMeta) {
      if (type_found || !reader.is_bytes()) return "a bad typeMeta";
      type_found = true;
      wrong = ReadTypeMeta(reader.bytes());
    } else if (reader.field() == kUnknownRaw) {
      wrong = Take(reader, fields_.message);
      if (wrong == nullptr) wrong = ReadMessage(reader.bytes());
    } else if (reader.field() == kUnknownContentEncoding) {
      if (!reader.is_bytes() || !reader.bytes().empty()) return "a contentEncoding";
    }
  }
  if (!reader.ok()) return "a cut or bad field in the envelope";
  return wrong;
}

const char* ProtobufObjectReader::ReadTypeMeta(std::string_view message) {
  ProtobufReader reader(message);
  const char* wrong = nullptr;
  while (wrong == nullptr && reader.Next()) {
    if (reader.field() == 1) wrong = Take(reader, fields_.api_version);
    if (reader.field() == 2) wrong = Take(reader, fields_.kind);
  }
  return reader.ok() ? wrong : "a cut or bad field in typeMeta";
}

const char* ProtobufObjectReader::ReadMessage(std::string_view message) {
  ProtobufReader reader(message);
  const char* wrong = nullptr;
  bool metadata_found = false;
  while (wrong == nullptr && reader.Next()) {
    if (reader.field() != kObjectMetadata) continue;
    if (metadata_found || !reader.is_bytes()) return "field 1 is not one metadata";
    metadata_found = true;
    wrong = ReadMetadata(reader.bytes());
  }
  return reader.ok() ? wrong : "a cut or bad field in the object";
}

const char* ProtobufObjectReader::ReadMetadata(std::string_view message) {
  ProtobufReader reader(message);
  const char* wrong = nullptr;
  while (wrong == nullptr && reader.Next()) {
    switch (reader.field()) {
      case 1:
        wrong = Take(reader, fields_.name);
        break;
      case 3:
        wrong = Take(reader, fields_.namespace_name);
        break;
      case 5:
        wrong = Take(reader, fields_.uid);
        break;
      case 6:
        wrong = Take(reader, fields_.version);
        break;
      case kMetaLabels:
        wrong = TakeMapEntry(reader, fields_.labels);
        break;
      case kMetaAnnotations:
        wrong = TakeMapEntry(reader, fields_.annotations);
        break;
      default:
        break;
    }
  }
  return reader.ok() ? wrong : "a cut or bad field in metadata";
}

const char* ProtobufObjectReader::Take(const ProtobufReader& reader, FieldSpan& field) {
  if (!reader.is_bytes()) return "a field of the wrong type";
  if (field.found) return "a second value of a field";
  field.found = true;
  field.offset = static_cast<uint32_t>(OffsetOf(reader.bytes()));
  field.size = static_cast<uint32_t>(reader.bytes().size());
  return nullptr;
}

const char* ProtobufObjectReader::TakeMapEntry(const ProtobufReader& reader, FieldSpan& map) {
  if (!reader.is_bytes()) return "a map of the wrong type";
  ProtobufReader entry(reader.bytes());
  while (entry.Next()) {
    if (entry.field() <= 2 && !entry.is_bytes()) return "a map entry that is no text";
  }
  if (!entry.ok()) return "a cut or bad map entry";
  const size_t end = OffsetOf(reader.bytes()) + reader.bytes().size();
  const size_t begin = end - (reader.end() - reader.begin());
  if (!map.found) map.offset = static_cast<uint32_t>(begin);
  map.found = true;
  map.size = static_cast<uint32_t>(end - map.offset);
  return nullptr;
}

}  // namespace

absl::Status ReadProtobufObject(std::string_view bytes, ObjectFields& fields) {
  const char* const wrong = ProtobufObjectReader(bytes, fields).Read();
  if (wrong == nullptr) return absl::OkStatus();
  return InvalidArgumentError(StrCat("not the protobuf expected: ", wrong));
}

}  // namespace weir
