// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

// Where two versions of an object differ: names of fields, never their values.
struct ChangedPaths {
  std::vector<std::string> paths;  // In the order of the names.
  bool more = false;               // There are more than kMaxPaths.

  static constexpr size_t kMaxPaths = 50;
  // Names from the root, at most: what differs further down is told as the field above it, as is
  // whatever lies in an array.
  static constexpr size_t kMaxDepth = 3;
  // A longer name is not told: the field above it stands for it, if there is one.
  static constexpr size_t kMaxNameBytes = 320;

  friend bool operator==(const ChangedPaths&, const ChangedPaths&) = default;
};

// The paths that differ between two JSON objects, as "spec.replicas" or
// "metadata.annotations[\"a.b/c\"]". A field that only one of them has differs; the order of
// fields is nothing. Left out: metadata.resourceVersion and metadata.managedFields, which differ
// with every write. Error: one of the two is not a JSON object.
absl::StatusOr<ChangedPaths> FindChangedPaths(std::string_view before, std::string_view after);

// The same of two objects in protobuf, each in its envelope. Their fields have numbers, and what
// the numbers are called is known of the top level of the built-in kinds and of metadata: "spec",
// "metadata.annotations[\"a.b/c\"]"; a number without a name is told as "field 5". Error: one of
// the two is not such an object, or they are of two kinds.
absl::StatusOr<ChangedPaths> FindChangedProtobufPaths(std::string_view before,
                                                      std::string_view after);

// "parent.name", or "parent[\"name\"]" where the name is no plain word.
std::string ChangedPathOf(std::string_view parent, std::string_view name);

}  // namespace weir
