// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"

// The few string functions Weir needs, on std::string_view. See base/status.h for why.

namespace weir {

// Concatenates; integers are printed in decimal.
class StrPiece {
 public:
  StrPiece(std::string_view text) : text_(text) {}     // NOLINT(google-explicit-constructor)
  StrPiece(const std::string& text) : text_(text) {}   // NOLINT(google-explicit-constructor)
  StrPiece(const char* text) : text_(text) {}          // NOLINT(google-explicit-constructor)
  StrPiece(char c) : digits_{c}, text_(digits_, 1) {}  // NOLINT(google-explicit-constructor)
  template <typename Int, typename = std::enable_if_t<std::is_integral_v<Int>>>
  StrPiece(Int value)  // NOLINT(google-explicit-constructor)
      : text_(digits_, std::to_chars(digits_, digits_ + sizeof(digits_), value).ptr - digits_) {}
  StrPiece(const StrPiece&) = delete;
  StrPiece& operator=(const StrPiece&) = delete;
  std::string_view text() const { return text_; }

 private:
  char digits_[24];
  std::string_view text_;
};

std::string StrCatPieces(std::initializer_list<std::reference_wrapper<const StrPiece>> pieces);
void StrAppendPieces(std::string& out,
                     std::initializer_list<std::reference_wrapper<const StrPiece>> pieces);

template <typename... Args>
std::string StrCat(const Args&... args) {
  return
      [](const auto&... pieces) { return StrCatPieces({std::cref(pieces)...}); }(StrPiece(args)...);
}
template <typename... Args>
void StrAppend(std::string& out, const Args&... args) {
  [&out](const auto&... pieces) {
    StrAppendPieces(out, {std::cref(pieces)...});
  }(StrPiece(args)...);
}

std::string_view Trim(std::string_view text);  // ASCII white space off both ends.
std::string Lower(std::string_view text);      // ASCII.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);
std::vector<std::string_view> Split(std::string_view text, char separator);  // "" -> {""}.
std::string Join(const std::vector<std::string>& parts, std::string_view separator);
// Decimal, whole string, in range; nothing else.
std::optional<int64_t> ParseInt64(std::string_view text);
std::optional<uint64_t> ParseUint64(std::string_view text);
// For messages: quoted, control bytes and quotes escaped, cut to `limit` bytes.
std::string Quoted(std::string_view text, size_t limit = 200);
// `text` as a JSON string literal with its quotes.
std::string JsonString(std::string_view text);
// The candidate nearest to `text` by edit distance, or "" when none is near: "did you mean".
std::string NearestOf(std::string_view text, const std::vector<std::string>& candidates);

// Hash and equality that let a map of std::string be searched by std::string_view.
struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
struct StringEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
};
template <typename Value>
using StringMap = absl::flat_hash_map<std::string, Value, StringHash, StringEqual>;
using StringSet = absl::flat_hash_set<std::string, StringHash, StringEqual>;

}  // namespace weir
