// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/kube/object.h"
#include "proxy/kube/watch_event.h"

namespace weir {

// An object for a test, in the key order of the API server.
struct ObjectSpec {
  std::string name = "a";
  uint64_t version = 1;
  std::string namespace_name = "default";  // "" for cluster scope.
  std::string uid = "";                    // "" for "uid-<name>".
  std::vector<std::pair<std::string, std::string>> labels = {};
  std::string data = "";  // Content that is no metadata.
  std::string api_version = "v1";
  std::string kind = "ConfigMap";
  bool custom_resource = false;  // JSON: keys sorted, so apiVersion before kind.
};

std::string JsonOf(const ObjectSpec& spec);
std::string ProtobufOf(const ObjectSpec& spec);
ObjectPtr MakeObject(const ObjectSpec& spec, Representation representation = Representation::kJson);

WatchEvent MakeEvent(WatchEventType type, ObjectPtr object);
WatchEvent MakeEvent(WatchEventType type, const ObjectSpec& spec);
WatchEvent MakeBookmark(uint64_t version, bool initial_events_end = false);
WatchEvent MakeErrorEvent(const absl::Status& status);

// "namespace/name".
std::string KeyOf(const Object& object);
inline ResourceVersion V(uint64_t version) { return ResourceVersion(version); }

}  // namespace weir
