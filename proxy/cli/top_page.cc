// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdio>
#include <functional>
#include <vector>

#include "simdjson.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/cli/top.h"

namespace weir {
namespace {

using simdjson::dom::element;

std::string Text(const element& row, std::string_view key) {
  std::string_view text;
  if (row[key].get(text) != simdjson::SUCCESS) return "";
  std::string safe(text);
  for (char& c : safe) {
    const auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte >= 0x7f) c = '?';
  }
  return safe;
}

double Number(const element& row, std::string_view key) {
  double number = 0;
  if (row[key].get(number) != simdjson::SUCCESS) return 0;
  return number;
}

std::string Whole(double number) { return StrCat(static_cast<int64_t>(number)); }

std::string Seconds(double seconds) {
  char text[32];
  if (seconds < 1) {
    std::snprintf(text, sizeof(text), "%.3fms", seconds * 1e3);
  } else {
    std::snprintf(text, sizeof(text), "%.1fs", seconds);
  }
  return text;
}

std::string PlaceOf(const element& row) {
  const std::string place = Text(row, "namespace");
  return place.empty() ? Text(row, "name") : StrCat(place, "/", Text(row, "name"));
}

// Columns as wide as what is in them; the last one is not filled up.
class Table {
 public:
  explicit Table(std::vector<std::string> titles) { Add(std::move(titles)); }
  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
  bool empty() const { return rows_.size() == 1; }
  std::string Render() const {
    std::string text;
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) {
        text += row[i];
        if (i + 1 < row.size()) text.append(Width(i) - row[i].size() + 2, ' ');
      }
      text += '\n';
    }
    return text;
  }

 private:
  size_t Width(size_t column) const {
    size_t width = 0;
    for (const auto& row : rows_) width = std::max(width, row[column].size());
    return width;
  }
  std::vector<std::vector<std::string>> rows_;
};

absl::StatusOr<simdjson::dom::array> RowsOf(simdjson::dom::parser& parser, const std::string& page,
                                            std::string_view key) {
  element root;
  simdjson::dom::array rows;
  if (parser.parse(page).get(root) != simdjson::SUCCESS ||
      root[key].get(rows) != simdjson::SUCCESS) {
    return InternalError(StrCat("the admin port's answer has no ", Quoted(key)));
  }
  return rows;
}

// Of /streams. Texts from A, numbers from the largest.
bool Before(const element& a, const element& b, std::string_view sort) {
  if (sort == "resource") return Text(a, "resource") < Text(b, "resource");
  if (sort == "client") return Text(a, "client") < Text(b, "client");
  const std::string_view key = sort == "behind"   ? "secondsBehind"
                               : sort == "events" ? "eventsSent"
                               : sort == "bytes"  ? "bytesSent"
                                                  : "ageSeconds";
  return Number(a, key) > Number(b, key);
}

absl::Status AppendStreams(const std::string& page, std::string_view sort, std::string& out) {
  simdjson::dom::parser parser;
  WEIR_ASSIGN_OR_RETURN(const simdjson::dom::array array, RowsOf(parser, page, "streams"));
  std::vector<element> rows(array.begin(), array.end());
  std::stable_sort(rows.begin(), rows.end(),
                   [sort](const element& a, const element& b) { return Before(a, b, sort); });
  Table table({"RESOURCE", "NAMESPACE", "AGE", "EVENTS", "BYTES", "BEHIND", "LAG", "SERVED",
               "CLIENT", "USER-AGENT"});
  for (const element& row : rows) {
    const std::string name_space = Text(row, "namespace");
    const std::string reason = Text(row, "reason");
    table.Add({Text(row, "resource"), name_space.empty() ? "*" : name_space,
               Seconds(Number(row, "ageSeconds")), Whole(Number(row, "eventsSent")),
               Whole(Number(row, "bytesSent")), Whole(Number(row, "eventsBehind")),
               Seconds(Number(row, "secondsBehind")), reason.empty() ? "cache" : reason,
               Text(row, "client"), Text(row, "userAgent")});
  }
  StrAppend(out, "STREAMS ", rows.size(), "\n", table.empty() ? "" : table.Render(), "\n");
  return absl::OkStatus();
}

absl::Status AppendLag(const std::string& page, std::string& out) {
  simdjson::dom::parser parser;
  WEIR_ASSIGN_OR_RETURN(const simdjson::dom::array resources, RowsOf(parser, page, "resources"));
  Table table({"RESOURCE", "STAGE", "COUNT", "P50", "P90", "P99", "MAX"});
  for (const element resource : resources) {
    simdjson::dom::array stages;
    if (resource["stages"].get(stages) != simdjson::SUCCESS) continue;
    for (const element stage : stages) {
      element minute;
      if (stage["lastMinute"].get(minute) != simdjson::SUCCESS) continue;
      if (Number(minute, "count") == 0) continue;
      const std::string name = Text(resource, "resource");
      table.Add({name.empty() ? "-" : name, Text(stage, "stage"), Whole(Number(minute, "count")),
                 Seconds(Number(minute, "p50Seconds")), Seconds(Number(minute, "p90Seconds")),
                 Seconds(Number(minute, "p99Seconds")), Seconds(Number(minute, "maxSeconds"))});
    }
  }
  StrAppend(out, "LAG of the last minute\n", table.empty() ? "no events\n" : table.Render(), "\n");
  return absl::OkStatus();
}

absl::Status AppendStuck(const std::string& page, std::string& out) {
  simdjson::dom::parser parser;
  WEIR_ASSIGN_OR_RETURN(const simdjson::dom::array objects, RowsOf(parser, page, "objects"));
  Table table({"RESOURCE", "OBJECT", "ASKS", "AGE", "ACTS"});
  size_t count = 0;
  for (const element row : objects) {
    bool acts = false;
    if (row["acts"].get(acts) != simdjson::SUCCESS) acts = false;
    table.Add({Text(row, "resource"), PlaceOf(row), Text(row, "asks"),
               Seconds(Number(row, "ageSeconds")), acts ? "yes" : "no"});
    ++count;
  }
  StrAppend(out, "STUCK ", count, "\n", table.empty() ? "" : table.Render());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> RenderTop(const TopPages& pages, std::string_view sort) {
  std::string out;
  WEIR_RETURN_IF_ERROR(AppendStreams(pages.streams, sort, out));
  WEIR_RETURN_IF_ERROR(AppendLag(pages.lag, out));
  WEIR_RETURN_IF_ERROR(AppendStuck(pages.stuck, out));
  return out;
}

std::string RenderTopJson(const TopPages& pages) {
  return StrCat("{\"streams\": ", Trim(pages.streams), ",\n\"lag\": ", Trim(pages.lag),
                ",\n\"stuck\": ", Trim(pages.stuck), "}\n");
}

}  // namespace weir
