// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

#include "proxy/base/strings.h"
#include "proxy/cache/cache_key.h"
#include "proxy/http/message.h"
#include "proxy/kube/list_options.h"
#include "proxy/kube/request_info.h"
#include "proxy/kube/resource_version.h"
#include "proxy/kube/selector.h"

namespace weir {

// Why a request goes to the API server; the metric's label `reason`.
enum class ForwardReason {
  kNone,
  kWrite,            // Not GET.
  kNonResource,      // Discovery, health, openapi...
  kNamedGet,         // GET of one object.
  kSubresource,      // log, status, exec..., or a deprecated /watch/ path.
  kUpgrade,          // A tunnel, or a WebSocket watch.
  kRepresentation,   // Table, YAML, metadata only, ...
  kConsistentRead,   // LIST with resourceVersion="".
  kPagedRead,        // limit with a version, continue, Exact.
  kOptions,          // Invalid or unknown parameters: the API server words the answer.
  kSelector,         // A field selector other than metadata.name and metadata.namespace.
  kNeverCached,      // Leases, events, reviews, secrets unless configured, excluded resources.
  kImpersonation,    // Impersonate-*.
  kIdentity,         // Another identity than the cache's owner, or none.
  kUnavailable,      // The cache has no access, or the resource cannot be cached.
  kNotSynced,        // The cache did not sync in time.
  kOldVersion,       // Before the window: the API server may still have it.
  kFutureVersion,    // Beyond what the cache reached in 3 s.
  kEnvelopeUnknown,  // How this resource's LIST is framed is not known yet.
};
std::string_view ForwardReasonName(ForwardReason reason);

struct DecisionOptions {
  bool cache_secrets = false;
  StringSet never_cached;  // Resource names as kubectl prints them: "leases.coordination.k8s.io".
};

// What to do with a request, from its head alone (the decision table). Pure.
struct Decision {
  enum class Kind { kForward, kList, kWatch };
  Kind kind = Kind::kForward;
  ForwardReason reason = ForwardReason::kNone;
  RequestInfo info;
  ListOptions options;
  // kList, kWatch:
  CacheKey key;
  LabelSelector labels;
  FieldSelector fields;
  // What a kind without protobuf (a custom resource) is answered in, if the client takes it.
  std::optional<Representation> fallback;
  ResourceVersion at_least;     // LIST: not older than. WATCH: events after. Not set: "0" or "".
  bool initial_events = false;  // WATCH: begins with every object ("0", "" legacy, stream-list).
  bool end_bookmark = false;    // Stream-list with bookmarks allowed.
  bool bookmarks = false;
  bool most_recent = false;  // Stream-list with resourceVersion="".
  absl::Duration timeout;    // WATCH; zero: the client set none.
};
// REQUIRES: `head` outlives the result (info views its target).
Decision Decide(const RequestHead& head, const DecisionOptions& options);

}  // namespace weir
