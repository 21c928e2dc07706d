// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/object_patch.h"

#include <string>

#include "proxy/base/check.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

// `message` with the value of bytes field `field` replaced. REQUIRES: it is there.
std::string WithField(std::string_view message, uint32_t field, std::string_view value) {
  std::string out;
  out.reserve(message.size() + value.size());
  size_t rest = 0;
  for (ProtobufReader reader(message); reader.Next();) {
    if (reader.field() != field) continue;
    out.append(message.substr(0, reader.begin()));
    AppendBytesField(out, field, value);
    rest = reader.end();
    break;
  }
  out.append(message.substr(rest));
  return out;
}

std::string_view Field(std::string_view message, uint32_t field) {
  for (ProtobufReader reader(message); reader.Next();) {
    if (reader.field() == field) return reader.bytes();
  }
  return {};
}

// From the inside out, since each length may change the size of the one around it.
std::string SpliceProtobuf(const Object& object, std::string_view version) {
  constexpr uint32_t kRaw = 2;
  constexpr uint32_t kMetadata = 1;
  constexpr uint32_t kVersion = 6;
  const std::string_view message = object.list_item_tail();
  const std::string metadata = WithField(Field(message, kMetadata), kVersion, version);
  const std::string_view envelope = object.raw().substr(kProtobufMagic.size());
  std::string out(kProtobufMagic);
  out.append(WithField(envelope, kRaw, WithField(message, kMetadata, metadata)));
  return out;
}

std::string SpliceJson(const Object& object, std::string_view version) {
  const std::string_view raw = object.raw();
  std::string out;
  out.reserve(raw.size() - object.version_size() + version.size());
  out.append(raw.substr(0, object.version_offset()));
  out.append(version);
  out.append(raw.substr(object.version_offset() + object.version_size()));
  return out;
}

}  // namespace

ObjectPtr WithResourceVersion(const Object& object, ResourceVersion version) {
  const std::string digits = version.ToString();
  auto spliced =
      Object::Parse(object.representation(), object.representation() == Representation::kProtobuf
                                                 ? SpliceProtobuf(object, digits)
                                                 : SpliceJson(object, digits));
  WEIR_CHECK(spliced.ok());  // `object` was well-formed, and only digits have changed.
  return *std::move(spliced);
}

}  // namespace weir
