// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"

#include "proxy/kube/api_status.h"

namespace weir {

// The answer to what is not a request that can be understood: a Kubernetes Status, 431 when
// IsLimit(), otherwise 400. Then the connection closes.
ApiStatus RefusalOf(const absl::Status& error);
std::string EncodeHttp1Refusal(const absl::Status& error);

}  // namespace weir
