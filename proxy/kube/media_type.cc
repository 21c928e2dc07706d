// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/media_type.h"

#include <vector>

#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kProtobufType = "application/vnd.kubernetes.protobuf";

// Go sorts up to 12 elements by insertion; for more the order among equals is not known here.
// Real clients send at most five.
constexpr size_t kMaxClauses = 12;

// One comma-separated part of an Accept header.
struct Clause {
  std::string_view type, subtype;
  std::string_view as, group, version;
  int q = 1000;             // In thousandths.
  bool transforms = false;  // Has any of as, g, v.
  bool other = false;       // Has a parameter whose effect Weir does not reproduce.
};

// A quality as RFC 9110 writes it: "1", "0.5", "1.000".
std::optional<int> ParseQuality(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
  if (text.size() > 1 && text[1] != '.') return std::nullopt;
  int thousandths = 0;
  for (size_t i = 2; i < 5; ++i) {
    const char digit = i < text.size() ? text[i] : '0';
    if (digit < '0' || digit > '9') return std::nullopt;
    thousandths = thousandths * 10 + (digit - '0');
  }
  if (text[0] == '0') return thousandths;
  return thousandths == 0 ? std::optional<int>(1000) : std::nullopt;
}

// Reads "name=value" into `clause`; false if it is not a plain one.
bool ReadParameter(std::string_view parameter, Clause& clause) {
  const size_t equals = parameter.find('=');
  if (equals == std::string_view::npos) return true;  // Ignored by the API server too.
  const std::string_view name = Trim(parameter.substr(0, equals));
  const std::string_view value = Trim(parameter.substr(equals + 1));
  if (value.find('=') != std::string_view::npos) return false;  // Read in odd ways.
  if (name == "q") {
    const auto quality = ParseQuality(parameter.substr(equals + 1));
    clause.q = quality.value_or(0);
    return quality.has_value();
  }
  if (name == "as" || name == "g" || name == "v") {
    (name == "as" ? clause.as : name == "g" ? clause.group : clause.version) = value;
    clause.transforms = true;
  } else if (name == "stream") {
    clause.other |= value != "watch";
  } else if (name == "pretty") {
    clause.other |= value == "1";
  } else if (name != "charset") {
    clause.other = true;
  }
  return true;
}

// The clauses in the order of the header, or nullopt where the order of preference would be a
// guess. Parts that are no media range are left out, as the API server does.
std::optional<std::vector<Clause>> ReadClauses(std::string_view accept) {
  for (const char c : accept) {
    if (c < ' ' || c > '~') return std::nullopt;  // Which white space is trimmed varies.
  }
  std::vector<Clause> clauses;
  for (const std::string_view part : Split(accept, ',')) {
    const std::vector<std::string_view> pieces = Split(part, ';');
    const std::vector<std::string_view> range = Split(Trim(pieces[0]), '/');
    Clause clause;
    clause.type = Trim(range[0]);
    clause.subtype = range.size() > 1 ? Trim(range[1]) : clause.type == "*" ? "*" : "";
    // Versions differ in what they make of a slash too many or nothing after it.
    if (range.size() > 2 || (range.size() == 2 && clause.subtype.empty())) return std::nullopt;
    if (range.size() == 1 && clause.type != "*") continue;
    clause.other = range.size() == 1;
    for (size_t i = 1; i < pieces.size(); ++i) {
      if (!ReadParameter(pieces[i], clause)) return std::nullopt;
    }
    clauses.push_back(clause);
  }
  if (clauses.size() > kMaxClauses) return std::nullopt;
  return clauses;
}

// goautoneg's comparison. It is no strict weak ordering, so the way of sorting matters.
bool ComesBefore(const Clause& a, const Clause& b) {
  if (a.q > b.q) return true;
  if (a.type != "*" && b.type == "*") return true;
  return a.subtype != "*" && b.subtype == "*";
}

void SortByPreference(std::vector<Clause>& clauses) {
  for (size_t i = 1; i < clauses.size(); ++i) {
    for (size_t j = i; j > 0 && ComesBefore(clauses[j], clauses[j - 1]); --j) {
      std::swap(clauses[j], clauses[j - 1]);
    }
  }
}

// What the API server makes of one clause; nullopt if it passes over it.
struct Usable {
  Negotiated::Kind kind;
  Representation representation;
};
std::optional<Usable> Use(const Clause& clause, bool list) {
  using Kind = Negotiated::Kind;
  if (clause.type != "application" && (clause.type != "*" || clause.subtype != "*")) {
    return std::nullopt;
  }
  Usable usable{Kind::kObjects, Representation::kJson};  // JSON is what wildcards mean.
  if (clause.subtype == "vnd.kubernetes.protobuf") {
    usable.representation = Representation::kProtobuf;
  } else if (clause.subtype == "yaml" || clause.subtype == "cbor" || clause.subtype == "cbor-seq") {
    usable.kind = Kind::kOther;  // Whether the server has CBOR is not known here.
  } else if (clause.subtype != "json" && clause.subtype != "*") {
    return std::nullopt;
  }
  // The router of built-in kinds refuses these, the handlers of custom resources do not.
  const bool odd_range = clause.type == "application" && clause.subtype == "*";
  if (clause.other || odd_range) usable.kind = Kind::kOther;
  if (usable.kind == Kind::kOther || !clause.transforms) return usable;
  // The other one of the two would be chosen nevertheless, and then answered with 406, or on a
  // watch with something odd.
  const std::string_view metadata = list ? "PartialObjectMetadataList" : "PartialObjectMetadata";
  const bool known =
      clause.as == metadata && clause.group == "meta.k8s.io" && clause.version == "v1";
  usable.kind = known ? Kind::kMetadata : Kind::kOther;
  return usable;
}

}  // namespace

std::string_view ContentType(Representation representation) {
  return representation == Representation::kJson ? kJsonType : kProtobufType;
}

std::string_view WatchContentType(Representation representation) {
  return representation == Representation::kJson
             ? kJsonType
             : "application/vnd.kubernetes.protobuf;stream=watch";
}

std::optional<Representation> RepresentationOf(std::string_view content_type) {
  const std::string_view type = Trim(content_type.substr(0, content_type.find(';')));
  if (EqualsIgnoreCase(type, kJsonType)) return Representation::kJson;
  if (EqualsIgnoreCase(type, kProtobufType)) return Representation::kProtobuf;
  return std::nullopt;
}

Negotiated NegotiateAccept(std::string_view accept, bool list) {
  using Kind = Negotiated::Kind;
  if (accept.empty()) return {Kind::kObjects, Representation::kJson, std::nullopt};
  Negotiated result;
  std::optional<std::vector<Clause>> clauses = ReadClauses(accept);
  if (!clauses) return result;
  SortByPreference(*clauses);

  bool found = false;
  for (const Clause& clause : *clauses) {
    const std::optional<Usable> usable = Use(clause, list);
    if (!usable) continue;
    if (!found) {
      found = true;
      result.kind = usable->kind;
      result.preferred = usable->representation;
      if (result.kind == Kind::kOther || result.preferred == Representation::kJson) break;
    } else if (usable->kind != result.kind) {
      break;  // What a custom resource would be answered with is not what `kind` says.
    } else if (usable->representation != result.preferred) {
      result.fallback = usable->representation;
      break;
    }
  }
  return result;
}

}  // namespace weir
