// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/resource_version.h"

#include <cstdint>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

// So many digits always fit 64 bits, whose arithmetic is the faster.
constexpr size_t kDigitsOf64Bits = 19;

absl::Status Malformed(std::string_view text, std::string_view why) {
  return InvalidArgumentError(StrCat("resourceVersion ", Quoted(text, 64), " ", why));
}

}  // namespace

absl::StatusOr<ResourceVersion> ResourceVersion::Parse(std::string_view text) {
  if (text.empty()) return Malformed(text, "is empty");
  for (const char c : text) {
    if (c < '0' || c > '9') return Malformed(text, "is not a decimal number");
  }
  if (text.front() == '0') return Malformed(text, "is zero or has a leading zero");

  uint64_t head = 0;
  for (const char c : text.substr(0, kDigitsOf64Bits)) head = head * 10 + (c - '0');
  unsigned __int128 value = head;
  for (size_t i = kDigitsOf64Bits; i < text.size(); ++i) {
    const unsigned digit = text[i] - '0';
    if (__builtin_mul_overflow(value, 10U, &value) ||
        __builtin_add_overflow(value, digit, &value)) {
      return Malformed(text, "is larger than 2^128-1");
    }
  }
  return ResourceVersion(value);
}

std::string ResourceVersion::ToString() const {
  char digits[40];
  char* const end = digits + sizeof(digits);
  char* begin = end;
  unsigned __int128 rest = value_;
  do {
    *--begin = static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest != 0);
  return std::string(begin, end);
}

}  // namespace weir
