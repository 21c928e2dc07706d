// SPDX-License-Identifier: Apache-2.0
//
// ListOptions::Parse: any query. What it reads, written out again, reads the same.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/kube/list_options.h"

namespace {

std::string Write(const weir::ListOptions& options) {
  std::string query;
  const auto add = [&query](std::string_view name, std::string_view value) {
    weir::StrAppend(query, query.empty() ? "" : "&", name, "=", weir::QueryEscape(value));
  };
  add("watch", options.watch ? "true" : "false");
  add("allowWatchBookmarks", options.allow_watch_bookmarks ? "1" : "0");
  if (options.send_initial_events)
    add("sendInitialEvents", *options.send_initial_events ? "" : "0");
  add("resourceVersion", options.resource_version);
  add("resourceVersionMatch", options.resource_version_match);
  add("labelSelector", options.label_selector);
  add("fieldSelector", options.field_selector);
  add("continue", options.continue_token);
  if (options.limit) add("limit", weir::StrCat(*options.limit));
  if (options.timeout_seconds) add("timeoutSeconds", weir::StrCat(*options.timeout_seconds));
  if (options.has_other_parameters) add("other", "");
  return query;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view query(reinterpret_cast<const char*>(data), size);
  const auto options = weir::ListOptions::Parse(query);
  if (!options.ok()) return 0;
  const std::string written = Write(*options);
  const auto again = weir::ListOptions::Parse(written);
  WEIR_CHECK(again.ok());
  WEIR_CHECK(Write(*again) == written);
  WEIR_CHECK(again->has_other_parameters == options->has_other_parameters);
  return 0;
}
