// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/routed_request.h"

#include <algorithm>
#include <cstdio>
#include <random>
#include <utility>

#include "absl/time/clock.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/downstream/list_answer.h"
#include "proxy/upstream/passthrough.h"

namespace weir {
namespace {

std::mt19937_64& Random() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return random;
}

// A version 4 UUID, as the API server makes one for an answer without an Audit-ID.
std::string NewAuditId() {
  const uint64_t high = (Random()() & ~0xf000ULL) | 0x4000ULL;
  const uint64_t low = (Random()() & ~(3ULL << 62)) | (2ULL << 62);
  char text[40];
  std::snprintf(text, sizeof(text), "%08x-%04x-%04x-%04x-%012llx",
                static_cast<unsigned>(high >> 32), static_cast<unsigned>((high >> 16) & 0xffff),
                static_cast<unsigned>(high & 0xffff), static_cast<unsigned>(low >> 48),
                static_cast<unsigned long long>(low & 0xffffffffffffULL));
  return text;
}

absl::Duration Between(absl::Duration least) {
  return least * std::uniform_real_distribution<double>(1.0, 2.0)(Random());
}

bool SelectsNamespace(const FieldSelector& fields) {
  for (const FieldSelector::Term& term : fields.terms) {
    if (term.field == "metadata.namespace") return true;
  }
  return false;
}

// What a cluster-scoped kind has no namespace for is for the API server to say: 404 for a path with
// one, 400 for metadata.namespace. A cache without objects does not know.
bool IsNamespaced(const CacheReplica& replica) {
  bool namespaced = false;
  replica.newest()->objects.Scan({}, false, [&](const ObjectPtr& object) {
    namespaced = !object->namespace_name().empty();
    return false;
  });
  return namespaced;
}

}  // namespace

RoutedRequest::RoutedRequest(RouterContext& context, RequestHead head, Decision decision,
                             ResponseWriter& writer)
    : context_(context),
      head_(std::move(head)),
      decision_(std::move(decision)),
      writer_(writer),
      id_(context.next_stream_id++),
      authorization_(head_.headers.Get("authorization")),
      user_agent_(head_.headers.Get("user-agent")) {}

RoutedRequest::~RoutedRequest() { context_.open_streams.erase(this); }

void RoutedRequest::OnBody(std::string_view bytes) {
  if (inner_ != nullptr) return inner_->OnBody(bytes);
  writer_.ConsumeBody(bytes.size());
}

void RoutedRequest::OnEnd(HeaderList trailers) {
  if (inner_ != nullptr) return inner_->OnEnd(std::move(trailers));
  if (const auto verdict = context_.authenticator.Known(authorization_)) {
    return OnVerdict(*verdict);
  }
  check_ = context_.authenticator.Check(
      authorization_, [this](Authenticator::Verdict verdict) { OnVerdict(verdict); });
}

void RoutedRequest::OnWritable() {
  if (inner_ != nullptr) inner_->OnWritable();
}

void RoutedRequest::OnReset(absl::Status reason) {
  check_.reset();
  StopWaiting();
  if (inner_ != nullptr) inner_->OnReset(std::move(reason));
}

void RoutedRequest::OnDrain() {
  if (inner_ != nullptr) inner_->OnDrain();
}

void RoutedRequest::OnVerdict(Authenticator::Verdict verdict) {
  if (verdict == Authenticator::Verdict::kOther) return Forward(ForwardReason::kIdentity);
  wait_timer_ = context_.dispatcher.CreateTimer([this] { Forward(wait_reason_); });
  FindCache();
}

void RoutedRequest::FindCache() {
  std::optional<FieldMatcher> fields =
      FieldMatcher::For(decision_.key.resource, decision_.fields, false);
  if (!fields.has_value()) return Forward(ForwardReason::kSelector);
  fields_ = *std::move(fields);
  CacheKey& key = decision_.key;
  if (key.representation == Representation::kProtobuf &&
      context_.no_protobuf.contains(key.resource.Name())) {
    if (!decision_.fallback.has_value()) return Forward(ForwardReason::kRepresentation);
    key.representation = *decision_.fallback;
  }
  replica_ = context_.caches.Get(key, {.fields_local = true});
  if (replica_ == nullptr) return Forward(ForwardReason::kUnavailable);
  subscription_ = replica_->Subscribe({.on_change = [this] { TryServe(); }});
  Wait(context_.options.sync_timeout, ForwardReason::kNotSynced);
  TryServe();
}

void RoutedRequest::TryServe() {
  CacheReplica& replica = *replica_;
  if (replica.state() == CacheReplica::State::kSyncing) return;
  if (replica.state() == CacheReplica::State::kUnavailable) {
    const bool other_encoding = IsNotAcceptable(replica.unavailable_reason()) &&
                                decision_.key.representation == Representation::kProtobuf;
    if (!other_encoding) return Forward(ForwardReason::kUnavailable);
    context_.no_protobuf.insert(decision_.key.resource.Name());
    StopWaiting();
    return FindCache();
  }
  if (NeedsNamespaces(replica.key()) && !IsNamespaced(replica)) {
    return Forward(ForwardReason::kSelector);
  }
  if (decision_.kind == Decision::Kind::kList) return ServeList(replica);
  ServeWatch(replica);
}

// Whether a namespace is asked for that the cache's own request did not name.
bool RoutedRequest::NeedsNamespaces(const CacheKey& key) const {
  if (key.namespace_name != decision_.key.namespace_name) return true;
  return key.namespace_name.empty() && key.field_selector != decision_.key.field_selector &&
         SelectsNamespace(decision_.fields);
}

// "Not older than" what was asked for, nor than a write whose answer has passed through: waits as
// long as the API server would, then lets it answer.
bool RoutedRequest::CanRead(CacheReplica& replica, ForwardReason& forward) const {
  forward = ForwardReason::kFutureVersion;
  const ResourceVersion written = context_.written.Get(decision_.key.resource);
  return replica.newest()->version >= std::max(decision_.at_least, written);
}

void RoutedRequest::ServeList(CacheReplica& replica) {
  ForwardReason wait_reason;
  if (!CanRead(replica, wait_reason)) return Wait(context_.options.version_timeout, wait_reason);
  if (!replica.envelope().has_value()) {
    if (wait_reason_ == ForwardReason::kEnvelopeUnknown) return;
    Wait(context_.options.version_timeout, ForwardReason::kEnvelopeUnknown);
    return replica.WantEnvelope();
  }
  auto answer = std::make_unique<ListAnswer>(replica.newest(), *replica.envelope(), View(),
                                             decision_.key.representation, writer_);
  ListAnswer* const raw = answer.get();
  inner_ = std::move(answer);
  StopWaiting();
  context_.requests.FromCache(decision_.info);
  raw->Start(Head(ContentType(decision_.key.representation)));
}

void RoutedRequest::ServeWatch(CacheReplica& replica) {
  std::optional<WatchCursor> cursor;
  if (decision_.initial_events) {
    ForwardReason wait_reason;
    if (!CanRead(replica, wait_reason)) return Wait(context_.options.version_timeout, wait_reason);
    // "Most recent", relaxed: as fresh as a healthy watch is.
    if (decision_.most_recent && !replica.upstream_healthy()) {
      return Forward(ForwardReason::kUnavailable);
    }
    cursor = WatchCursor::WithInitialEvents(replica, View());
  } else {
    const ResourceVersion since =
        decision_.at_least.is_set() ? decision_.at_least : replica.newest()->version;
    std::optional<WatchPosition> position = replica.Find(since);
    if (!position.has_value()) return Forward(ForwardReason::kOldVersion);
    cursor = WatchCursor::After(replica, View(), *std::move(position), since);
  }
  const absl::Duration timeout = decision_.timeout > absl::ZeroDuration()
                                     ? decision_.timeout
                                     : Between(context_.options.min_watch_timeout);
  auto stream = std::make_unique<WatchStream>(
      replica, *std::move(cursor), decision_,
      WatchStreamOptions{.bookmark_interval = context_.options.bookmark_interval,
                         .timeout = timeout},
      Head(WatchContentType(decision_.key.representation)), writer_, context_.streams,
      *context_.pinned);
  stream_ = stream.get();
  inner_ = std::move(stream);
  context_.open_streams.insert(this);
  context_.requests.FromCache(decision_.info);
  // It subscribes before this request's own subscription, which kept the replica alive, goes.
  stream_->Start();
  StopWaiting();
}

void RoutedRequest::Wait(absl::Duration at_most, ForwardReason then) {
  if (wait_reason_ == then) return;
  wait_reason_ = then;
  wait_timer_->Enable(at_most);
}

void RoutedRequest::StopWaiting() {
  subscription_.reset();
  // Not destroyed: it may be the one that calls.
  if (wait_timer_ != nullptr) wait_timer_->Disable();
  wait_reason_ = ForwardReason::kNone;
}

void RoutedRequest::Forward(ForwardReason reason) {
  StopWaiting();
  context_.requests.Forwarded(decision_.info, reason);
  const bool as_self = context_.authenticator.IsWeirToken(authorization_);
  const Negotiated negotiated =
      NegotiateAccept(head_.headers.Get("accept"), decision_.info.verb == "list");
  const bool ended = head_.end_of_stream;
  PassthroughRequest request{
      .head = std::move(head_),
      .as_self = as_self,
      .error_representation = negotiated.kind == Negotiated::Kind::kOther ? Representation::kJson
                                                                          : negotiated.preferred,
      .verb = decision_.info.verb,
      .resource = decision_.info.is_resource_request ? decision_.info.resource.Name() : ""};
  inner_ = NewPassthrough(context_.upstream, std::move(request), ForwardWriter());
  // The request was complete before the choice to forward it was made.
  if (ended && decision_.kind != Decision::Kind::kForward) inner_->OnEnd({});
}

ResponseWriter& RoutedRequest::ForwardWriter() {
  const RequestInfo& info = decision_.info;
  const bool write = info.verb == "create" || info.verb == "update" || info.verb == "patch" ||
                     info.verb == "delete";
  // Other subresources answer with something else, or with whatever a pod says (proxy).
  const bool object = info.subresource.empty() || info.subresource == "status";
  if (!write || !object) return writer_;
  observer_ = std::make_unique<WriteObserver>(writer_, context_.written, info.resource);
  return *observer_;
}

EventView RoutedRequest::View() const {
  const ListOptions& options = decision_.options;
  return EventView({.namespace_name = decision_.info.namespace_name,
                    .label_selector = options.label_selector,
                    .field_selector = options.field_selector},
                   decision_.labels, fields_);
}

ResponseHead RoutedRequest::Head(std::string_view content_type) const {
  ResponseHead head;
  const std::string_view audit_id = head_.headers.Get("audit-id");
  head.headers.Add("Audit-Id", audit_id.empty() ? NewAuditId() : std::string(audit_id));
  head.headers.Add("Cache-Control", "no-cache, private");
  head.headers.Add("Content-Type", content_type);
  head.headers.Add("Date",
                   absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT", absl::Now(), absl::UTCTimeZone()));
  return head;
}

StreamRow RoutedRequest::Describe() const {
  StreamRow row;
  row.id = id_;
  row.client = writer_.peer();
  row.user_agent = user_agent_;
  row.resource = decision_.key.resource.Name();
  row.namespace_name = decision_.info.namespace_name;
  row.label_selector = decision_.options.label_selector;
  row.field_selector = decision_.options.field_selector;
  row.representation = decision_.key.representation;
  if (stream_ != nullptr) stream_->Describe(row);
  return row;
}

}  // namespace weir
