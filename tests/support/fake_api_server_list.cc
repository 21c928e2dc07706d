// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_api_server_list.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/base/strings.h"

namespace weir {
namespace {

FakeStatus BadRequest(std::string message) {
  return {.code = 400, .reason = "BadRequest", .message = std::move(message)};
}

FakeStatus InvalidOptions(std::string_view field, std::string_view text) {
  const std::string message = StrCat("Forbidden: ", text);
  return {.code = 422,
          .reason = "Invalid",
          .message = StrCat("ListOptions.meta.k8s.io \"\" is invalid: ", field, ": ", message),
          .group = "meta.k8s.io",
          .kind = "ListOptions",
          .cause_reason = "FieldValueForbidden",
          .cause_message = message,
          .cause_field = std::string(field)};
}

// The rules of apimachinery's internalversion/validation.
FakeStatus Validate(const ListOptions& options, bool watch, bool stream_list) {
  constexpr std::string_view kMatch = "resourceVersionMatch";
  const std::string& match = options.resource_version_match;
  if (watch) {
    if (options.send_initial_events.has_value()) {
      if (match != "NotOlderThan") {
        return InvalidOptions(
            kMatch, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan");
      }
      if (!stream_list) {
        return InvalidOptions(
            "sendInitialEvents",
            "sendInitialEvents is forbidden for watch unless the WatchList feature "
            "gate is enabled");
      }
      return {};
    }
    if (match.empty()) return {};
    return InvalidOptions(
        kMatch, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided");
  }
  if (options.send_initial_events.has_value()) {
    return InvalidOptions("sendInitialEvents", "sendInitialEvents is forbidden for list");
  }
  if (match.empty()) return {};
  if (options.resource_version.empty()) {
    return InvalidOptions(kMatch,
                          "resourceVersionMatch is forbidden unless resourceVersion is provided");
  }
  if (!options.continue_token.empty()) {
    return InvalidOptions(kMatch, "resourceVersionMatch is forbidden when continue is provided");
  }
  if (match != "Exact" && match != "NotOlderThan") {
    return InvalidOptions(kMatch, "supported values: \"Exact\", \"NotOlderThan\"");
  }
  if (match == "Exact" && options.resource_version == "0") {
    return InvalidOptions(kMatch,
                          "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
  }
  return {};
}

// Tokens here are "<version>:<joined key>" in hex: opaque, as a client must take them.
std::string MakeContinue(uint64_t version, const std::string& start) {
  std::string out;
  for (const unsigned char c : StrCat(version, ":", start)) {
    out += "0123456789abcdef"[c >> 4];
    out += "0123456789abcdef"[c & 15];
  }
  return out;
}

std::optional<std::pair<uint64_t, std::string>> ReadContinue(std::string_view token) {
  std::string text;
  for (size_t i = 0; i + 1 < token.size(); i += 2) {
    const size_t high = std::string_view("0123456789abcdef").find(token[i]);
    const size_t low = std::string_view("0123456789abcdef").find(token[i + 1]);
    if (high > 15 || low > 15) return std::nullopt;
    text += static_cast<char>(high << 4 | low);
  }
  const size_t colon = text.find(':');
  if (colon == std::string::npos) return std::nullopt;
  const auto version = ParseUint64(std::string_view(text).substr(0, colon));
  if (!version) return std::nullopt;
  return std::pair(*version, text.substr(colon + 1));
}

std::string KeyOf(const FakeObject& object) {
  return object.namespace_name.empty() ? object.name
                                       : StrCat(object.namespace_name, "/", object.name);
}

FakeStatus ExpiredList(std::string_view what) {
  return {.code = 410,
          .reason = "Expired",
          .message = StrCat("The ", what, " is too old to display a consistent list result.")};
}

// Objects at `version` from `start` on, at most `limit` of them.
FakeListAnswer Page(const FakeApiState& state, const FakeReadRequest& request, uint64_t version,
                    const std::string& start, uint64_t limit) {
  FakeListAnswer answer;
  answer.list.kind = request.kind;
  answer.list.version = version;
  for (FakeObjectPtr& object : state.store.ListAt(*request.kind, version)) {
    if (!request.Selects(*object) || KeyOf(*object) < start) continue;
    if (limit == 0 || answer.list.items.size() < limit) {
      answer.list.items.push_back(std::move(object));
      continue;
    }
    if (answer.list.remaining++ == 0) {
      answer.list.continue_token = MakeContinue(version, KeyOf(*object));
    }
  }
  return answer;
}

}  // namespace

FakeStatus TooLargeVersion(uint64_t version, uint64_t current) {
  return {
      .code = 504,
      .reason = "Timeout",
      .message = StrCat("Timeout: Too large resource version: ", version, ", current: ", current),
      .cause_reason = "ResourceVersionTooLarge",
      .cause_message = "Too large resource version",
      .retry_after_seconds = 1};
}

FakeStatus TooOldVersion(uint64_t version, uint64_t oldest) {
  return {.code = 410,
          .reason = "Expired",
          .message = StrCat("too old resource version: ", version, " (", oldest, ")")};
}

bool FakeReadRequest::Selects(const FakeObject& object) const {
  if (!namespace_name.empty() && object.namespace_name != namespace_name) return false;
  return fields.Matches(object.name, object.namespace_name) &&
         labels.Matches([&object](std::string_view key) -> std::optional<std::string_view> {
           const auto label = object.labels.find(std::string(key));
           if (label == object.labels.end()) return std::nullopt;
           return label->second;
         });
}

FakeStatus ParseRead(const RequestInfo& info, bool watch, bool stream_list,
                     FakeReadRequest& request) {
  request.namespace_name = request.kind->namespaced ? info.namespace_name : "";
  auto options = ListOptions::Parse(info.query);
  if (!options.ok()) return BadRequest("a query parameter does not parse");
  request.options = *std::move(options);
  auto labels = LabelSelector::Parse(request.options.label_selector);
  if (!labels.ok()) {
    return BadRequest(StrCat("unable to parse requirement: ", request.options.label_selector));
  }
  request.labels = *std::move(labels);
  auto fields = FieldSelector::Parse(request.options.field_selector);
  if (!fields.ok()) return BadRequest("invalid field selector");
  for (const FieldSelector::Term& term : fields->terms) {
    const bool known = term.field == "metadata.name" ||
                       (term.field == "metadata.namespace" && request.kind->namespaced);
    if (known) continue;
    return BadRequest(StrCat("\"", term.field,
                             "\" is not a known field selector: only \"metadata.name\", "
                             "\"metadata.namespace\""));
  }
  request.fields = *std::move(fields);
  if (FakeStatus invalid = Validate(request.options, watch, stream_list); !invalid.ok()) {
    return invalid;
  }
  const std::string& version = request.options.resource_version;
  if (!version.empty() && !ParseUint64(version)) {
    return BadRequest(StrCat("invalid resource version: \"", version, "\""));
  }
  return {};
}

FakeListAnswer AnswerList(const FakeApiState& state, const FakeReadRequest& request) {
  const ListOptions& options = request.options;
  const uint64_t limit = static_cast<uint64_t>(std::max<int64_t>(0, options.limit.value_or(0)));
  const uint64_t asked = ParseUint64(options.resource_version).value_or(0);
  if (!options.continue_token.empty()) {
    const auto token = ReadContinue(options.continue_token);
    if (!token) return {.error = BadRequest("invalid continue token"), .list = {}};
    if (asked != 0) {
      return {.error = BadRequest("specifying resource version is not allowed when using continue"),
              .list = {}};
    }
    if (token->first < state.store.compacted()) {
      return {.error = ExpiredList("provided continue parameter"), .list = {}};
    }
    return Page(state, request, token->first, token->second, limit);
  }
  if (options.resource_version.empty()) {
    return Page(state, request, state.store.version(), "", limit);
  }
  const bool exact = options.resource_version_match == "Exact" ||
                     (options.resource_version_match.empty() && limit > 0 && asked > 0);
  if (asked > (exact ? state.store.version() : state.served_version())) {
    return {.error = TooLargeVersion(asked, state.served_version()), .list = {}};
  }
  if (!exact) {
    const bool ignore_limit = options.resource_version_match.empty();
    return Page(state, request, state.served_version(), "", ignore_limit ? 0 : limit);
  }
  if (asked < state.store.compacted()) {
    return {.error = ExpiredList("resourceVersion for the provided list"), .list = {}};
  }
  return Page(state, request, asked, "", limit);
}

}  // namespace weir
