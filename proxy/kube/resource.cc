// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/resource.h"

#include "proxy/base/strings.h"

namespace weir {

std::string GroupVersionResource::ApiPath() const {
  return group.empty() ? StrCat("/api/", version) : StrCat("/apis/", group, "/", version);
}

std::string GroupVersionResource::Name() const {
  return group.empty() ? resource : StrCat(resource, ".", group);
}

}  // namespace weir
