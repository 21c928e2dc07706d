// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/json_cursor.h"

#include <optional>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/json_scanner.h"

namespace weir {
namespace {

constexpr uint32_t kReplacementCharacter = 0xFFFD;

bool IsScalarByte(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
         c == 'E';
}

bool IsScalar(std::string_view text) {
  if (text.empty()) return false;
  const char c = text.front();
  return c == '-' || (c >= '0' && c <= '9') || text == "true" || text == "false" || text == "null";
}

FieldSpan MakeSpan(size_t begin, size_t end) {
  return {.offset = static_cast<uint32_t>(begin),
          .size = static_cast<uint32_t>(end - begin),
          .found = true};
}

std::optional<uint32_t> HexDigits(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t value = 0;
  for (const char c : text.substr(0, 4)) {
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') {
      value = value * 16 + (c - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      value = value * 16 + (lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return value;
}

void AppendUtf8(std::string& out, uint32_t code) {
  const auto byte = [&out](uint32_t value) { out.push_back(static_cast<char>(value)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0 | code >> 6);
    byte(0x80 | (code & 0x3F));
  } else if (code < 0x10000) {
    byte(0xE0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  } else {
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3F));
    byte(0x80 | (code >> 6 & 0x3F));
    byte(0x80 | (code & 0x3F));
  }
}

// Reads the four digits after "\u", and a second escape when it completes a surrogate pair, off
// the front of `text`.
bool UnescapeUnicode(std::string_view& text, std::string& out) {
  const std::optional<uint32_t> unit = HexDigits(text);
  if (!unit.has_value()) return false;
  text.remove_prefix(4);
  uint32_t code = *unit;
  if (code >= 0xD800 && code < 0xE000) {
    const std::optional<uint32_t> low =
        text.starts_with("\\u") ? HexDigits(text.substr(2)) : std::nullopt;
    if (code < 0xDC00 && low.has_value() && *low >= 0xDC00 && *low < 0xE000) {
      text.remove_prefix(6);
      code = 0x10000 + ((code - 0xD800) << 10) + (*low - 0xDC00);
    } else {
      code = kReplacementCharacter;
    }
  }
  AppendUtf8(out, code);
  return true;
}

char ShortEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return 0;
  }
}

}  // namespace

bool JsonCursor::Fail(const char* error) {
  if (error_ == nullptr) error_ = error;
  return false;
}

absl::Status JsonCursor::status() const {
  if (ok()) return absl::OkStatus();
  return InvalidArgumentError(StrCat("not the JSON expected: ", error_, " at byte ", pos_));
}

bool JsonCursor::EnterObject() {
  if (!ok()) return false;
  if (Peek() != '{') return Fail("expected an object");
  ++pos_;
  first_ = true;
  return true;
}

bool JsonCursor::NextKey(FieldSpan& key) {
  if (!ok()) return false;
  const char c = Peek();
  if (c == '}') {
    ++pos_;
    first_ = false;  // The object around it has had a member: this one.
    return false;
  }
  if (!first_) {
    if (c != ',') return Fail("expected ',' or '}'");
    ++pos_;
  }
  first_ = false;
  if (!ReadString(key)) return false;
  if (Peek() != ':') return Fail("expected ':'");
  ++pos_;
  return true;
}

bool JsonCursor::EnterArray() {
  if (!ok()) return false;
  if (Peek() != '[') return Fail("expected an array");
  ++pos_;
  first_ = true;
  return true;
}

bool JsonCursor::NextElement() {
  if (!ok()) return false;
  const char c = Peek();
  if (c == ']') {
    ++pos_;
    first_ = false;
    return false;
  }
  if (!first_) {
    if (c != ',') return Fail("expected ',' or ']'");
    ++pos_;
  }
  first_ = false;
  return true;
}

bool JsonCursor::ReadString(FieldSpan& value) {
  if (!ok()) return false;
  if (Peek() != '"') return Fail("expected a string");
  const size_t begin = ++pos_;
  bool escaped = false;
  size_t end = FindInJsonString(text_, begin);
  while (end < text_.size() && text_[end] == '\\') {
    escaped = true;
    if (end + 2 >= text_.size()) return Fail("a string has no end");
    if (static_cast<uint8_t>(text_[end + 1]) < 0x20) return Fail("a control byte in a string");
    end = FindInJsonString(text_, end + 2);
  }
  if (end == text_.size()) return Fail("a string has no end");
  pos_ = end;
  if (text_[end] != '"') return Fail("a control byte in a string");
  ++pos_;
  value = MakeSpan(begin, end);
  value.escaped = escaped;
  return true;
}

bool JsonCursor::SkipNull() {
  if (!ok() || Peek() != 'n' || text_.substr(pos_, 4) != "null") return false;
  pos_ += 4;
  return true;
}

bool JsonCursor::SkipValue(FieldSpan& value) {
  if (!ok()) return false;
  const char c = Peek();
  const size_t begin = pos_;
  if (c == '"') {
    if (!ReadString(value)) return false;
  } else if (c == '{' || c == '[') {
    JsonContainerState state;
    const size_t end = ScanJsonContainer(text_.substr(pos_), state);
    if (state.bad) return Fail("a control byte or a stray backslash after here");
    if (end == std::string_view::npos) return Fail("a bracket without its counterpart");
    pos_ += end;
  } else {
    while (pos_ < text_.size() && IsScalarByte(text_[pos_])) ++pos_;
    if (!IsScalar(text_.substr(begin, pos_ - begin))) return Fail("expected a value");
  }
  value = MakeSpan(begin, pos_);
  return true;
}

bool UnescapeJson(std::string_view escaped, std::string& out) {
  out.clear();
  while (!escaped.empty()) {
    const size_t plain = FindInJsonString(escaped, 0);
    out.append(escaped.substr(0, plain));
    escaped.remove_prefix(plain);
    if (escaped.empty()) return true;
    if (escaped.size() < 2 || escaped.front() != '\\') return false;
    const char kind = escaped[1];
    escaped.remove_prefix(2);
    if (kind == 'u') {
      if (!UnescapeUnicode(escaped, out)) return false;
    } else if (const char c = ShortEscape(kind); c != 0) {
      out.push_back(c);
    } else {
      return false;
    }
  }
  return true;
}

std::string_view JsonFieldText(const FieldSpan& field, std::string_view bytes,
                               std::string& storage) {
  if (!field.escaped) return field.In(bytes);
  return UnescapeJson(field.In(bytes), storage) ? std::string_view(storage) : std::string_view();
}

}  // namespace weir
