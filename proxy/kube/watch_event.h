// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/kube/api_status.h"
#include "proxy/kube/object.h"

namespace weir {

enum class WatchEventType { kAdded, kModified, kDeleted, kBookmark, kError };
std::string_view WatchEventTypeName(WatchEventType type);  // "ADDED", ...

// On the bookmark that ends the initial events, with the value "true" (KEP-3157).
inline constexpr std::string_view kInitialEventsEndAnnotation = "k8s.io/initial-events-end";

// One event of a watch, as received.
struct WatchEvent {
  WatchEventType type = WatchEventType::kBookmark;
  ObjectPtr object;                 // Added, modified, deleted.
  ResourceVersion version;          // Of the object or the bookmark; not set for kError.
  bool initial_events_end = false;  // Bookmark with kInitialEventsEndAnnotation.
  std::string kind, api_version;    // Bookmark: what it says its kind is.
  ApiStatus error;                  // kError.
};

// Encoding of what goes to a client. JSON is one line, protobuf a length-prefixed frame. A frame
// is Prefix + object.raw() + Suffix, so that the object's bytes are shared, never copied.
std::string WatchFramePrefix(WatchEventType type, const Object& object);
std::string_view WatchFrameSuffix(Representation representation);
std::string BookmarkFrame(Representation representation, std::string_view api_version,
                          std::string_view kind, ResourceVersion version, bool initial_events_end);
std::string ErrorFrame(Representation representation, const ApiStatus& error);

}  // namespace weir
