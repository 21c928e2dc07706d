// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "proxy/kube/media_type.h"

namespace weir {

// metav1.Status of a failure: what the API server answers with and what Weir answers with.
struct ApiStatus {
  int code = 0;  // HTTP status.
  std::string reason;
  std::string message;
  int retry_after_seconds = 0;              // 0: none. Also sent as Retry-After.
  std::string cause_reason, cause_message;  // At most one cause; "" for none.

  // In the API server's key order, ending in "\n" for JSON; protobuf in its k8s\0 envelope.
  std::string Encode(Representation representation) const;
  // Of a body or an ERROR event's object. Unreadable: code 500 with a message that says so.
  static ApiStatus Decode(Representation representation, std::string_view body);
};

// The one place where a Status becomes a Kubernetes answer, and the one where it turns back.
// UnavailableError becomes 503 with Retry-After 1, which client-go retries.
ApiStatus ToApiStatus(const absl::Status& status);
absl::Status FromApiStatus(const ApiStatus& status);

}  // namespace weir
