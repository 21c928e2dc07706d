// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

#include "proxy/kube/object.h"
#include "proxy/kube/object_fields.h"

namespace weir {

// Makes Objects of bytes whose fields have been read. For the decoders, which read the fields
// where the bytes have come in and copy them once.
class ObjectParser {
 public:
  // REQUIRES: `fields` were read from all of `raw`.
  static absl::StatusOr<ObjectPtr> Make(Representation representation, std::string raw,
                                        const ObjectFields& fields);

 private:
  struct Constructible;  // Lets make_shared call the private constructor.
  static absl::Status FillUnescaped(const ObjectFields& fields, Object& object);
  static void FindListItem(const ObjectFields& fields, Object& object);
};

}  // namespace weir
