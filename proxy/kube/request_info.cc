// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/request_info.h"

#include <algorithm>
#include <vector>

#include "proxy/base/strings.h"
#include "proxy/kube/list_options.h"
#include "proxy/kube/selector.h"

namespace weir {
namespace {

// Of DNS: a resource is a label of it, and its group a subdomain.
constexpr size_t kMaxLabel = 63;
constexpr size_t kMaxSubdomain = 253;

using Parts = std::vector<std::string_view>;

// The parts of a path between its slashes; slashes at both ends do not count.
Parts SplitPath(std::string_view path) {
  while (!path.empty() && path.front() == '/') path.remove_prefix(1);
  while (!path.empty() && path.back() == '/') path.remove_suffix(1);
  return path.empty() ? Parts{} : Split(path, '/');
}

// Go refuses a URL with one.
bool HasControlCharacter(std::string_view target) {
  return std::any_of(target.begin(), target.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

bool IsCanonical(std::string_view path) {
  if (path.empty() || path.front() != '/' || path.find('%') != std::string_view::npos) return false;
  const Parts parts = Split(path.substr(1), '/');
  return std::none_of(parts.begin(), parts.end(), [](std::string_view part) {
    return part.empty() || part == "." || part == "..";
  });
}

std::string_view VerbOf(std::string_view method) {
  if (method == "POST") return "create";
  if (method == "GET" || method == "HEAD") return "get";
  if (method == "PUT") return "update";
  if (method == "PATCH") return "patch";
  if (method == "DELETE") return "delete";
  return "";
}

// The object that the query's field selector pins by name, or "". As in the API server, nothing
// is pinned when any of the options does not parse.
std::string PinnedName(const QueryParameters& parameters) {
  for (const std::string_view number : {"limit", "timeoutSeconds"}) {
    const std::string* value = parameters.First(number);
    if (value != nullptr && !ParseInt64(*value)) return "";
  }
  const std::string* labels = parameters.First("labelSelector");
  if (labels != nullptr && !LabelSelector::Parse(*labels).ok()) return "";
  const std::string* fields = parameters.First("fieldSelector");
  if (fields == nullptr) return "";
  const auto selector = FieldSelector::Parse(*fields);
  if (!selector.ok()) return "";
  for (const FieldSelector::Term& term : selector->terms) {
    if (term.negated || term.field != "metadata.name") continue;
    const bool valid = term.value != "." && term.value != ".." &&
                       term.value.find_first_of("/%") == std::string::npos;
    return valid ? term.value : "";
  }
  return "";
}

// Fills `info` from the parts after the version; false if they name no resource.
bool ReadResource(std::string_view method, Parts parts, RequestInfo& info) {
  const bool verb_in_path = parts[0] == "watch" || parts[0] == "proxy";
  if (verb_in_path) {
    if (parts.size() < 2) return false;
    info.verb = parts[0];
    info.deprecated_watch_path = parts[0] == "watch";
    parts.erase(parts.begin());
  } else {
    info.verb = VerbOf(method);
  }
  if (parts[0] == "namespaces" && parts.size() > 1) {
    info.namespace_name = parts[1];
    // Beyond these two subresources of a namespace, a resource in the namespace follows.
    if (parts.size() > 2 && parts[2] != "status" && parts[2] != "finalize") {
      parts.erase(parts.begin(), parts.begin() + 2);
    }
  }
  info.resource.resource = parts[0];
  if (parts.size() > 1) info.name = parts[1];
  if (parts.size() > 2 && info.verb != "proxy") info.subresource = parts[2];
  return true;
}

// What "get" and "delete" without a name mean.
void RefineCollectionVerb(RequestInfo& info) {
  if (!info.name.empty()) return;
  if (info.verb == "delete") {
    info.verb = "deletecollection";
  } else if (info.verb == "get") {
    const QueryParameters parameters = QueryParameters::Parse(info.query);
    const std::string* watch = parameters.First("watch");
    info.verb = watch != nullptr && IsTrueParameter(*watch) ? "watch" : "list";
    info.name = PinnedName(parameters);
  }
}

}  // namespace

RequestInfo RequestInfo::Parse(std::string_view method, std::string_view target) {
  RequestInfo info;
  const size_t question = target.find('?');
  info.path = target.substr(0, question);
  info.query = question == std::string_view::npos ? "" : target.substr(question + 1);
  info.canonical_path = IsCanonical(info.path) && !HasControlCharacter(target);
  info.verb = Lower(method);

  const auto path = PathUnescape(info.path);
  if (!path.ok() || info.path.substr(0, 1) != "/" || HasControlCharacter(target)) return info;
  Parts parts = SplitPath(*path);
  if (parts.size() < 3 || (parts[0] != "api" && parts[0] != "apis")) return info;
  const bool has_group = parts[0] == "apis";
  if (has_group && parts.size() < 4) return info;

  RequestInfo resource = info;
  resource.is_resource_request = true;
  if (has_group) resource.resource.group = parts[1];
  resource.resource.version = parts[has_group ? 2 : 1];
  parts.erase(parts.begin(), parts.begin() + (has_group ? 3 : 2));
  // The API server answers /api/v1/watch with an error: not a resource, forwarded.
  if (!ReadResource(method, std::move(parts), resource)) return info;
  RefineCollectionVerb(resource);
  return resource;
}

std::string ResourceLabel(const RequestInfo& info) {
  if (!info.is_resource_request) return "";
  const auto possible = [](std::string_view name, size_t limit) {
    return name.size() <= limit && std::all_of(name.begin(), name.end(), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
           });
  };
  const GroupVersionResource& resource = info.resource;
  if (!possible(resource.resource, kMaxLabel) || !possible(resource.group, kMaxSubdomain)) {
    return "other";
  }
  return resource.Name();
}

}  // namespace weir
