// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir {

// Where a server is: "https://10.0.0.1:6443/clusters/a" in parts.
struct ServerUrl {
  bool tls = true;
  std::string host;  // Without brackets.
  uint16_t port = 443;
  std::string path;  // "" or "/clusters/a", without a slash at the end.

  // The error says what is wrong with `url`.
  static absl::StatusOr<ServerUrl> Parse(std::string_view url);
};

}  // namespace weir
