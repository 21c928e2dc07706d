// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_negotiation.h"

#include <map>
#include <optional>

#include "proxy/base/strings.h"
#include "proxy/kube/list_options.h"

namespace weir {
namespace {

constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";

struct Clause {
  std::string type;
  std::map<std::string, std::string, std::less<>> parameters;

  bool json() const {
    return type == "application/json" || type == "*/*" || type == "application/*";
  }
  // To the router.
  bool known() const {
    return type == "application/json" || type == "*/*" || type == kProtobuf ||
           type == "application/yaml";
  }
  std::string Parameter(std::string_view name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? "" : found->second;
  }
};

Clause ParseClause(std::string_view text) {
  Clause clause;
  for (const std::string_view part : Split(text, ';')) {
    if (clause.type.empty()) {
      clause.type = Trim(part);
      continue;
    }
    const size_t equals = part.find('=');
    if (equals == std::string_view::npos) continue;
    clause.parameters.emplace(Trim(part.substr(0, equals)), Trim(part.substr(equals + 1)));
  }
  return clause;
}

std::optional<FakeFormat> FormatOf(const Clause& clause, const FakeKind& kind) {
  const std::string as = clause.Parameter("as");
  if (as.empty()) {
    if (clause.json()) return FakeFormat::kJson;
    if (clause.type == kProtobuf && !kind.custom) return FakeFormat::kProtobuf;
    return std::nullopt;
  }
  if (clause.Parameter("g") != "meta.k8s.io" || clause.Parameter("v") != "v1") return std::nullopt;
  if (as == "Table" && clause.json()) return FakeFormat::kTable;
  if (as != "PartialObjectMetadata" && as != "PartialObjectMetadataList") return std::nullopt;
  if (clause.json()) return FakeFormat::kMetadata;
  if (clause.type == kProtobuf) return FakeFormat::kMetadataProtobuf;
  return std::nullopt;
}

constexpr std::string_view kTypes =
    "application/json, application/yaml, application/vnd.kubernetes.protobuf";

FakeStatus NotAcceptable(std::string message) {
  return {
      .code = 406, .reason = "NotAcceptable", .message = std::move(message), .unnegotiated = true};
}

// The router refuses what no handler could take, but it does not know of custom resources.
FakeStatus RefusedByRouter(std::string_view verb) {
  const bool streams = verb == "list" || verb == "watch";
  FakeStatus status = NotAcceptable(StrCat(
      "406: Not Acceptable\n\nAvailable representations: ", kTypes,
      streams ? StrCat(", application/json;stream=watch, ", kProtobuf, ";stream=watch") : ""));
  status.empty_details = true;
  return status;
}

}  // namespace

FakeAccept Negotiate(std::string_view accept, const FakeKind& kind, std::string_view verb) {
  FakeAccept result;
  if (Trim(accept).empty()) return result;
  bool known = false, usable = false;
  for (const std::string_view text : Split(accept, ',')) {
    const Clause clause = ParseClause(text);
    known = known || clause.known();
    const auto format = FormatOf(clause, kind);
    if (!format || usable) continue;
    usable = true;
    result.format = *format;
    result.transform = clause.Parameter("as");
  }
  if (!known && !kind.custom) {
    result.error = RefusedByRouter(verb);
    result.error.unnegotiated = !usable;
  }
  if (usable || !result.error.ok()) return result;
  result.error = NotAcceptable(StrCat("only the following media types are accepted: ", kTypes));
  // The error itself can be had in protobuf.
  if (ParseClause(accept).type == kProtobuf && ParseClause(accept).Parameter("as").empty()) {
    result.error.unnegotiated = false;
    result.format = FakeFormat::kProtobuf;
  }
  return result;
}

FakeStatus CheckTransform(const FakeAccept& accept, const FakeKind& kind, bool list) {
  const std::string suffix = list ? "List" : "";
  const std::string type = kind.custom ? StrCat("*unstructured.Unstructured", suffix)
                                       : StrCat("*core.", kind.kind, suffix);
  if (list && accept.transform == "PartialObjectMetadata") {
    return NotAcceptable(StrCat(
        "you requested PartialObjectMetadata, but the requested object is a list (", type, ")"));
  }
  if (!list && accept.transform == "PartialObjectMetadataList") {
    return NotAcceptable(
        StrCat("you requested PartialObjectMetadataList, but the requested object is not a list (",
               type, ")"));
  }
  return {};
}

bool WantsIndented(std::string_view query, std::string_view user_agent) {
  const QueryParameters parameters = QueryParameters::Parse(query);
  if (const std::string* pretty = parameters.First("pretty");
      pretty != nullptr && !pretty->empty()) {
    return *pretty == "1" || Lower(*pretty) == "true" || Lower(*pretty) == "t";
  }
  return user_agent.starts_with("curl") || user_agent.starts_with("Wget") ||
         user_agent.starts_with("Mozilla/5.0");
}

}  // namespace weir
