// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/strings.h"

#include <algorithm>
#include <numeric>

namespace weir {
namespace {

constexpr char kHex[] = "0123456789abcdef";

bool IsSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }
uint8_t ByteAt(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// How many bytes the UTF-8 sequence at `pos` has; 0 when it is not one (overlong forms,
// surrogates and what is beyond U+10FFFF included).
size_t Utf8Length(std::string_view text, size_t pos) {
  const uint8_t first = ByteAt(text, pos);
  if (first < 0x80) return 1;
  if (first < 0xC2 || first > 0xF4) return 0;
  const size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (text.size() - pos < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((ByteAt(text, pos + i) & 0xC0) != 0x80) return 0;
  }
  const uint8_t second = ByteAt(text, pos + 1);
  const bool wrong = (first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
                     (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F);
  return wrong ? 0 : length;
}

void AppendHexByte(std::string& out, std::string_view prefix, uint8_t byte) {
  out.append(prefix);
  out.push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 15]);
}

// The escape both kinds of quoted string share, or 0.
char ShortEscape(char c) {
  switch (c) {
    case '"':
    case '\\':
      return c;
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

template <typename Int>
std::optional<Int> ParseInteger(std::string_view text) {
  Int value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

std::string StrCatPieces(std::initializer_list<std::reference_wrapper<const StrPiece>> pieces) {
  std::string out;
  StrAppendPieces(out, pieces);
  return out;
}

void StrAppendPieces(std::string& out,
                     std::initializer_list<std::reference_wrapper<const StrPiece>> pieces) {
  size_t size = out.size();
  for (const StrPiece& piece : pieces) size += piece.text().size();
  // Never less than doubled: a loop of appends stays linear.
  if (size > out.capacity()) out.reserve(std::max(size, out.capacity() * 2));
  for (const StrPiece& piece : pieces) out.append(piece.text());
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && IsSpace(text.front())) text.remove_prefix(1);
  while (!text.empty() && IsSpace(text.back())) text.remove_suffix(1);
  return text;
}

std::string Lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), ToLower);
  return out;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return ToLower(x) == ToLower(y);
         });
}

std::vector<std::string_view> Split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string Join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out.append(separator);
    out.append(parts[i]);
  }
  return out;
}

std::optional<int64_t> ParseInt64(std::string_view text) { return ParseInteger<int64_t>(text); }
std::optional<uint64_t> ParseUint64(std::string_view text) { return ParseInteger<uint64_t>(text); }

std::string Quoted(std::string_view text, size_t limit) {
  std::string out = "\"";
  size_t pos = 0;
  while (pos < text.size()) {
    const uint8_t byte = ByteAt(text, pos);
    const size_t length = Utf8Length(text, pos);
    if (pos + std::max<size_t>(length, 1) > limit) break;
    // C1 controls, two bytes in UTF-8, move cursors too.
    const bool control = byte < 0x20 || byte == 0x7F ||
                         (byte == 0xC2 && length == 2 && ByteAt(text, pos + 1) < 0xA0);
    if (const char escape = ShortEscape(text[pos]); escape != 0) {
      out.push_back('\\');
      out.push_back(escape);
    } else if (length == 0 || control) {
      for (size_t i = 0; i < std::max<size_t>(length, 1); ++i) {
        AppendHexByte(out, "\\x", ByteAt(text, pos + i));
      }
    } else {
      out.append(text.substr(pos, length));
    }
    pos += std::max<size_t>(length, 1);
  }
  out.push_back('"');
  if (pos < text.size()) out.append("...");
  return out;
}

// Escapes what Go's encoding/json escapes (also <, >, & and the two line separators), so that
// texts come out as the API server writes them; invalid UTF-8 becomes U+FFFD.
std::string JsonString(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  out.push_back('"');
  for (size_t pos = 0; pos < text.size();) {
    const char c = text[pos];
    const size_t length = Utf8Length(text, pos);
    const std::string_view sequence = text.substr(pos, std::max<size_t>(length, 1));
    if (const char escape = ShortEscape(c); escape != 0) {
      out.push_back('\\');
      out.push_back(escape);
    } else if (length == 0) {
      out.append("\\ufffd");
    } else if (length == 1 && (ByteAt(text, pos) < 0x20 || c == '<' || c == '>' || c == '&')) {
      AppendHexByte(out, "\\u00", ByteAt(text, pos));
    } else if (sequence == "\xE2\x80\xA8" || sequence == "\xE2\x80\xA9") {
      out.append(sequence.back() == '\xA8' ? "\\u2028" : "\\u2029");
    } else {
      out.append(sequence);
    }
    pos += sequence.size();
  }
  out.push_back('"');
  return out;
}

std::string NearestOf(std::string_view text, const std::vector<std::string>& candidates) {
  const std::string wanted = Lower(text.substr(0, 64));
  // A third of the letters wrong is a typo; more is another word.
  size_t best = std::max<size_t>(1, wanted.size() / 3) + 1;
  std::string nearest;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(wanted, Lower(candidate));
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace weir
