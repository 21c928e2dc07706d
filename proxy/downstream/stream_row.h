// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

#include "proxy/kube/media_type.h"
#include "proxy/kube/resource_version.h"

namespace weir {

// A row of /streams: one watch that is being served from the cache.
struct StreamRow {
  uint64_t id = 0;
  std::string client;  // "127.0.0.1:40312"
  std::string user_agent;
  std::string resource, namespace_name, label_selector, field_selector;
  Representation representation = Representation::kJson;
  absl::Duration age;
  uint64_t events_sent = 0, bytes_sent = 0, bookmarks_sent = 0, differences_sent = 0;
  ResourceVersion sent_version;
  // Its place behind the newest Revision, and what is queued for its socket.
  uint64_t events_behind = 0;
  absl::Duration seconds_behind;
  size_t queued_bytes = 0;
};

}  // namespace weir
