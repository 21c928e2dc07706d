// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/metrics_format.h"

#include <charconv>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/strings.h"

namespace weir {
namespace {

// One part of an Accept header.
struct Range {
  std::string type;     // Lower case.
  std::string version;  // Empty: any.
  double quality = 1;
};

// A quality that makes no sense is none.
double ParseQuality(std::string_view text) {
  double quality = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), quality);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && quality >= 0 && quality <= 1 ? quality : 0;
}

Range ParseRange(std::string_view text) {
  const std::vector<std::string_view> parts = Split(text, ';');
  Range range{.type = Lower(Trim(parts[0])), .version = {}};
  for (size_t i = 1; i < parts.size(); ++i) {
    const size_t equals = parts[i].find('=');
    if (equals == std::string_view::npos) continue;
    const std::string_view name = Trim(parts[i].substr(0, equals));
    std::string_view value = Trim(parts[i].substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
      value = value.substr(1, value.size() - 2);
    }
    if (EqualsIgnoreCase(name, "q")) range.quality = ParseQuality(value);
    if (EqualsIgnoreCase(name, "version")) range.version = value;
  }
  return range;
}

// How much is wanted what `type` names, of a version if one is asked for; none: it is not named.
// Named more than once, the best counts.
std::optional<double> QualityOf(const std::vector<Range>& ranges, std::string_view type,
                                std::string_view version) {
  std::optional<double> best;
  for (const Range& range : ranges) {
    if (range.type != type || (!range.version.empty() && range.version != version)) continue;
    if (!best.has_value() || range.quality > *best) best = range.quality;
  }
  return best;
}

}  // namespace

bool WantsOpenMetrics(std::string_view accept) {
  std::vector<Range> ranges;
  for (const std::string_view part : Split(accept, ',')) ranges.push_back(ParseRange(part));
  const double open = QualityOf(ranges, "application/openmetrics-text", "1.0.0").value_or(0);
  std::optional<double> text = QualityOf(ranges, "text/plain", "0.0.4");
  if (!text.has_value()) text = QualityOf(ranges, "text/*", "");
  if (!text.has_value()) text = QualityOf(ranges, "*/*", "");
  return open > 0 && open >= text.value_or(0);
}

}  // namespace weir
