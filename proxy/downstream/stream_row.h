// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

#include "proxy/downstream/decision.h"
#include "proxy/kube/media_type.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// A row of /streams: one watch.
struct StreamRow {
  uint64_t id = 0;
  ForwardReason reason = ForwardReason::kNone;  // Why it is forwarded; kNone: served from a cache.
  std::string client;                           // "127.0.0.1:40312"
  std::string user_agent;
  std::string resource, namespace_name, label_selector, field_selector;
  Representation representation = Representation::kJson;
  absl::Duration age;
  uint64_t bytes_sent = 0;
  // Not of a forwarded one, whose bytes are not read.
  uint64_t events_sent = 0, bookmarks_sent = 0, differences_sent = 0;
  ResourceVersion sent_version;
  // Its place behind the newest Revision.
  uint64_t events_behind = 0;
  absl::Duration seconds_behind;
  // Of every one: what is queued for its socket.
  size_t queued_bytes = 0;
};

}  // namespace weir
