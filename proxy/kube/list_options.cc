// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/list_options.h"

#include <algorithm>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

absl::StatusOr<std::string> Unescape(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out.push_back(' ');
    } else if (text[i] != '%') {
      out.push_back(text[i]);
    } else {
      const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return InvalidArgumentError(
            StrCat("bad percent escape ", Quoted(text.substr(i, 3)), " in the URL"));
      }
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    }
  }
  return out;
}

// Go's strconv.ParseInt also takes a leading '+'; such requests are forwarded.
absl::Status ReadNumber(std::string_view name, std::string_view value,
                        std::optional<int64_t>& out) {
  if (out.has_value()) return absl::OkStatus();
  out = ParseInt64(value);
  if (out.has_value()) return absl::OkStatus();
  return InvalidArgumentError(
      StrCat("query parameter ", name, " is not a number: ", Quoted(value)));
}

// The durations that clients send, as Go writes them: "32s", "8m0s", "1h0m0s", "500ms". Any other
// is for the API server to take or to refuse.
bool IsPlainDuration(std::string_view text) {
  constexpr size_t kMostDigits = 6;
  if (text.empty()) return false;
  while (!text.empty()) {
    const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
    text.remove_prefix(digits);
    const size_t unit = std::min(text.find_first_of("0123456789"), text.size());
    const std::string_view name = text.substr(0, unit);
    if (digits == 0 || digits > kMostDigits) return false;
    if (name != "h" && name != "m" && name != "s" && name != "ms") return false;
    text.remove_prefix(unit);
  }
  return true;
}

// Reads ListOptions from parameters; keeps the first value of each name.
class Reader {
 public:
  absl::Status Read(std::string_view name, std::string&& value) {
    if (name == "limit") return ReadNumber(name, value, options_.limit);
    if (name == "timeoutSeconds") return ReadNumber(name, value, options_.timeout_seconds);
    if (ReadString(name, value) || ReadBool(name, value)) return absl::OkStatus();
    if (name != "timeout" || !IsPlainDuration(value)) options_.has_other_parameters = true;
    return absl::OkStatus();
  }
  ListOptions Take() { return std::move(options_); }

 private:
  bool ReadString(std::string_view name, std::string& value) {
    const struct {
      std::string_view name;
      std::string& target;
    } kStrings[] = {
        {"labelSelector", options_.label_selector},
        {"fieldSelector", options_.field_selector},
        {"resourceVersion", options_.resource_version},
        {"resourceVersionMatch", options_.resource_version_match},
        {"continue", options_.continue_token},
    };
    for (unsigned i = 0; i < std::size(kStrings); ++i) {
      if (name != kStrings[i].name) continue;
      if (First(i)) kStrings[i].target = std::move(value);
      return true;
    }
    return false;
  }

  bool ReadBool(std::string_view name, std::string_view value) {
    const bool is_true = IsTrueParameter(value);
    if (name == "watch") {
      if (First(8)) options_.watch = is_true;
    } else if (name == "allowWatchBookmarks") {
      if (First(9)) options_.allow_watch_bookmarks = is_true;
    } else if (name == "sendInitialEvents") {
      if (First(10)) options_.send_initial_events = is_true;
    } else {
      return false;
    }
    return true;
  }

  // Whether parameter number `bit` has not been seen before.
  bool First(unsigned bit) {
    const bool first = (seen_ & (1u << bit)) == 0;
    seen_ |= 1u << bit;
    return first;
  }

  ListOptions options_;
  unsigned seen_ = 0;
};

}  // namespace

absl::StatusOr<ListOptions> ListOptions::Parse(std::string_view query) {
  QueryParameters parameters = QueryParameters::Parse(query);
  if (parameters.malformed) {
    return InvalidArgumentError("the URL's query has a bad percent escape or a semicolon");
  }
  Reader reader;
  for (auto& [name, value] : parameters.values) {
    WEIR_RETURN_IF_ERROR(reader.Read(name, std::move(value)));
  }
  return reader.Take();
}

QueryParameters QueryParameters::Parse(std::string_view query) {
  QueryParameters result;
  for (const std::string_view pair : Split(query, '&')) {
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    auto name = QueryUnescape(pair.substr(0, equals));
    auto value = QueryUnescape(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!name.ok() || !value.ok() || pair.find(';') != std::string_view::npos) {
      result.malformed = true;
    } else {
      result.values.emplace_back(*std::move(name), *std::move(value));
    }
  }
  return result;
}

const std::string* QueryParameters::First(std::string_view name) const {
  for (const auto& [other, value] : values) {
    if (other == name) return &value;
  }
  return nullptr;
}

bool IsTrueParameter(std::string_view value) {
  return value != "0" && !EqualsIgnoreCase(value, "false");
}

absl::StatusOr<std::string> QueryUnescape(std::string_view text) { return Unescape(text, true); }

absl::StatusOr<std::string> PathUnescape(std::string_view text) { return Unescape(text, false); }

std::string QueryEscape(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      out.push_back(c);
    } else {
      out.push_back('%');
      out.push_back(kHex[static_cast<unsigned char>(c) >> 4]);
      out.push_back(kHex[static_cast<unsigned char>(c) & 15]);
    }
  }
  return out;
}

}  // namespace weir
