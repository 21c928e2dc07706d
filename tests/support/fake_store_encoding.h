// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_store.h"

namespace weir {

// What the fake API server answers in. Written apart from proxy/kube, so that the two check each
// other.
enum class FakeFormat { kJson, kProtobuf, kMetadata, kProtobufMetadata, kTable };  // Table in JSON.
inline bool IsProtobuf(FakeFormat format) {
  return format == FakeFormat::kProtobuf || format == FakeFormat::kProtobufMetadata;
}

struct FakeList {
  const FakeKind* kind = nullptr;
  std::vector<FakeObjectPtr> items;
  uint64_t version = 0;
  std::string continue_token;
  uint64_t remaining = 0;  // After this page; told when there is a continue_token.
};

// The bare protobuf message of an object: metadata = 1, data = 2; and of its metadata alone.
std::string ProtobufMessage(const FakeObject& object);
std::string ProtobufMetadata(const FakeObject& object);

// The whole bodies of answers.
std::string EncodeObject(FakeFormat format, const FakeObject& object);
std::string EncodeList(FakeFormat format, const FakeList& list);
std::string EncodeStatus(FakeFormat format, const FakeStatus& status);

// Frames of a watch: JSON lines, or length-prefixed protobuf.
std::string EncodeEvent(FakeFormat format, WatchEventType type, const FakeObject& object);
std::string EncodeBookmark(FakeFormat format, const FakeKind& kind, uint64_t version,
                           bool initial_events_end);
std::string EncodeErrorEvent(FakeFormat format, const FakeStatus& status);

// "application/json", "application/vnd.kubernetes.protobuf".
std::string_view ContentTypeOf(FakeFormat format);

}  // namespace weir
