// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proxy/kube/resource.h"

namespace weir {

// What a request asks for, as the API server's RequestInfoFactory reads it from method and path
// (apiserver pkg/endpoints/request/requestinfo.go). Pure; every input is legal.
struct RequestInfo {
  bool is_resource_request = false;
  // Resource requests: get list watch create update patch delete deletecollection proxy, or "".
  // Others: the method in lower case.
  std::string verb;
  GroupVersionResource resource;  // Empty for non-resource requests.
  std::string namespace_name;     // "" for cluster scope or all namespaces.
  std::string name;
  std::string subresource;
  bool deprecated_watch_path = false;  // /api/v1/watch/...: forward untouched.
  // The path is spelt as every client spells it: no percent escapes, no empty, "." or ".."
  // segments, no slash at the end. Others mean what the API server's router makes of them: forward.
  bool canonical_path = false;
  std::string_view path;   // Views the input, without the query.
  std::string_view query;  // Without '?'.

  // Of the object that is named: "" for a Namespace, whose path says its own name.
  std::string_view object_namespace() const {
    if (resource.group.empty() && resource.resource == "namespaces") return {};
    return namespace_name;
  }

  // REQUIRES: `target` (path and query as sent) outlives the result.
  static RequestInfo Parse(std::string_view method, std::string_view target);
};

// The resource's Name() for metrics and other counts, "" for non-resource requests. A client may
// write anything into its path, so it is "other" if no resource can have that name.
std::string ResourceLabel(const RequestInfo& info);

}  // namespace weir
