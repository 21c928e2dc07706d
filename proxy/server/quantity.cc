// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/quantity.h"

#include <iterator>

#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr struct {
  std::string_view suffix;
  uint64_t factor;
} kSizes[] = {
    {"Ti", 1ull << 40},      {"Gi", 1ull << 30}, {"Mi", 1ull << 20}, {"Ki", 1ull << 10},
    {"T", 1000000000000ull}, {"G", 1000000000},  {"M", 1000000},     {"k", 1000},
};

}  // namespace

std::optional<absl::Duration> ParseDurationText(std::string_view text) {
  // absl also takes signs, "inf" and a bare "0".
  if (text.empty() || text.size() > 40 || text[0] < '0' || text[0] > '9') return std::nullopt;
  if (text.find_first_not_of("0123456789.hmsun") != std::string_view::npos) return std::nullopt;
  if (text.back() >= '0' && text.back() <= '9') return std::nullopt;
  absl::Duration duration;
  if (!absl::ParseDuration(std::string(text), &duration)) return std::nullopt;
  if (duration == absl::InfiniteDuration()) return std::nullopt;
  return duration;
}

std::string DurationText(absl::Duration duration) {
  return duration == absl::ZeroDuration() ? "0s" : absl::FormatDuration(duration);
}

std::optional<uint64_t> ParseByteSize(std::string_view text) {
  uint64_t factor = 1;
  for (const auto& size : kSizes) {
    if (!text.ends_with(size.suffix)) continue;
    factor = size.factor;
    text.remove_suffix(size.suffix.size());
    break;
  }
  const auto number = ParseUint64(text);
  uint64_t bytes = 0;
  if (!number || __builtin_mul_overflow(*number, factor, &bytes)) return std::nullopt;
  return bytes;
}

std::string ByteSizeText(uint64_t bytes) {
  for (size_t i = 0; i < 4 && bytes > 0; ++i) {
    if (bytes % kSizes[i].factor == 0) return StrCat(bytes / kSizes[i].factor, kSizes[i].suffix);
  }
  return StrCat(bytes);
}

}  // namespace weir
