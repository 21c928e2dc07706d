// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/token_expiry.h"

#include <cstdint>
#include <string>

#include "proxy/base/strings.h"

namespace weir {
namespace {

int Base64UrlDigit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '-') return 62;
  if (c == '_') return 63;
  return -1;
}

// Without padding, as JWTs are; "" when it is something else.
std::string Base64UrlDecode(std::string_view text) {
  std::string out;
  out.reserve(text.size() * 3 / 4);
  uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    const int digit = Base64UrlDigit(c);
    if (digit < 0) return "";
    bits = (bits << 6) | static_cast<uint32_t>(digit);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out += static_cast<char>((bits >> count) & 0xff);
  }
  return out;
}

}  // namespace

absl::Time TokenExpiry(std::string_view token) {
  const size_t first = token.find('.');
  if (first == std::string_view::npos) return absl::InfiniteFuture();
  const size_t second = token.find('.', first + 1);
  if (second == std::string_view::npos) return absl::InfiniteFuture();
  const std::string claims = Base64UrlDecode(token.substr(first + 1, second - first - 1));
  // Several `exp` (nested ones, say) are possible in principle: the earliest is the safe one.
  constexpr std::string_view kClaim = "\"exp\":";
  absl::Time expiry = absl::InfiniteFuture();
  for (size_t at = claims.find(kClaim); at != std::string::npos; at = claims.find(kClaim, at + 1)) {
    std::string_view rest = Trim(std::string_view(claims).substr(at + kClaim.size()));
    rest = rest.substr(0, rest.find_first_not_of("0123456789"));
    if (const auto seconds = ParseInt64(rest)) {
      expiry = std::min(expiry, absl::FromUnixSeconds(*seconds));
    }
  }
  return expiry;
}

// Word for word as k8s.io/apiserver request/bearertoken: split at single blanks, the second part is
// the token, empty where two blanks follow each other; what comes after it is not looked at.
std::string_view BearerToken(std::string_view authorization) {
  authorization = Trim(authorization);
  const size_t space = authorization.find(' ');
  if (space == std::string_view::npos) return "";
  if (!EqualsIgnoreCase(authorization.substr(0, space), "bearer")) return "";
  const std::string_view rest = authorization.substr(space + 1);
  return rest.substr(0, rest.find(' '));
}

}  // namespace weir
