// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/request_stats.h"

#include <algorithm>
#include <array>

namespace weir {
namespace {

constexpr size_t kMaxSeries = 500;

// Methods are the client's to invent, too.
std::string_view KnownVerb(std::string_view verb) {
  constexpr std::array<std::string_view, 16> kVerbs = {
      "get",   "list", "watch", "create", "update",  "patch",   "delete", "deletecollection",
      "proxy", "head", "post",  "put",    "options", "connect", "trace",  ""};
  return std::find(kVerbs.begin(), kVerbs.end(), verb) != kVerbs.end() ? verb : "other";
}

}  // namespace

void RequestStats::Count(const RequestInfo& info, std::string_view source, ForwardReason reason) {
  const std::string_view verb = KnownVerb(info.verb);
  std::string resource = ResourceLabel(info);
  std::string key = StrCat(verb, " ", resource, " ", source, " ", ForwardReasonName(reason));
  auto counter = counters_.find(key);
  if (counter == counters_.end()) {
    if (counters_.size() >= kMaxSeries) {
      resource = "other";
      key = StrCat(verb, " other ", source, " ", ForwardReasonName(reason));
    }
    counter = counters_.find(key);
  }
  if (counter == counters_.end()) {
    counter = counters_
                  .emplace(key, registry_.AddCounter(
                                    "weir_downstream_requests_total",
                                    "Requests by what answered them: the cache, or the API "
                                    "server and why.",
                                    {{"verb", std::string(verb)},
                                     {"resource", resource},
                                     {"source", std::string(source)},
                                     {"reason", std::string(ForwardReasonName(reason))}}))
                  .first;
  }
  counter->second->Add();
}

}  // namespace weir
