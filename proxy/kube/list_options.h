// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

// metav1.ListOptions as they stand in a query: the first value of each wins; booleans are false
// for "0" and "false" in any case, true for anything else (apimachinery, conversion of
// url.Values). Percent-decoded.
struct ListOptions {
  bool watch = false;
  bool allow_watch_bookmarks = false;
  std::optional<bool> send_initial_events;  // Absent differs from false.
  std::string resource_version;             // As sent: "", "0" or a version.
  std::string resource_version_match;
  std::string label_selector;
  std::string field_selector;
  std::string continue_token;
  std::optional<int64_t> limit;
  std::optional<int64_t> timeout_seconds;
  // A parameter that changes the answer in ways Weir does not reproduce (shardSelector, pretty,
  // ...) or that is unknown was given: forward. A plain `timeout` is not.
  bool has_other_parameters = false;

  // Error: a number does not parse, bad percent escape: forward, the API server words the answer.
  static absl::StatusOr<ListOptions> Parse(std::string_view query);
};

// The parameters of a query, decoded, in their order.
struct QueryParameters {
  std::vector<std::pair<std::string, std::string>> values;
  // A pair with a bad escape or a ';' was left out, as Go's net/url does.
  bool malformed = false;

  static QueryParameters Parse(std::string_view query);
  // The first value of that name; nullptr if there is none.
  const std::string* First(std::string_view name) const;
};

// A boolean parameter's value as apimachinery reads it.
bool IsTrueParameter(std::string_view value);

// Percent-decodes one query component ('+' is a space).
absl::StatusOr<std::string> QueryUnescape(std::string_view text);
// Percent-decodes a path ('+' stays).
absl::StatusOr<std::string> PathUnescape(std::string_view text);
// Percent-encodes for a query value.
std::string QueryEscape(std::string_view text);

}  // namespace weir
