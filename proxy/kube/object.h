// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

#include "proxy/base/bytes.h"
#include "proxy/kube/media_type.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// The place of an object in a list: the joined key "namespace/name" (or "name"), compared
// bytewise as the API server's storage does, so namespace "a-b" sorts before "a". A view.
struct ObjectKeyView {
  std::string_view namespace_name;
  std::string_view name;
};
std::strong_ordering operator<=>(ObjectKeyView a, ObjectKeyView b);
inline bool operator==(ObjectKeyView a, ObjectKeyView b) {
  return a.namespace_name == b.namespace_name && a.name == b.name;
}

// One version of one object: the API server's bytes, unchanged, and where in them the few fields
// lie that Weir reads. Immutable, shared by caches and readers, any thread. Costs its bytes plus
// about 150.
class Object {
 public:
  // Reads metadata from `raw`.
  // kJson: a JSON object with kind and apiVersion, no white space around.
  // kProtobuf: the whole envelope "k8s\0" + runtime.Unknown.
  // Error: not such an object, or name, uid or a well-formed resourceVersion is missing.
  static absl::StatusOr<std::shared_ptr<const Object>> Parse(Representation representation,
                                                             std::string raw);
  // A list item: built-in JSON items have no kind and apiVersion, protobuf items no envelope;
  // they are added so that raw() is what a watch would have sent. Items that have them (custom
  // resources) are taken as they are.
  static absl::StatusOr<std::shared_ptr<const Object>> ParseListItem(Representation representation,
                                                                     std::string_view item,
                                                                     std::string_view api_version,
                                                                     std::string_view kind);

  ObjectKeyView key() const { return {namespace_name(), name()}; }
  std::string_view name() const { return Text(name_, &Unescaped::name); }
  // "" for cluster scope.
  std::string_view namespace_name() const { return Text(namespace_, &Unescaped::namespace_name); }
  std::string_view uid() const { return Text(uid_, &Unescaped::uid); }
  ResourceVersion version() const { return version_; }
  std::string_view kind() const { return Text(kind_, &Unescaped::kind); }
  std::string_view api_version() const { return Text(api_version_, &Unescaped::api_version); }
  // Unescaped value of a label; found by reading the bytes, about 0.3 us.
  std::optional<std::string_view> Label(std::string_view key) const;

  Representation representation() const { return representation_; }
  // As a watch event's object.
  std::string_view raw() const { return raw_; }
  // As an item of a list: built-in JSON is "{" + list_item_tail(); protobuf is the bare message;
  // a custom resource's and a PartialObjectMetadata's is raw(). See ListItemPrefix.
  bool list_item_needs_brace() const { return list_item_needs_brace_; }
  std::string_view list_item_tail() const { return At(list_item_); }
  // Where in raw() the digits of metadata.resourceVersion lie (JSON: between the quotes).
  size_t version_offset() const { return version_at_.offset; }
  size_t version_size() const { return version_at_.size; }
  // Bytes on the heap: the object's and this class's.
  size_t footprint() const { return raw_.capacity() + sizeof(Object) + 48; }

 private:
  friend class ObjectParser;
  struct Span {
    uint32_t offset = 0;
    uint32_t size = 0;
  };
  // Values that are escaped in raw_, unescaped. Those that are not are empty.
  struct Unescaped {
    std::string name, namespace_name, uid, kind, api_version;
    std::vector<std::pair<std::string, std::string>> labels;  // All, if one is escaped.
  };

  Object() = default;

  std::string_view At(Span span) const { return {raw_.data() + span.offset, span.size}; }
  std::string_view Text(Span span, std::string Unescaped::*unescaped) const {
    if (unescaped_ == nullptr || ((*unescaped_).*unescaped).empty()) return At(span);
    return (*unescaped_).*unescaped;
  }

  std::string raw_;
  ResourceVersion version_;
  Span name_, namespace_, uid_, kind_, api_version_, version_at_, labels_, list_item_;
  Representation representation_ = Representation::kJson;
  bool list_item_needs_brace_ = false;
  std::unique_ptr<const Unescaped> unescaped_;  // Rarely there, hence a pointer.
};
using ObjectPtr = std::shared_ptr<const Object>;

}  // namespace weir
