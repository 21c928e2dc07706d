// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

#include "proxy/base/strings.h"
#include "proxy/cache/cache_key.h"
#include "proxy/downstream/resource_policy.h"
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
  kNamedGet,         // GET of one object, at its most recent.
  kSubresource,      // log, status, exec..., or a deprecated /watch/ path.
  kUpgrade,          // A tunnel, or a WebSocket watch.
  kRepresentation,   // Table, YAML, CBOR, ...
  kConsistentRead,   // resourceVersion="", and the policy is to forward.
  kPagedRead,        // limit with a version, continue, Exact.
  kOptions,          // Invalid or unknown parameters: the API server words the answer.
  kSelector,         // It does not parse, or a namespace of a kind that has none is asked for.
  kNeverCached,      // Leases, events, reviews, secrets unless configured, excluded resources.
  kImpersonation,    // Impersonate-*.
  kIdentity,         // Another identity than the cache's owner, or none.
  kUnavailable,      // The cache has no access, or the resource cannot be cached.
  kNotSynced,        // The cache did not sync in time.
  kOldVersion,       // Before the window: the API server may still have it.
  kFutureVersion,    // Beyond what the cache reached in 3 s.
  kEnvelopeUnknown,  // How this resource's LIST is framed is not known yet.
  kAbsent,           // GET of an object that no cache has.
  kAccess,           // The API server denies this verb, or did not say in 3 s.
  kNotCurrent,       // The cache could not be proved current in 3 s, or its watch is down.
};
std::string_view ForwardReasonName(ForwardReason reason);

struct DecisionOptions {
  bool cache_secrets = false;
  StringSet never_cached;  // Resource names as kubectl prints them: "leases.coordination.k8s.io".
  ResourcePolicy policy;
  StringMap<ResourcePolicy> policies;  // Of single resources, by such names.

  const ResourcePolicy& PolicyOf(const GroupVersionResource& resource) const;
};

// Whether lists of this resource are never kept.
bool NeverCached(const GroupVersionResource& resource, const DecisionOptions& options);

// What to do with a request, from its head alone (the decision table). Pure.
struct Decision {
  enum class Kind { kForward, kGet, kList, kWatch };
  Kind kind = Kind::kForward;
  ForwardReason reason = ForwardReason::kNone;
  RequestInfo info;
  bool trial = false;  // A write with dryRun: nothing comes of it.
  ListOptions options;
  // What follows: not of kForward.
  CacheKey key;  // kGet: of the list that would hold the object.
  LabelSelector labels;
  FieldSelector fields;
  // What a kind without protobuf (a custom resource) is answered in, if the client takes it.
  std::optional<Representation> fallback;
  // Not older than; kWatch without initial events: what comes after. Not set: "0" or "".
  ResourceVersion at_least;
  bool most_recent = false;                   // resourceVersion="": see freshness.
  Freshness freshness = Freshness::kRelaxed;  // Of most_recent; never kForward.
  std::optional<int64_t> limit;  // LIST at its most recent: all must fit, else it is in pages.

  bool initial_events = false;  // WATCH: begins with every object ("0", "" legacy, stream-list).
  bool stream_list = false;     // WATCH: sendInitialEvents=true was said.
  bool bookmarks = false;
  bool coalesce = true;
  absl::Duration timeout;  // WATCH; zero: the client set none.
};
// REQUIRES: `head` outlives the result (info views its target).
Decision Decide(const RequestHead& head, const DecisionOptions& options);

}  // namespace weir
