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
enum class FakeFormat { kJson, kProtobuf, kMetadata, kMetadataProtobuf, kTable };
bool IsProtobuf(FakeFormat format);  // Tables are in JSON here.

struct FakeList {
  const FakeKind* kind = nullptr;
  std::vector<FakeObjectPtr> items;
  uint64_t version = 0;
  std::string continue_token;
  uint64_t remaining = 0;  // After this page; told when there is a continue_token. 0: not known.
};

// The bare protobuf message of an object: metadata = 1, data = 2.
std::string ProtobufMessage(const FakeObject& object);

// The whole bodies of answers.
std::string EncodeObject(FakeFormat format, const FakeObject& object);
std::string EncodeList(FakeFormat format, const FakeList& list);
std::string EncodeStatus(FakeFormat format, const FakeStatus& status);
// What EncodeStatus answers in.
FakeFormat StatusFormat(FakeFormat format, const FakeStatus& status);

// As Go's encoding/json writes strings: what HTML or JavaScript could take for its own escaped.
std::string EscapedAsGoDoes(std::string_view json);
// For people; without a newline at its end.
std::string IndentedJson(std::string_view json);

// Frames of a watch: JSON lines, or length-prefixed protobuf.
std::string EncodeEvent(FakeFormat format, WatchEventType type, const FakeObject& object);
std::string EncodeBookmark(FakeFormat format, const FakeKind& kind, uint64_t version,
                           bool initial_events_end);
std::string EncodeErrorEvent(FakeFormat format, const FakeStatus& status);

// "application/json", "application/vnd.kubernetes.protobuf".
std::string_view ContentTypeOf(FakeFormat format);

}  // namespace weir
