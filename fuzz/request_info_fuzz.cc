// SPDX-License-Identifier: Apache-2.0
//
// RequestInfo::Parse: any method and target. Input: "METHOD target".

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/kube/request_info.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const size_t blank = input.find(' ');
  const std::string_view method = blank == std::string_view::npos ? "GET" : input.substr(0, blank);
  const std::string_view target = input.substr(blank == std::string_view::npos ? 0 : blank + 1);
  const weir::RequestInfo info = weir::RequestInfo::Parse(method, target);

  WEIR_CHECK(target.starts_with(info.path));
  WEIR_CHECK(target.ends_with(info.query));
  if (!info.is_resource_request) {
    WEIR_CHECK(info.resource == weir::GroupVersionResource{});
    WEIR_CHECK(info.name.empty() && info.namespace_name.empty() && info.subresource.empty());
    return 0;
  }
  WEIR_CHECK(info.path.starts_with('/'));
  // A path in the usual spelling begins with what the resource says of itself.
  if (info.canonical_path) WEIR_CHECK(info.path.starts_with(info.resource.ApiPath() + "/"));
  // Collections have no name but the one a field selector pins, and no subresource.
  if (info.verb == "deletecollection") WEIR_CHECK(info.name.empty());
  if (info.canonical_path && info.verb == "list") WEIR_CHECK(info.subresource.empty());
  return 0;
}
