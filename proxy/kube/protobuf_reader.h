// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

// What stands before each object and list (runtime.Unknown in its envelope), and after what
// Weir makes itself: empty contentEncoding and contentType.
inline constexpr std::string_view kProtobufMagic{"k8s\0", 4};
inline constexpr std::string_view kProtobufUnknownTail{"\x1a\0\x22\0", 4};

enum class WireType : uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Walks the fields of one protobuf message.
class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view message) : message_(message) {}

  // Goes to the next field; false at the end of the message, and when it is malformed.
  bool Next() {
    if (!ok_ || pos_ == message_.size()) return false;
    begin_ = pos_;
    // What nearly all fields are: a tag of one byte, then bytes shorter than 128.
    if (message_.size() - pos_ >= 2) {
      const auto tag = static_cast<uint8_t>(message_[pos_]);
      const auto size = static_cast<uint8_t>(message_[pos_ + 1]);
      if ((tag & 0x87) == kBytesTag && tag >= 8 && size < 0x80) {
        field_ = tag >> 3;
        type_ = WireType::kBytes;
        pos_ += 2;
        ok_ = Take(size);
        return ok_;
      }
    }
    ok_ = ReadAnyField();
    return ok_;
  }
  bool ok() const { return ok_; }

  uint32_t field() const { return field_; }
  WireType type() const { return type_; }
  bool is_bytes() const { return type_ == WireType::kBytes; }
  uint64_t varint() const { return varint_; }        // kVarint.
  std::string_view bytes() const { return bytes_; }  // kBytes.
  // The whole field in the message, tag included.
  size_t begin() const { return begin_; }
  size_t end() const { return pos_; }

 private:
  static constexpr int kBytesTag = 2;

  bool ReadAnyField();
  bool ReadVarint(uint64_t& value);
  bool Take(uint64_t size) {
    if (size > message_.size() - pos_) return false;
    bytes_ = std::string_view(message_.data() + pos_, size);
    pos_ += size;
    return true;
  }

  std::string_view message_;
  size_t pos_ = 0;
  size_t begin_ = 0;
  bool ok_ = true;
  uint32_t field_ = 0;
  WireType type_ = WireType::kVarint;
  uint64_t varint_ = 0;
  std::string_view bytes_;
};

// Reads a varint byte by byte, for bytes that come in pieces.
class VarintAssembler {
 public:
  enum class Result { kMore, kDone, kTooLong };
  Result Add(uint8_t byte);
  uint64_t value() const { return value_; }
  bool started() const { return shift_ > 0; }
  void Clear() { *this = VarintAssembler(); }

 private:
  uint64_t value_ = 0;
  int shift_ = 0;
};

// Splits the tag that stands before a field's value; false for what no Kubernetes type uses.
bool SplitProtobufTag(uint64_t tag, uint32_t& field, WireType& type);

size_t VarintSize(uint64_t value);
void AppendVarint(std::string& out, uint64_t value);
// Tag and length of a field of `size` bytes; the caller appends those.
void AppendBytesHeader(std::string& out, uint32_t field, uint64_t size);
void AppendBytesField(std::string& out, uint32_t field, std::string_view bytes);
void AppendVarintField(std::string& out, uint32_t field, uint64_t value);
// The size of a bytes field, tag and length included.
size_t BytesFieldSize(uint32_t field, uint64_t size);

// The envelope's start: magic and typeMeta.
std::string ProtobufEnvelopeHead(std::string_view api_version, std::string_view kind);

}  // namespace weir
