// SPDX-License-Identifier: Apache-2.0
//
// What a server says about the parameters of LIST and WATCH, in the order in which it looks at
// them.
#include <charconv>
#include <utility>

#include "proxy/base/strings.h"
#include "tests/support/fake_api_server_list.h"

namespace weir {
namespace {

FakeStatus BadRequest(std::string message) {
  return {.code = 400, .reason = "BadRequest", .message = std::move(message)};
}

FakeCause Forbidden(std::string_view field, std::string_view text) {
  return {"FieldValueForbidden", StrCat("Forbidden: ", text), std::string(field)};
}

FakeCause NotSupported(std::string_view value, std::string_view supported) {
  return {"FieldValueNotSupported",
          StrCat("Unsupported value: \"", value, "\": supported values: ", supported),
          "resourceVersionMatch"};
}

FakeStatus InvalidOptions(std::vector<FakeCause> causes) {
  std::string what;
  for (const FakeCause& cause : causes) {
    StrAppend(what, what.empty() ? "" : ", ", cause.field, ": ", cause.message);
  }
  if (causes.size() > 1) what = StrCat("[", what, "]");
  return {.code = 422,
          .reason = "Invalid",
          .message = StrCat("ListOptions.meta.k8s.io \"\" is invalid: ", what),
          .group = "meta.k8s.io",
          .kind = "ListOptions",
          .causes = std::move(causes)};
}

constexpr std::string_view kMatch = "resourceVersionMatch";

// The rules of apimachinery's internalversion/validation.
std::vector<FakeCause> ValidateInitialEvents(const ListOptions& options, bool stream_list) {
  const std::string& match = options.resource_version_match;
  std::vector<FakeCause> causes;
  if (match != "NotOlderThan") {
    causes.push_back(Forbidden(
        kMatch, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
    if (!match.empty()) causes.push_back(NotSupported(match, "\"NotOlderThan\""));
  }
  if (!stream_list) {
    causes.push_back(Forbidden("sendInitialEvents",
                               "sendInitialEvents is forbidden for watch unless the WatchList "
                               "feature gate is enabled"));
  }
  return causes;
}

std::vector<FakeCause> Validate(const ListOptions& options, bool watch, bool stream_list) {
  const std::string& match = options.resource_version_match;
  if (watch && options.send_initial_events.has_value()) {
    return ValidateInitialEvents(options, stream_list);
  }
  if (watch) {
    if (match.empty()) return {};
    return {Forbidden(
        kMatch,
        "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")};
  }
  std::vector<FakeCause> causes;
  if (!match.empty()) {
    if (options.resource_version.empty()) {
      causes.push_back(Forbidden(
          kMatch, "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    }
    if (!options.continue_token.empty()) {
      causes.push_back(
          Forbidden(kMatch, "resourceVersionMatch is forbidden when continue is provided"));
    }
    if (match != "Exact" && match != "NotOlderThan") {
      causes.push_back(NotSupported(match, R"("Exact", "NotOlderThan", "")"));
    }
    if (match == "Exact" && options.resource_version == "0") {
      causes.push_back(Forbidden(
          kMatch, "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\""));
    }
  }
  if (options.send_initial_events.has_value()) {
    causes.push_back(Forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  }
  return causes;
}

// As Go's strconv words it; "" if it is a number.
template <typename Number>
std::string NumberError(std::string_view function, std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = end == text.data() + text.size() && !text.empty();
  if (error == std::errc() && whole) return "";
  const bool range = error == std::errc::result_out_of_range && whole;
  return StrCat("strconv.", function, ": parsing ", JsonString(text), ": ",
                range ? "value out of range" : "invalid syntax");
}

FakeStatus CheckNumbers(std::string_view query) {
  const QueryParameters parameters = QueryParameters::Parse(query);
  for (const char* name : {"limit", "timeoutSeconds"}) {
    const std::string* value = parameters.First(name);
    if (value == nullptr) continue;
    if (std::string error = NumberError<int64_t>("ParseInt", *value); !error.empty()) {
      return BadRequest(std::move(error));
    }
  }
  return {};
}

FakeStatus BadFieldSelector(std::string_view text) {
  for (const std::string_view term : Split(text, ',')) {
    if (term.find('=') != std::string_view::npos) continue;
    return BadRequest(StrCat("invalid selector: '", text, "'; can't understand '", term, "'"));
  }
  const size_t escape = text.find('\\');
  return BadRequest(StrCat("invalid field selector: invalid escape sequence: ",
                           text.substr(std::min(escape, text.size()), 2)));
}

// Kinds that have more fields than these say it in other words.
FakeStatus CheckFields(const FakeKind& kind, const FieldSelector& fields) {
  const std::string& plural = kind.resource.resource;
  const bool own_words = kind.custom || plural == "nodes" || plural == "namespaces" ||
                         plural == "pods" || plural == "secrets" || plural == "events";
  for (const FieldSelector::Term& term : fields.terms) {
    if (term.field == "metadata.name") continue;
    if (term.field == "metadata.namespace" && kind.namespaced) continue;
    if (own_words) return BadRequest(StrCat("field label not supported: ", term.field));
    return BadRequest(StrCat("\"", term.field,
                             "\" is not a known field selector: only \"metadata.name\", "
                             "\"metadata.namespace\""));
  }
  return {};
}

}  // namespace

FakeStatus CheckVersion(std::string_view version, bool list) {
  if (version.empty()) return {};
  const std::string error = NumberError<uint64_t>("ParseUint", version);
  if (error.empty()) return {};
  std::string message =
      StrCat("resourceVersion: Invalid value: ", JsonString(version), ": ", error);
  if (list) return BadRequest("invalid resource version: " + message);
  return {.code = 500, .message = std::move(message)};
}

FakeStatus ParseRead(const RequestInfo& info, bool watch, bool stream_list,
                     FakeReadRequest& request) {
  request.namespace_name = request.kind->namespaced ? info.namespace_name : "";
  if (FakeStatus error = CheckNumbers(info.query); !error.ok()) return error;
  // What does not parse as a query is left out.
  request.options = ListOptions::Parse(info.query).value_or(ListOptions());
  const ListOptions& options = request.options;
  auto labels = LabelSelector::Parse(options.label_selector);
  if (!labels.ok()) {
    return BadRequest(StrCat("unable to parse requirement: ", options.label_selector));
  }
  request.labels = *std::move(labels);
  auto fields = FieldSelector::Parse(options.field_selector);
  if (!fields.ok()) return BadFieldSelector(options.field_selector);
  request.fields = *std::move(fields);
  if (auto causes = Validate(options, watch, stream_list); !causes.empty()) {
    return InvalidOptions(std::move(causes));
  }
  if (FakeStatus error = CheckFields(*request.kind, request.fields); !error.ok()) return error;
  return CheckVersion(options.resource_version, !watch);
}

}  // namespace weir
