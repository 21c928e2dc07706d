// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/decision.h"

#include <utility>

#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::string_view kImpersonate = "impersonate-";

bool Impersonates(const HeaderList& headers) {
  for (const auto& [name, value] : headers.fields()) {
    if (name.size() > kImpersonate.size() &&
        EqualsIgnoreCase(std::string_view(name).substr(0, kImpersonate.size()), kImpersonate)) {
      return true;
    }
  }
  return false;
}

// What the head alone says; kNone: go on.
ForwardReason RequestForward(const RequestHead& head, const RequestInfo& info) {
  if (head.method != "GET") return ForwardReason::kWrite;
  if (!head.upgrade.empty() || !head.end_of_stream) return ForwardReason::kUpgrade;
  // What a path means that is spelt oddly is for the API server's router to say.
  if (!info.is_resource_request || !info.canonical_path) return ForwardReason::kNonResource;
  if (info.deprecated_watch_path || !info.subresource.empty()) return ForwardReason::kSubresource;
  if (info.verb != "get" && info.verb != "list" && info.verb != "watch") {
    return ForwardReason::kNonResource;
  }
  if (Impersonates(head.headers)) return ForwardReason::kImpersonation;
  return ForwardReason::kNone;
}

ForwardReason ParseSelectors(Decision& decision) {
  auto labels = LabelSelector::Parse(decision.options.label_selector);
  auto fields = FieldSelector::Parse(decision.options.field_selector);
  if (!labels.ok() || !fields.ok()) return ForwardReason::kSelector;
  decision.labels = *std::move(labels);
  decision.fields = *std::move(fields);
  return ForwardReason::kNone;
}

// The API server indents JSON lists for people at a terminal or a browser.
bool IndentsFor(std::string_view user_agent) {
  return user_agent.starts_with("curl") || user_agent.starts_with("Wget") ||
         user_agent.starts_with("Mozilla/5.0");
}

// What a read of "" has to be, by the policy for it.
ForwardReason AskForMostRecent(Decision& decision, Freshness freshness) {
  decision.most_recent = true;
  decision.freshness = freshness;
  return freshness == Freshness::kForward ? ForwardReason::kConsistentRead : ForwardReason::kNone;
}

ForwardReason ReadVersion(Decision& decision) {
  const std::string& text = decision.options.resource_version;
  if (text.empty() || text == "0") return ForwardReason::kNone;
  const auto version = ResourceVersion::Parse(text);
  if (!version.ok()) return ForwardReason::kOptions;
  decision.at_least = *version;
  return ForwardReason::kNone;
}

// Of GetOptions there is resourceVersion; what the others would do here is the API server's to say.
ForwardReason DecideGet(Decision& decision, const ResourcePolicy& policy) {
  const QueryParameters query = QueryParameters::Parse(decision.info.query);
  for (const auto& [name, value] : query.values) {
    if (name != "resourceVersion" && name != "timeout") return ForwardReason::kOptions;
  }
  decision.kind = Decision::Kind::kGet;
  if (!decision.options.resource_version.empty()) return ReadVersion(decision);
  // To prove a cache current costs no less than the object itself.
  if (policy.consistent_reads != Freshness::kRelaxed) return ForwardReason::kNamedGet;
  return AskForMostRecent(decision, Freshness::kRelaxed);
}

ForwardReason DecideList(Decision& decision, const ResourcePolicy& policy) {
  const ListOptions& options = decision.options;
  const std::string& match = options.resource_version_match;
  if (options.send_initial_events.has_value()) return ForwardReason::kOptions;  // 422.
  if (!options.continue_token.empty() || match == "Exact") return ForwardReason::kPagedRead;
  if (!match.empty() && match != "NotOlderThan") return ForwardReason::kOptions;
  decision.kind = Decision::Kind::kList;
  const bool limited = options.limit.value_or(0) != 0;
  if (options.resource_version.empty()) {
    if (!match.empty()) return ForwardReason::kOptions;
    if (limited) decision.limit = options.limit;
    return AskForMostRecent(decision, policy.consistent_reads);
  }
  // With "0" the API server's watch cache ignores the limit, but honours it with a match. With a
  // version and no match it is "legacy exact".
  const bool ignored = options.resource_version == "0" && match.empty();
  if (limited && !ignored) return ForwardReason::kPagedRead;
  return ReadVersion(decision);
}

// protocol: without sendInitialEvents only a version may come with no match; with it
// resourceVersionMatch must be NotOlderThan (ListOptions validation of apimachinery).
bool ValidWatchMatch(const ListOptions& options) {
  if (!options.continue_token.empty()) return false;
  if (options.send_initial_events.has_value()) {
    return options.resource_version_match == "NotOlderThan";
  }
  return options.resource_version_match.empty();
}

ForwardReason DecideWatch(Decision& decision, const ResourcePolicy& policy) {
  const ListOptions& options = decision.options;
  if (!ValidWatchMatch(options)) return ForwardReason::kOptions;
  const int64_t seconds = options.timeout_seconds.value_or(0);
  if (seconds < 0) return ForwardReason::kOptions;
  decision.kind = Decision::Kind::kWatch;
  decision.timeout = absl::Seconds(seconds);
  decision.bookmarks = options.allow_watch_bookmarks;
  decision.coalesce = policy.coalesce;
  decision.stream_list = options.send_initial_events.value_or(false);
  // Without a word about it, a watch from "0" or "" begins with every object.
  const bool from_version = !options.resource_version.empty() && options.resource_version != "0";
  decision.initial_events = options.send_initial_events.value_or(!from_version);
  if (options.resource_version.empty()) return AskForMostRecent(decision, policy.initial_sync);
  return ReadVersion(decision);
}

// The representation that an answer has, or nullopt if Weir has none such.
bool ReadRepresentation(const RequestHead& head, Decision& decision) {
  const Negotiated negotiated =
      NegotiateAccept(head.headers.Get("accept"), decision.info.verb == "list");
  if (negotiated.kind == Negotiated::Kind::kOther) return false;
  decision.key.representation = negotiated.preferred;
  decision.key.metadata_only = negotiated.kind == Negotiated::Kind::kMetadata;
  decision.fallback = negotiated.fallback;
  return true;
}

ForwardReason DecideRead(const RequestHead& head, const DecisionOptions& options,
                         Decision& decision) {
  if (NeverCached(decision.info.resource, options)) return ForwardReason::kNeverCached;
  if (!ReadRepresentation(head, decision)) return ForwardReason::kRepresentation;

  auto list_options = ListOptions::Parse(decision.info.query);
  if (!list_options.ok() || list_options->has_other_parameters ||
      list_options->limit.value_or(0) < 0) {
    return ForwardReason::kOptions;
  }
  decision.options = *std::move(list_options);
  if (const ForwardReason reason = ParseSelectors(decision); reason != ForwardReason::kNone) {
    return reason;
  }
  decision.key.resource = decision.info.resource;
  decision.key.namespace_name = decision.info.object_namespace();
  decision.key.label_selector = decision.options.label_selector;
  decision.key.field_selector = decision.options.field_selector;
  const ResourcePolicy& policy = options.PolicyOf(decision.info.resource);
  if (decision.info.verb == "watch") return DecideWatch(decision, policy);
  if (IndentsFor(head.headers.Get("user-agent"))) return ForwardReason::kRepresentation;
  return decision.info.verb == "get" ? DecideGet(decision, policy) : DecideList(decision, policy);
}

}  // namespace

const ResourcePolicy& DecisionOptions::PolicyOf(const GroupVersionResource& resource) const {
  if (policies.empty()) return policy;
  const auto own = policies.find(resource.Name());
  return own == policies.end() ? policy : own->second;
}

// Those are: high churn that nobody reads by informer (leases, events,
// which have no watch cache upstream either), answers that are not stored objects (reviews,
// metrics, component statuses), and plaintext secrets unless they were asked for.
bool NeverCached(const GroupVersionResource& resource, const DecisionOptions& options) {
  const std::string name = resource.Name();
  if (options.never_cached.contains(name)) return true;
  if (resource.resource == "secrets" && resource.group.empty()) return !options.cache_secrets;
  if (resource.resource == "events" &&
      (resource.group.empty() || resource.group == "events.k8s.io")) {
    return true;
  }
  if (name == "leases.coordination.k8s.io" || name == "componentstatuses") return true;
  if (resource.group == "authentication.k8s.io" || resource.group == "authorization.k8s.io") {
    return true;
  }
  if (resource.group == "metrics.k8s.io" || resource.group.ends_with(".metrics.k8s.io")) {
    return true;
  }
  return false;
}

std::string_view ForwardReasonName(ForwardReason reason) {
  switch (reason) {
    case ForwardReason::kNone:
      return "";
    case ForwardReason::kWrite:
      return "write";
    case ForwardReason::kNonResource:
      return "non_resource";
    case ForwardReason::kNamedGet:
      return "named_get";
    case ForwardReason::kSubresource:
      return "subresource";
    case ForwardReason::kUpgrade:
      return "upgrade";
    case ForwardReason::kRepresentation:
      return "representation";
    case ForwardReason::kConsistentRead:
      return "consistent_read";
    case ForwardReason::kPagedRead:
      return "paged_read";
    case ForwardReason::kOptions:
      return "options";
    case ForwardReason::kSelector:
      return "selector";
    case ForwardReason::kNeverCached:
      return "never_cached";
    case ForwardReason::kImpersonation:
      return "impersonation";
    case ForwardReason::kIdentity:
      return "identity";
    case ForwardReason::kUnavailable:
      return "unavailable";
    case ForwardReason::kNotSynced:
      return "not_synced";
    case ForwardReason::kOldVersion:
      return "old_version";
    case ForwardReason::kFutureVersion:
      return "future_version";
    case ForwardReason::kEnvelopeUnknown:
      return "envelope_unknown";
    case ForwardReason::kAbsent:
      return "absent";
    case ForwardReason::kAccess:
      return "access";
    case ForwardReason::kNotCurrent:
      return "not_current";
  }
  return "";
}

Decision Decide(const RequestHead& head, const DecisionOptions& options) {
  Decision decision;
  decision.info = RequestInfo::Parse(head.method, head.target);
  decision.trial = QueryParameters::Parse(decision.info.query).First("dryRun") != nullptr;
  decision.reason = RequestForward(head, decision.info);
  if (decision.reason == ForwardReason::kNone) {
    decision.reason = DecideRead(head, options, decision);
  }
  if (decision.reason != ForwardReason::kNone) decision.kind = Decision::Kind::kForward;
  return decision;
}

}  // namespace weir
