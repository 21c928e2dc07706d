// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"

#include "proxy/kube/object.h"

namespace weir {

// The bytes of an object's metadata: a JSON object, or an ObjectMeta message. "" if it has none.
std::string_view MetadataBytes(const Object& object);

// What is asked of an object's ObjectMeta now and then. Read when it is asked for, not for each
// event.
struct MetaFacts {
  std::optional<int64_t> generation;  // Not set: a kind that counts none.
  bool deleting = false;              // It has a deletionTimestamp.
  bool held = false;                  // By finalizers, or for a grace period, though deleted.
  std::vector<std::string> owners;    // Uids of its ownerReferences, kMaxOwners at most.
  std::optional<absl::Time> written;  // The newest time in managedFields: a whole second.

  static constexpr size_t kMaxOwners = 8;
};
// What cannot be read is left out.
MetaFacts ReadMetaFacts(const Object& object);

}  // namespace weir
