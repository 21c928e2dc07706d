// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "proxy/kube/list_header.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {

// ListDecoder of a protobuf body: an envelope whose raw field, as large as the list, is read
// without being collected.
class ProtobufListDecoder {
 public:
  explicit ProtobufListDecoder(size_t max_field_bytes) : max_field_bytes_(max_field_bytes) {}

  absl::Status Decode(std::string_view chunk, std::vector<ObjectPtr>& items);
  absl::Status Finish();
  const ListHeader& header() const { return header_; }

 private:
  // What is to come next.
  enum class Expect { kMagic, kTag, kLength, kVarint, kBytes, kSkipped };

  // Each takes what it can off the front of `chunk`.
  absl::Status ReadMagic(std::string_view& chunk);
  absl::Status ReadVarint(std::string_view& chunk);
  absl::Status ReadBytes(std::string_view& chunk, std::vector<ObjectPtr>& items);
  void Skip(std::string_view& chunk);
  // Notes that `size` bytes are read; false when raw should have ended within them.
  bool Count(size_t size);

  absl::Status OnVarint(uint64_t value);
  absl::Status OnTag(uint64_t tag);
  absl::Status OnLength(uint64_t length);
  absl::Status OnBytes(std::string_view bytes, std::vector<ObjectPtr>& items);
  absl::Status OnTypeMeta(std::string_view message);
  absl::Status OnListMeta(std::string_view message);
  absl::Status OnItem(std::string_view message, std::vector<ObjectPtr>& items);
  bool is_status() const { return header_.envelope.list_kind == kStatusKind; }

  const size_t max_field_bytes_;
  Expect expect_ = Expect::kMagic;
  VarintAssembler varint_;
  uint32_t field_ = 0;
  WireType type_ = WireType::kVarint;
  uint64_t left_ = 0;    // Bytes of the field under way that are still to come.
  std::string partial_;  // Those of them that earlier chunks have brought.
  bool in_raw_ = false;
  uint64_t raw_left_ = 0;
  bool raw_found_ = false;
  bool metadata_found_ = false;
  std::string status_;  // The raw of a Status.
  ListHeader header_;
};

}  // namespace weir
