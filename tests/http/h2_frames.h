// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// HTTP/2 frames made and read by hand, for peers that do not behave.

namespace weir::h2 {

enum Type : uint8_t {
  kData,
  kHeaders,
  kPriority,
  kReset,
  kSettings,
  kPush,
  kPing,
  kGoAway,
  kWindowUpdate,
  kContinuation
};
inline constexpr uint8_t kEndStream = 1, kAck = 1, kEndHeaders = 4;
inline constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

inline std::string Number(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
  return out;
}

inline std::string Frame(Type type, uint8_t flags, uint32_t stream, std::string_view payload) {
  std::string out = Number(static_cast<uint32_t>(payload.size()), 3);
  out.push_back(static_cast<char>(type));
  out.push_back(static_cast<char>(flags));
  return out + Number(stream, 4) + std::string(payload);
}

// Literals without indexing; names and values shorter than 127 bytes.
inline std::string Fields(std::initializer_list<std::pair<std::string, std::string>> fields) {
  std::string out;
  for (const auto& [name, value] : fields) {
    out.push_back(0);
    out.push_back(static_cast<char>(name.size()));
    out += name;
    out.push_back(static_cast<char>(value.size()));
    out += value;
  }
  return out;
}

inline std::string RequestFields(const std::string& method, const std::string& path) {
  return Fields({{":method", method}, {":scheme", "https"}, {":path", path}, {":authority", "h"}});
}
inline std::string Get(uint32_t stream, const std::string& path = "/") {
  return Frame(kHeaders, kEndHeaders | kEndStream, stream, RequestFields("GET", path));
}
inline std::string GoAway(uint32_t last_stream, uint32_t error) {
  return Frame(kGoAway, 0, 0, Number(last_stream, 4) + Number(error, 4));
}
inline std::string Reset(uint32_t stream, uint32_t error) {
  return Frame(kReset, 0, stream, Number(error, 4));
}
inline std::string Settings(uint16_t id, uint32_t value) {
  return Frame(kSettings, 0, 0, Number(id, 2) + Number(value, 4));
}

// A request without a body whose fields may need several frames.
inline std::string HeaderBlock(uint32_t stream, std::string_view fields) {
  constexpr size_t kFrameBytes = 16384;
  std::string out;
  Type type = kHeaders;
  uint8_t flags = kEndStream;
  do {
    const std::string_view part = fields.substr(0, kFrameBytes);
    fields.remove_prefix(part.size());
    out += Frame(type, flags | (fields.empty() ? kEndHeaders : 0), stream, part);
    type = kContinuation;
    flags = 0;
  } while (!fields.empty());
  return out;
}

// So many cookies of so many bytes, of which all but the first take one byte on the wire: the first
// fills HPACK's dynamic table, the others point there.
inline constexpr size_t kLargeCookie = 4050;
inline std::string LargeCookies(size_t count) {
  return "\x60\x7f\xd3\x1e" + std::string(kLargeCookie, 'c') + std::string(count - 1, '\xbe');
}

struct Received {
  Type type;
  uint8_t flags;
  uint32_t stream;
  std::string payload;
};

inline uint32_t ReadNumber(std::string_view bytes) {
  uint32_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

// Whole frames only.
inline std::vector<Received> Parse(std::string_view bytes) {
  std::vector<Received> frames;
  if (bytes.substr(0, kPreface.size()) == kPreface) bytes.remove_prefix(kPreface.size());
  while (bytes.size() >= 9) {
    const uint32_t size = ReadNumber(bytes.substr(0, 3));
    if (bytes.size() < 9 + size) break;
    frames.push_back({static_cast<Type>(bytes[3]), static_cast<uint8_t>(bytes[4]),
                      ReadNumber(bytes.substr(5, 4)), std::string(bytes.substr(9, size))});
    bytes.remove_prefix(9 + size);
  }
  return frames;
}

inline std::vector<Received> Of(Type type, const std::vector<Received>& frames) {
  std::vector<Received> out;
  for (const Received& frame : frames) {
    if (frame.type == type) out.push_back(frame);
  }
  return out;
}

}  // namespace weir::h2
