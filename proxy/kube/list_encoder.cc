// SPDX-License-Identifier: Apache-2.0
//
// The encoding half of list_decoder.h.
#include "proxy/base/strings.h"
#include "proxy/kube/list_decoder.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

constexpr uint32_t kUnknownRaw = 2;
constexpr uint32_t kListMetadata = 1;
constexpr uint32_t kListItems = 2;

std::string ProtobufHead(const ListEnvelope& envelope, ResourceVersion version,
                         uint64_t items_bytes) {
  std::string metadata;
  AppendBytesField(metadata, 1, "");  // selfLink
  AppendBytesField(metadata, 2, version.ToString());
  AppendBytesField(metadata, 3, "");  // continue
  std::string out = ProtobufEnvelopeHead(envelope.api_version, envelope.list_kind);
  AppendBytesHeader(out, kUnknownRaw, BytesFieldSize(kListMetadata, metadata.size()) + items_bytes);
  AppendBytesField(out, kListMetadata, metadata);
  return out;
}

}  // namespace

std::string ListHead(Representation representation, const ListEnvelope& envelope,
                     ResourceVersion version, uint64_t items_bytes) {
  if (representation == Representation::kProtobuf) {
    return ProtobufHead(envelope, version, items_bytes);
  }
  const std::string api_version = JsonString(envelope.api_version);
  if (envelope.custom_resource) return StrCat("{\"apiVersion\":", api_version, ",\"items\":[");
  return StrCat("{\"kind\":", JsonString(envelope.list_kind), ",\"apiVersion\":", api_version,
                ",\"metadata\":{\"resourceVersion\":\"", version.ToString(), "\"},\"items\":[");
}

std::string ListTail(Representation representation, const ListEnvelope& envelope,
                     ResourceVersion version) {
  if (representation == Representation::kProtobuf) return std::string(kProtobufUnknownTail);
  if (!envelope.custom_resource) return "]}\n";
  return StrCat("],\"kind\":", JsonString(envelope.list_kind),
                ",\"metadata\":{\"continue\":\"\",\"resourceVersion\":\"", version.ToString(),
                "\"}}\n");
}

std::string ListItemPrefix(const Object& item, bool first) {
  std::string out;
  if (item.representation() == Representation::kProtobuf) {
    AppendBytesHeader(out, kListItems, item.list_item_tail().size());
    return out;
  }
  if (!first) out.push_back(',');
  if (item.list_item_needs_brace()) out.push_back('{');
  return out;
}

size_t ListItemSize(const Object& item, bool first) {
  const size_t size = item.list_item_tail().size();
  if (item.representation() == Representation::kProtobuf) return BytesFieldSize(kListItems, size);
  return (first ? 0 : 1) + (item.list_item_needs_brace() ? 1 : 0) + size;
}

}  // namespace weir
