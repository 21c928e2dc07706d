// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "proxy/kube/object.h"

namespace weir {

// How a kind's LIST answer is framed, learnt from one, so that Weir's answer has the same bytes.
// Built-in kinds: {"kind","apiVersion","metadata":{"resourceVersion"},"items":[...]}, items
// without kind; custom resources: keys sorted, metadata has "continue":"", items with kind. A
// PartialObjectMetadataList of either is framed as the first, its items have their kind, and an
// empty one has "items":null.
struct ListEnvelope {
  std::string api_version;
  std::string list_kind;  // "PodList".
  bool custom_resource = false;
};

// A LIST is ListHead, each item behind its ListItemPrefix, ListTail. For protobuf `items_bytes` is
// the size of all items with their tags and lengths; JSON ignores it. `empty`: there was no item.
std::string ListHead(Representation representation, const ListEnvelope& envelope,
                     ResourceVersion version, uint64_t items_bytes);
std::string ListTail(Representation representation, const ListEnvelope& envelope,
                     ResourceVersion version, bool empty);
// What stands before an item (JSON "[" or ",", and "{"; protobuf tag and length).
std::string ListItemPrefix(const Object& item, bool first);
// The size of prefix and item.
size_t ListItemSize(const Object& item);

// Reads a LIST answer as it arrives, item by item; never holds more than one item.
class ListDecoder {
 public:
  explicit ListDecoder(Representation representation, size_t max_item_bytes = 16 << 20);
  ~ListDecoder();

  // Appends the objects that `chunk` completes to `items`.
  absl::Status Decode(std::string_view chunk, std::vector<ObjectPtr>& items);
  // The body has ended; fails if it is not one whole list with a well-formed version.
  absl::Status Finish();
  // Valid after Finish().
  const ListEnvelope& envelope() const;
  ResourceVersion version() const;
  std::string_view continue_token() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace weir
