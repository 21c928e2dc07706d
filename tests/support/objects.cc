// SPDX-License-Identifier: Apache-2.0
#include "tests/support/objects.h"

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

std::string UidOf(const ObjectSpec& spec) {
  return spec.uid.empty() ? StrCat("uid-", spec.name) : spec.uid;
}

std::string JsonLabels(const ObjectSpec& spec) {
  std::string out;
  for (const auto& [key, value] : spec.labels) {
    StrAppend(out, out.empty() ? "" : ",", JsonString(key), ":", JsonString(value));
  }
  return spec.labels.empty() ? "" : StrCat(R"(,"labels":{)", out, "}");
}

std::string JsonMetadata(const ObjectSpec& spec) {
  const std::string name = StrCat(R"("name":)", JsonString(spec.name));
  const std::string name_space = spec.namespace_name.empty()
                                     ? ""
                                     : StrCat(R"(,"namespace":)", JsonString(spec.namespace_name));
  const std::string uid = StrCat(R"(,"uid":)", JsonString(UidOf(spec)));
  const std::string version = StrCat(R"(,"resourceVersion":")", spec.version, "\"");
  return StrCat("{", name, name_space, uid, version, JsonLabels(spec), "}");
}

}  // namespace

std::string JsonOf(const ObjectSpec& spec) {
  const std::string api_version = StrCat(R"("apiVersion":)", JsonString(spec.api_version));
  const std::string kind = StrCat(R"("kind":)", JsonString(spec.kind));
  const std::string metadata = StrCat(R"("metadata":)", JsonMetadata(spec));
  const std::string data = StrCat(R"("data":{"content":)", JsonString(spec.data), "}");
  if (spec.custom_resource) {
    return StrCat("{", api_version, ",", data, ",", kind, ",", metadata, "}");
  }
  return StrCat("{", kind, ",", api_version, ",", metadata, ",", data, "}");
}

std::string ProtobufOf(const ObjectSpec& spec) {
  std::string metadata;
  AppendBytesField(metadata, 1, spec.name);
  AppendBytesField(metadata, 3, spec.namespace_name);
  AppendBytesField(metadata, 5, UidOf(spec));
  AppendBytesField(metadata, 6, StrCat(spec.version));
  for (const auto& [key, value] : spec.labels) {
    std::string entry;
    AppendBytesField(entry, 1, key);
    AppendBytesField(entry, 2, value);
    AppendBytesField(metadata, 11, entry);
  }
  std::string message;
  AppendBytesField(message, 1, metadata);
  AppendBytesField(message, 2, spec.data);
  std::string out = ProtobufEnvelopeHead(spec.api_version, spec.kind);
  AppendBytesField(out, 2, message);
  return out.append(kProtobufUnknownTail);
}

ObjectPtr MakeObject(const ObjectSpec& spec, Representation representation) {
  auto object = Object::Parse(
      representation, representation == Representation::kJson ? JsonOf(spec) : ProtobufOf(spec));
  WEIR_CHECK(object.ok());
  return *std::move(object);
}

WatchEvent MakeEvent(WatchEventType type, ObjectPtr object) {
  WatchEvent event;
  event.type = type;
  event.version = object->version();
  event.object = std::move(object);
  return event;
}

WatchEvent MakeEvent(WatchEventType type, const ObjectSpec& spec) {
  return MakeEvent(type, MakeObject(spec));
}

WatchEvent MakeBookmark(uint64_t version, bool initial_events_end) {
  WatchEvent event;
  event.version = V(version);
  event.initial_events_end = initial_events_end;
  event.kind = "ConfigMap";
  event.api_version = "v1";
  return event;
}

WatchEvent MakeErrorEvent(const absl::Status& status) {
  WatchEvent event;
  event.type = WatchEventType::kError;
  event.error = ToApiStatus(status);
  return event;
}

std::string KeyOf(const Object& object) {
  return object.namespace_name().empty() ? std::string(object.name())
                                         : StrCat(object.namespace_name(), "/", object.name());
}

}  // namespace weir
