// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "proxy/net/address.h"

namespace weir {

// The body of a page of a Weir's admin port, which answers 200. Blocks: for commands, not for the
// proxy. Error: says whether anything listens there, or what was answered.
absl::StatusOr<std::string> GetAdminPage(const Address& admin, std::string_view path,
                                         absl::Duration timeout = absl::Seconds(5));

}  // namespace weir
