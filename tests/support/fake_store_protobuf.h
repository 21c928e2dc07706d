// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/fake_store_encoding.h"

// The Kubernetes protobuf encoding by hand, as gogo's marshallers write it: fields without a
// pointer are there even when empty.

namespace weir {

// "k8s\0" and runtime.Unknown{typeMeta, raw, contentEncoding, contentType}.
std::string ProtobufEnvelope(std::string_view api_version, std::string_view kind,
                             std::string_view message);
std::string ProtobufListBody(const FakeList& list, bool metadata);
// The bare PartialObjectMetadata of an object.
std::string ProtobufMetadata(const FakeObject& object);
std::string ProtobufStatus(const FakeStatus& status);
std::string ProtobufBookmark(std::string_view api_version, std::string_view kind, uint64_t version,
                             bool initial_events_end);
// Big-endian length and WatchEvent{type, object{raw}}.
std::string ProtobufFrame(std::string_view type, std::string_view object);

}  // namespace weir
