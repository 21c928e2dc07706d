// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/protobuf_reader.h"

#include <bit>

namespace weir {
namespace {

constexpr uint64_t kLargestField = (1 << 29) - 1;
constexpr int kLastShift = 63;  // A tenth byte holds the 64th bit alone.

constexpr uint64_t Tag(uint32_t field, WireType type) {
  return uint64_t{field} << 3 | static_cast<uint64_t>(type);
}

}  // namespace

VarintAssembler::Result VarintAssembler::Add(uint8_t byte) {
  if (shift_ == kLastShift && byte > 1) return Result::kTooLong;
  value_ |= uint64_t{byte & 0x7FU} << shift_;
  shift_ += 7;
  return (byte & 0x80) != 0 ? Result::kMore : Result::kDone;
}

bool SplitProtobufTag(uint64_t tag, uint32_t& field, WireType& type) {
  const uint64_t number = tag >> 3;
  const uint64_t wire = tag & 7;
  if (number == 0 || number > kLargestField) return false;
  if (wire != 0 && wire != 1 && wire != 2 && wire != 5) return false;  // Groups.
  field = static_cast<uint32_t>(number);
  type = static_cast<WireType>(wire);
  return true;
}

bool ProtobufReader::ReadVarint(uint64_t& value) {
  if (pos_ < message_.size() && static_cast<uint8_t>(message_[pos_]) < 0x80) {
    value = static_cast<uint8_t>(message_[pos_++]);
    return true;
  }
  VarintAssembler varint;
  while (pos_ < message_.size()) {
    const VarintAssembler::Result result = varint.Add(static_cast<uint8_t>(message_[pos_++]));
    if (result == VarintAssembler::Result::kTooLong) return false;
    if (result == VarintAssembler::Result::kMore) continue;
    value = varint.value();
    return true;
  }
  return false;
}

bool ProtobufReader::ReadAnyField() {
  uint64_t tag = 0;
  uint64_t size = 0;
  if (!ReadVarint(tag) || !SplitProtobufTag(tag, field_, type_)) return false;
  switch (type_) {
    case WireType::kVarint:
      return ReadVarint(varint_);
    case WireType::kFixed64:
      return Take(8);
    case WireType::kFixed32:
      return Take(4);
    case WireType::kBytes:
      break;
  }
  return ReadVarint(size) && Take(size);
}

size_t VarintSize(uint64_t value) { return (std::bit_width(value | 1) + 6) / 7; }

void AppendVarint(std::string& out, uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}

void AppendBytesHeader(std::string& out, uint32_t field, uint64_t size) {
  AppendVarint(out, Tag(field, WireType::kBytes));
  AppendVarint(out, size);
}

void AppendBytesField(std::string& out, uint32_t field, std::string_view bytes) {
  AppendBytesHeader(out, field, bytes.size());
  out.append(bytes);
}

void AppendVarintField(std::string& out, uint32_t field, uint64_t value) {
  AppendVarint(out, Tag(field, WireType::kVarint));
  AppendVarint(out, value);
}

size_t BytesFieldSize(uint32_t field, uint64_t size) {
  return VarintSize(Tag(field, WireType::kBytes)) + VarintSize(size) + size;
}

std::string ProtobufEnvelopeHead(std::string_view api_version, std::string_view kind) {
  std::string out(kProtobufMagic);
  AppendBytesHeader(out, 1, BytesFieldSize(1, api_version.size()) + BytesFieldSize(2, kind.size()));
  AppendBytesField(out, 1, api_version);
  AppendBytesField(out, 2, kind);
  return out;
}

}  // namespace weir
