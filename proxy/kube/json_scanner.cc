// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/json_scanner.h"

#include <bit>
#include <cstring>

namespace weir {
namespace {

constexpr uint64_t kEachByte = 0x0101010101010101;
constexpr uint64_t kHighBits = 0x80 * kEachByte;

uint64_t LoadLittleEndian(const char* bytes) {
  uint64_t word;
  std::memcpy(&word, bytes, sizeof(word));
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  return word;
}

// Sets the high bit of the lowest byte below `limit`, and perhaps of higher ones: a borrow may
// mark a byte above a true one, never below.
constexpr uint64_t BytesBelow(uint64_t word, uint8_t limit) {
  return (word - limit * kEachByte) & ~word & kHighBits;
}
constexpr uint64_t BytesEqual(uint64_t word, uint8_t byte) {
  return BytesBelow(word ^ (byte * kEachByte), 1);
}

bool IsControl(char c) { return static_cast<uint8_t>(c) < 0x20; }
bool IsSpecialInString(char c) { return c == '"' || c == '\\' || IsControl(c); }

}  // namespace

size_t FindInJsonStringBytewise(std::string_view bytes, size_t pos) {
  for (; pos + sizeof(uint64_t) <= bytes.size(); pos += sizeof(uint64_t)) {
    const uint64_t word = LoadLittleEndian(bytes.data() + pos);
    const uint64_t found = BytesEqual(word, '"') | BytesEqual(word, '\\') | BytesBelow(word, 0x20);
    if (found != 0) return pos + std::countr_zero(found) / 8;
  }
  while (pos < bytes.size() && !IsSpecialInString(bytes[pos])) ++pos;
  return pos;
}

size_t ScanJsonContainerBytewise(std::string_view bytes, JsonContainerState& state) {
  for (size_t pos = 0; pos < bytes.size(); ++pos) {
    if (state.in_string && !state.escaped) {
      pos = FindInJsonString(bytes, pos);
      if (pos == bytes.size()) break;
    }
    const char c = bytes[pos];
    if (IsControl(c) || (c == '\\' && !state.in_string)) {
      state.bad = true;
      return std::string_view::npos;
    }
    if (state.escaped) {
      state.escaped = false;
    } else if (c == '\\') {
      state.escaped = true;
    } else if (c == '"') {
      state.in_string = !state.in_string;
    } else if (state.in_string) {
      continue;
    } else if (c == '{' || c == '[') {
      ++state.depth;
    } else if ((c == '}' || c == ']') && --state.depth == 0) {
      return pos + 1;
    }
  }
  return std::string_view::npos;
}

size_t ScanJsonContainer(std::string_view bytes, JsonContainerState& state) {
  static const JsonContainerScan scan = JsonContainerScanByBlocks() != nullptr
                                            ? JsonContainerScanByBlocks()
                                            : ScanJsonContainerBytewise;
  return scan(bytes, state);
}

size_t JsonValueScan::Advance(std::string_view bytes) {
  if (bytes.empty()) return 0;
  if (kind_ == Kind::kUnknown) {
    switch (bytes.front()) {
      case '{':
      case '[':
        kind_ = Kind::kContainer;
        break;
      case '"':
        kind_ = Kind::kString;
        return AdvanceString(bytes, 1);
      default:
        kind_ = Kind::kScalar;
    }
  }
  if (kind_ == Kind::kString) return AdvanceString(bytes, 0);
  if (kind_ == Kind::kScalar) return AdvanceScalar(bytes);
  const size_t end = ScanJsonContainer(bytes, container_);
  done_ = end != std::string_view::npos;
  return done_ ? end : bytes.size();
}

size_t JsonValueScan::AdvanceString(std::string_view bytes, size_t pos) {
  for (; pos < bytes.size(); ++pos) {
    if (container_.escaped) {
      container_.escaped = false;
      container_.bad = container_.bad || IsControl(bytes[pos]);
      continue;
    }
    pos = FindInJsonString(bytes, pos);
    if (pos == bytes.size()) break;
    if (bytes[pos] == '"') {
      done_ = true;
      return pos + 1;
    }
    container_.escaped = bytes[pos] == '\\';
    container_.bad = container_.bad || !container_.escaped;
  }
  return bytes.size();
}

size_t JsonValueScan::AdvanceScalar(std::string_view bytes) {
  const size_t end = bytes.find_first_of(",]} \t\r\n");
  done_ = end != std::string_view::npos;
  return done_ ? end : bytes.size();
}

}  // namespace weir
