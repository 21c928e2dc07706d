// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/routed_request.h"

#include <algorithm>
#include <random>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/downstream/request_view.h"
#include "proxy/downstream/told_by_watches.h"
#include "proxy/kube/field_matcher.h"
#include "proxy/kube/partial_metadata.h"
#include "proxy/upstream/passthrough.h"

namespace weir {
namespace {

// What an event that is under way brings is worth waiting for so long before anybody is asked.
constexpr absl::Duration kMoment = absl::Milliseconds(100);

absl::Duration Between(absl::Duration least) {
  thread_local std::mt19937_64 random{std::random_device{}()};
  return least * std::uniform_real_distribution<double>(1.0, 2.0)(random);
}

}  // namespace

RoutedRequest::RoutedRequest(RouterContext& context, RequestHead head, Decision decision,
                             ResponseWriter& writer)
    : context_(context),
      head_(std::move(head)),
      decision_(std::move(decision)),
      writer_(writer),
      id_(context.next_stream_id++),
      arrived_(context.dispatcher.Now()),
      method_(head_.method),
      authorization_(head_.headers.Get("authorization")),
      user_agent_(head_.headers.Get("user-agent")) {}

RoutedRequest::~RoutedRequest() {
  context_.open_streams.erase(this);
  context_.forwarded_watches.erase(this);
}

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

// What is not answered yet is told once it is.
void RoutedRequest::OnDrain() {
  draining_ = true;
  if (inner_ != nullptr) inner_->OnDrain();
}

void RoutedRequest::OnVerdict(Authenticator::Verdict verdict) {
  if (verdict == Authenticator::Verdict::kOther) return Forward(ForwardReason::kIdentity);
  wait_timer_ = context_.dispatcher.CreateTimer([this] { OnWaited(); });
  told_ = context_.floors.Get(decision_.key.resource, decision_.key.namespace_name);
  FindCache();
}

// A GET is answered from what informers have had cached; it makes no cache of its own.
void RoutedRequest::FindCache() {
  CacheKey& key = decision_.key;
  if (key.representation == Representation::kProtobuf &&
      context_.no_protobuf.contains(key.resource.Name()) && !key.metadata_only) {
    if (!decision_.fallback.has_value()) return Forward(ForwardReason::kRepresentation);
    key.representation = *decision_.fallback;
  }
  const std::optional<FieldMatcher> fields =
      FieldMatcher::For(key.resource, decision_.fields, false);
  const Narrowing narrowing{
      .fields_local = fields.has_value(),
      .fields_in_metadata = FieldMatcher::For(key.resource, decision_.fields, true).has_value(),
      .fields_of_namespace = fields.has_value() && fields->selects_namespace(),
      .metadata_local = DerivesPartialMetadata(key.resource)};
  const bool get = decision_.kind == Decision::Kind::kGet;
  replica_ = get ? context_.caches.Find(key, narrowing) : context_.caches.Get(key, narrowing);
  if (replica_ == nullptr || (get && replica_->state() != CacheReplica::State::kSynced)) {
    return Forward(get ? ForwardReason::kAbsent : ForwardReason::kUnavailable);
  }
  NoteToldByWatches();
  subscription_ = replica_->Subscribe({.on_change = [this] { TryServe(); }});
  Wait(context_.options.sync_timeout, ForwardReason::kNotSynced);
  TryServe();
}

// Caches of one resource have a watch each, and one may be behind another. What this worker's
// replicas have is looked at closely; of what they do not have, all counts.
void RoutedRequest::NoteToldByWatches() {
  ResourceVersion known = told_.version;
  published_.reset();
  if (replica_->state() == CacheReplica::State::kSynced) {
    known = std::max(known, replica_->newest()->version);
  }
  context_.caches.ForEachOf(decision_.key.resource, [&](const CacheReplica& other) {
    if (&other == replica_ || other.newest()->content <= known) return;
    const std::optional<EventView> view = RequestView(decision_, other);
    const ResourceVersion newest =
        NewestToldByWatches(other, view.has_value() ? &*view : nullptr, known);
    told_.version = std::max(told_.version, newest);
  });
  const ResourceVersion elsewhere =
      context_.caches.PublishedElsewhere(replica_->key(), decision_.key.namespace_name);
  told_.version = std::max(told_.version, elsewhere);
}

void RoutedRequest::TryServe() {
  if (replica_->state() == CacheReplica::State::kSyncing) return;
  if (replica_->state() == CacheReplica::State::kUnavailable) return OnUnavailable();
  if (!published_.has_value()) published_ = replica_->published();
  const ReadVerdict verdict = CheckRead(decision_, *replica_,
                                        {.floors = context_.floors,
                                         .told = told_,
                                         .arrived = arrived_,
                                         .now = context_.dispatcher.Now(),
                                         .unanswered = unanswered_,
                                         .published = *published_},
                                        context_.options.check);
  switch (verdict.kind) {
    case ReadVerdict::Kind::kServe:
      return Serve();
    case ReadVerdict::Kind::kForward:
      return Forward(verdict.reason);
    case ReadVerdict::Kind::kWait:
      return WaitFor(verdict);
  }
}

// A custom resource has no protobuf.
void RoutedRequest::OnUnavailable() {
  const bool other_encoding = IsNotAcceptable(replica_->unavailable_reason()) &&
                              decision_.key.representation == Representation::kProtobuf &&
                              !decision_.key.metadata_only;
  if (!other_encoding) return Forward(ForwardReason::kUnavailable);
  context_.no_protobuf.insert(decision_.key.resource.Name());
  StopWaiting();
  FindCache();
}

// What is under way is given a moment; what is missing is asked for once. Another version, or a
// proof where a version was missing, is something else to ask for.
void RoutedRequest::WaitFor(const ReadVerdict& verdict) {
  if (verdict.soon && !moment_over_) return Wait(kMoment, verdict.reason);
  if (asked_ == verdict) return;
  wait_reason_ = verdict.reason;
  asked_ = verdict;
  wait_timer_->Enable(context_.options.version_timeout);
  Ask(verdict);
}

void RoutedRequest::Ask(const ReadVerdict& verdict) {
  switch (verdict.want) {
    case ReadVerdict::Want::kNothing:
      return;
    case ReadVerdict::Want::kEnvelope:
      return replica_->WantEnvelope();
    case ReadVerdict::Want::kCurrent:
      return replica_->WantCurrent(verdict.version);
    case ReadVerdict::Want::kAccess:
      return replica_->WantAccess(VerbOf(decision_.kind));
  }
}

void RoutedRequest::Wait(absl::Duration at_most, ForwardReason then) {
  if (wait_reason_ == then) return;
  wait_reason_ = then;
  asked_.reset();
  wait_timer_->Enable(at_most);
}

void RoutedRequest::Serve() {
  switch (decision_.kind) {
    case Decision::Kind::kGet:
      return ServeObject();
    case Decision::Kind::kList:
      return ServeList();
    case Decision::Kind::kWatch:
      return ServeWatch();
    case Decision::Kind::kForward:
      return;
  }
}

void RoutedRequest::ServeObject() {
  const Revision& revision = *replica_->newest();
  const ObjectPtr* const found =
      revision.objects.Find({decision_.info.object_namespace(), decision_.info.name});
  ObjectPtr object = found == nullptr ? nullptr : *found;
  if (object != nullptr && decision_.key.metadata_only && !replica_->key().metadata_only) {
    object = ToPartialMetadata(*object);
  }
  if (object == nullptr) return Forward(ForwardReason::kAbsent);
  StopWaiting();
  NoteShown(revision.content);
  CountFromCache();
  writer_.SendHead(NewHead(ContentType(decision_.key.representation)));
  writer_.SendBody(Bytes::Share(object, object->raw()));
  if (decision_.key.representation == Representation::kJson) writer_.SendBody(Bytes::Static("\n"));
  writer_.End();
}

void RoutedRequest::ServeList() {
  std::optional<EventView> view = RequestView(decision_, *replica_);
  if (!view.has_value()) return Forward(ForwardReason::kSelector);
  const RevisionPtr& revision = replica_->newest();
  if (decision_.limit.has_value()) {
    const auto limit = static_cast<uint64_t>(*decision_.limit);
    const uint64_t count = CountUpTo(limit, revision->objects, *view);
    if (count > limit) return Forward(ForwardReason::kPagedRead);
  }
  ListEnvelope envelope =
      decision_.key.metadata_only ? PartialMetadataListEnvelope() : *replica_->envelope();
  auto answer =
      std::make_unique<ListAnswer>(*replica_, std::move(envelope), *std::move(view),
                                   ListAnswerOptions{.representation = decision_.key.representation,
                                                     .timeout = context_.options.list_timeout},
                                   writer_, context_.lists, *context_.pinned);
  ListAnswer* const raw = answer.get();
  inner_ = std::move(answer);
  NoteShown(revision->content);
  StopWaiting();  // The answer keeps the replica itself.
  CountFromCache();
  raw->Start(NewHead(ContentType(decision_.key.representation)));
}

void RoutedRequest::ServeWatch() {
  std::optional<EventView> view = RequestView(decision_, *replica_);
  if (!view.has_value()) return Forward(ForwardReason::kSelector);
  const Revision& newest = *replica_->newest();
  std::optional<WatchCursor> cursor;
  if (decision_.initial_events) {
    cursor = WatchCursor::WithInitialEvents(*replica_, *std::move(view));
    NoteShown(newest.content);
  } else {
    const ResourceVersion since = decision_.at_least.is_set() ? decision_.at_least : newest.version;
    std::optional<WatchPosition> position = replica_->Find(since);
    if (!position.has_value()) return Forward(ForwardReason::kOldVersion);
    cursor = WatchCursor::After(*replica_, *std::move(view), *std::move(position), since);
  }
  const absl::Duration timeout = decision_.timeout > absl::ZeroDuration()
                                     ? decision_.timeout
                                     : Between(context_.options.min_watch_timeout);
  auto stream = std::make_unique<WatchStream>(
      *replica_, *std::move(cursor), decision_,
      WatchStreamOptions{.bookmark_interval = context_.options.bookmark_interval,
                         .timeout = timeout,
                         .coalesce = decision_.coalesce},
      NewHead(WatchContentType(decision_.key.representation)), writer_, context_.streams,
      *context_.pinned);
  stream_ = stream.get();
  inner_ = std::move(stream);
  context_.open_streams.insert(this);
  context_.late->Wake();
  const WatchCursor& begun = stream_->cursor();
  tapped_ = context_.tap->Watch(*replica_, begun.view(), begun.seen_sequence());
  CountFromCache();
  // It subscribes before this request's own subscription, which kept the replica alive, goes.
  stream_->Start(tapped_ == nullptr ? nullptr : &tapped_->marks());
  StopWaiting();
  if (draining_) inner_->OnDrain();
}

void RoutedRequest::CountFromCache() {
  context_.requests.FromCache(decision_.info);
  context_.clients.Count(user_agent_, decision_, false);
}

void RoutedRequest::OnWaited() {
  const bool moment = wait_reason_ == ForwardReason::kFutureVersion && !asked_.has_value();
  const bool silence = wait_reason_ == ForwardReason::kAccess && !unanswered_;
  if (!moment && !silence) return Forward(wait_reason_);
  moment_over_ = moment_over_ || moment;
  unanswered_ = unanswered_ || silence;
  TryServe();
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
  context_.clients.Count(user_agent_, decision_, true);
  const bool as_self = context_.authenticator.IsWeirToken(authorization_);
  const Negotiated negotiated =
      NegotiateAccept(head_.headers.Get("accept"), decision_.info.verb == "list");
  const bool ended = head_.end_of_stream;
  ResponseWriter& writer = ForwardWriter(reason);  // Reads the head.
  PassthroughRequest request{.head = std::move(head_),
                             .as_self = as_self,
                             .error_representation = negotiated.kind == Negotiated::Kind::kOther
                                                         ? Representation::kJson
                                                         : negotiated.preferred,
                             .verb = decision_.info.verb,
                             .resource = ResourceLabel(decision_.info)};
  inner_ = NewPassthrough(context_.upstream, std::move(request), writer);
  // The request was complete before the choice to forward it was made.
  if (ended && decision_.kind != Decision::Kind::kForward) inner_->OnEnd({});
  if (draining_) inner_->OnDrain();
}

ResponseWriter& RoutedRequest::ForwardWriter(ForwardReason reason) {
  const RequestInfo& info = decision_.info;
  const bool cached = !NeverCached(info.resource, context_.options.decision);
  if (ForwardedWatch::Is(info)) {
    std::optional<WatchFloor> floor;
    if (cached) floor.emplace(context_.floors, info);
    watched_ = std::make_unique<ForwardedWatch>(writer_, reason, head_.target, std::move(floor));
    context_.forwarded_watches.insert(this);
    return *watched_;
  }
  // That a deletion is a trial may be overruled by its body, which a cache that is proved current
  // finds out.
  const bool trial = decision_.trial && info.verb != "get" && info.verb != "list";
  const bool observed = AnswerObserver::Observes(info) && method_ != "HEAD" &&
                        (!trial || info.verb == "delete" || info.verb == "deletecollection") &&
                        cached;
  if (!observed) return writer_;
  observer_ = std::make_unique<AnswerObserver>(writer_, context_.floors, info);
  if (!trial) observer_->Record(*context_.tap, arrived_);
  return *observer_;
}

StreamRow RoutedRequest::Describe() const {
  StreamRow row;
  row.id = id_;
  row.client = writer_.peer();
  if (stream_ != nullptr) {
    row.user_agent = user_agent_;
    row.resource = decision_.key.resource.Name();
    row.namespace_name = decision_.info.namespace_name;
    row.label_selector = decision_.options.label_selector;
    row.field_selector = decision_.options.field_selector;
    row.representation = decision_.key.representation;
    stream_->Describe(row);
    return row;
  }
  row.reason = watched_->reason();
  row.user_agent = user_agent_.substr(0, ForwardedWatch::kMaxText);
  row.resource = ResourceLabel(decision_.info);
  row.namespace_name = decision_.info.namespace_name.substr(0, ForwardedWatch::kMaxText);
  row.label_selector = watched_->label_selector();
  row.field_selector = watched_->field_selector();
  row.age = context_.dispatcher.Now() - arrived_;
  row.bytes_sent = watched_->bytes_sent();
  row.queued_bytes = writer_.queued_bytes();
  return row;
}

}  // namespace weir
