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

// The API server makes sure that lists of whole objects have an array; the list that it derives
// from one of them is left as it is made.
std::string_view NoItems(const ListEnvelope& envelope) {
  const bool derived = envelope.list_kind == "PartialObjectMetadataList" &&
                       envelope.api_version.starts_with("meta.k8s.io/");
  return derived ? "null" : "[]";
}

}  // namespace

std::string ListHead(Representation representation, const ListEnvelope& envelope,
                     ResourceVersion version, uint64_t items_bytes) {
  if (representation == Representation::kProtobuf) {
    return ProtobufHead(envelope, version, items_bytes);
  }
  const std::string api_version = JsonString(envelope.api_version);
  if (envelope.custom_resource) return StrCat("{\"apiVersion\":", api_version, ",\"items\":");
  return StrCat("{\"kind\":", JsonString(envelope.list_kind), ",\"apiVersion\":", api_version,
                ",\"metadata\":{\"resourceVersion\":\"", version.ToString(), "\"},\"items\":");
}

std::string ListTail(Representation representation, const ListEnvelope& envelope,
                     ResourceVersion version, bool empty) {
  if (representation == Representation::kProtobuf) return std::string(kProtobufUnknownTail);
  const std::string_view items_end = empty ? NoItems(envelope) : "]";
  if (!envelope.custom_resource) return StrCat(items_end, "}\n");
  return StrCat(items_end, ",\"kind\":", JsonString(envelope.list_kind),
                ",\"metadata\":{\"continue\":\"\",\"resourceVersion\":\"", version.ToString(),
                "\"}}\n");
}

std::string ListItemPrefix(const Object& item, bool first) {
  std::string out;
  if (item.representation() == Representation::kProtobuf) {
    AppendBytesHeader(out, kListItems, item.list_item_tail().size());
    return out;
  }
  out.push_back(first ? '[' : ',');
  if (item.list_item_needs_brace()) out.push_back('{');
  return out;
}

size_t ListItemSize(const Object& item) {
  const size_t size = item.list_item_tail().size();
  if (item.representation() == Representation::kProtobuf) return BytesFieldSize(kListItems, size);
  return 1 + (item.list_item_needs_brace() ? 1 : 0) + size;
}

}  // namespace weir
