// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "absl/status/statusor.h"

#include "proxy/kube/watch_event.h"

namespace weir {

// One whole event, without its frame: a JSON line without its end, or a protobuf WatchEvent.
// Error: what it lacks or has wrong; never its content.
absl::StatusOr<WatchEvent> DecodeWatchEvent(Representation representation, std::string_view event);

}  // namespace weir
