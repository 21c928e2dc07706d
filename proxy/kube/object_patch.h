// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "proxy/kube/object.h"

namespace weir {

// `object`'s bytes with another metadata.resourceVersion and nothing else changed: what a watch
// sends when an object leaves a selector (last matching content, version of the leaving event;
// apiserver cacher convertToWatchEvent). The protobuf form re-encodes the enclosing lengths.
// REQUIRES: version.is_set().
ObjectPtr WithResourceVersion(const Object& object, ResourceVersion version);

}  // namespace weir
