// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proxy/kube/media_type.h"

namespace weir {

// The uid of the object that a DELETE has removed for good, out of the metav1.Status that says so
// (details.uid). "": the answer is something else, as that of an object which waits for its
// finalizers, or names no uid.
std::string DeletedUid(Representation representation, std::string_view body);

}  // namespace weir
