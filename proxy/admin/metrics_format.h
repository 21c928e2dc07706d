// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace weir {

// Whether an Accept header asks for OpenMetrics 1.0.0 by name, and for nothing that Weir has more.
// Who names neither it nor text/plain gets Prometheus' own format, as everybody did.
bool WantsOpenMetrics(std::string_view accept);

}  // namespace weir
