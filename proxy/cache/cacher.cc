// SPDX-License-Identifier: Apache-2.0
#include "proxy/cache/cacher.h"

#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

StatsLabels LabelsOf(const CacheKey& key) {
  return {{"resource", key.resource.Name()},
          {"representation", key.representation == Representation::kJson ? "json" : "protobuf"}};
}

constexpr std::string_view kMetadataApiVersion = "meta.k8s.io/v1";
constexpr std::string_view kMetadataKind = "PartialObjectMetadata";

// Of metadata, whatever it is the metadata of.
ListEnvelope MetadataEnvelope() {
  return {.api_version = std::string(kMetadataApiVersion),
          .list_kind = StrCat(kMetadataKind, "List"),
          .custom_resource = false};
}

// Built-in kinds write kind first and are listed as <kind>List; a custom resource's list kind can
// be anything and is learnt on demand.
std::optional<ListEnvelope> EnvelopeOf(const Object& object) {
  const bool built_in =
      object.representation() == Representation::kProtobuf || object.list_item_needs_brace();
  if (!built_in) return std::nullopt;
  return ListEnvelope{.api_version = std::string(object.api_version()),
                      .list_kind = std::string(object.kind()) + "List",
                      .custom_resource = false};
}

}  // namespace

Cacher::Cacher(Environment environment, CacheKey key, ListerWatcherPtr source,
               std::unique_ptr<FilterChain> filters, Outlets outlets)
    : env_(environment),
      key_(std::move(key)),
      source_(std::move(source)),
      filters_(std::move(filters)),
      outlets_(std::move(outlets)),
      stats_(env_.registry, LabelsOf(key_)),
      builder_(*filters_),
      window_(env_.options),
      heard_(env_.dispatcher.Now()),
      published_(env_.published.Add(key_)),
      access_(env_.dispatcher, *source_, key_.resource.Name(), [this] { PublishTraits(); }),
      proof_({.dispatcher = env_.dispatcher,
              .source = *source_,
              .state = builder_,
              .window = window_,
              .stats = stats_,
              .resource = key_.resource.Name()},
             {.on_proved = [this](ResourceVersion version,
                                  std::optional<MonotonicTime> as_of) { OnProved(version, as_of); },
              .on_lost = [this](ResourceVersion version) { reflector_.ListAgain(version); },
              .on_list_access =
                  [this](bool allowed, MonotonicTime asked) {
                    // That it was allowed is published with what came of the list.
                    access_.Note(ReadVerb::kList, allowed, asked);
                    if (!allowed) PublishTraits();
                  }}),
      reflector_(
          {.dispatcher = env_.dispatcher,
           .source = *source_,
           .stats = stats_,
           .options = env_.options,
           .resource = key_.resource.Name(),
           .floor = env_.floors.Get(key_.resource)},
          {.on_snapshot = [this](Reflector::Snapshot s) { return OnSnapshot(std::move(s)); },
           .on_events = [this](std::vector<WatchEvent> e) { return OnEvents(std::move(e)); },
           .on_bytes = [this](const SnapshotMap& objects) { OnBytes(objects); },
           .on_health = [this](bool healthy) { OnHealth(healthy); },
           .on_access = [this](ReadVerb verb, bool allowed,
                               MonotonicTime asked) { OnAccess(verb, allowed, asked); },
           .on_warnings = [this](Warnings warnings) { traits_.warnings = std::move(warnings); },
           .on_stream_list =
               [this](bool works) {
                 traits_.stream_list = works;
                 PublishTraits();
               },
           .on_unavailable = [this](absl::Status why) { outlets_.unavailable(std::move(why)); }}) {
  traits_.published = published_;
  if (!key_.metadata_only) return;
  traits_.envelope = MetadataEnvelope();
  traits_.api_version = kMetadataApiVersion;
  traits_.kind = kMetadataKind;
}

Cacher::~Cacher() {
  RaiseFloor();
  env_.published.Remove(*published_);
}

absl::Status Cacher::OnSnapshot(Reflector::Snapshot snapshot) {
  thread_.Check();
  Hear();
  const bool first = !synced();
  WEIR_RETURN_IF_ERROR(builder_.Replace(snapshot.version, snapshot.objects));
  LearnTraits(snapshot);
  RaiseFloor();
  proof_.OnListed();
  if (!first) {
    PublishAll();
    return absl::OkStatus();
  }
  LogInfo("synced", {{"resource", key_.resource.Name()},
                     {"namespace", key_.namespace_name},
                     {"version", builder_.version().ToString()},
                     {"objects", objects()}});
  Append(builder_.Take(env_.dispatcher.ReadySince(), heard_));
  outlets_.publish(CurrentState());
  return absl::OkStatus();
}

absl::Status Cacher::OnEvents(std::vector<WatchEvent> events) {
  thread_.Check();
  Hear();
  const uint64_t let_go = builder_.let_go();
  absl::Status added;
  for (WatchEvent& event : events) {
    added = builder_.Add(std::move(event));
    if (!added.ok()) break;
  }
  stats_.let_go->Add(builder_.let_go() - let_go);
  proof_.OnProgress();
  PublishRevision();
  return added;
}

void Cacher::OnBytes(const SnapshotMap& objects) {
  thread_.Check();
  Hear();
  if (!builder_.Rewrite(objects)) return;
  LogInfo("the API server has rewritten objects under the same versions",
          {{"resource", key_.resource.Name()}, {"namespace", key_.namespace_name}});
  PublishAll();
}

void Cacher::Hear() {
  heard_ = env_.dispatcher.Now();
  filters_->SetTime(heard_);
}

RevisionPtr Cacher::TakeRevision() {
  RevisionPtr revision = builder_.Take(env_.dispatcher.ReadySince(), env_.dispatcher.Now());
  if (revision == nullptr) return nullptr;
  Append(revision);
  return revision;
}

void Cacher::Append(const RevisionPtr& revision) {
  window_.Append(revision);
  published_->Publish(revision->sequence, revision->content);
  UpdateGauges();
}

void Cacher::PublishRevision() {
  const RevisionPtr revision = TakeRevision();
  if (revision == nullptr) return;
  if (!revision->events.empty()) {
    stats_.ingest->Observe(revision->published - revision->arrived, revision->events.size());
  }
  outlets_.publish([revision](CacheReplica::Core& replica) { replica.Append(revision); });
}

// So that readers are told once.
void Cacher::PublishAll() {
  traits_.access = access_.table();
  const auto traits = std::make_shared<const CacheTraits>(traits_);
  outlets_.publish([revision = TakeRevision(), traits](CacheReplica::Core& replica) {
    replica.Update(revision, *traits);
  });
}

void Cacher::OnProved(ResourceVersion version, std::optional<MonotonicTime> as_of) {
  thread_.Check();
  builder_.Prove(version);
  reflector_.Advance(builder_.version());
  traits_.current_as_of = as_of.value_or(traits_.current_as_of);
  PublishAll();
}

void Cacher::OnAccess(ReadVerb verb, bool allowed, MonotonicTime asked) {
  access_.Note(verb, allowed, asked);
  PublishTraits();
}

Cacher::ReplicaUpdate Cacher::CurrentState() const {
  const auto window = std::make_shared<const WatchWindow>(window_);
  const auto traits = std::make_shared<const CacheTraits>(traits_);
  return [window, traits](CacheReplica::Core& replica) { replica.Sync(*window, *traits); };
}

void Cacher::PublishTraits() {
  thread_.Check();
  traits_.access = access_.table();
  if (!synced()) return;
  const auto traits = std::make_shared<const CacheTraits>(traits_);
  outlets_.publish([traits](CacheReplica::Core& replica) { replica.SetTraits(*traits); });
}

void Cacher::OnHealth(bool healthy) {
  proof_.OnHealth(healthy);
  traits_.healthy = healthy;
  stats_.healthy->Set(healthy ? 1 : 0);
  traits_.health_changed = env_.dispatcher.Now();
  PublishTraits();
}

void Cacher::LearnTraits(Reflector::Snapshot& snapshot) {
  ObjectPtr any;
  builder_.objects().Scan({}, false, [&any](const ObjectPtr& object) {
    any = object;
    return false;
  });
  // Of metadata all is known from the start.
  if (key_.metadata_only) return reflector_.set_built_in(IsBuiltIn(nullptr));
  if (snapshot.envelope.has_value()) traits_.envelope = std::move(snapshot.envelope);
  if (!traits_.envelope.has_value() && any != nullptr) traits_.envelope = EnvelopeOf(*any);
  if (any != nullptr) {
    traits_.api_version = any->api_version();
    traits_.kind = any->kind();
  } else if (!snapshot.kind.empty()) {
    traits_.api_version = std::move(snapshot.api_version);
    traits_.kind = std::move(snapshot.kind);
  } else if (traits_.envelope.has_value() && traits_.kind.empty()) {
    std::string_view kind = traits_.envelope->list_kind;
    if (kind.ends_with("List")) kind.remove_suffix(4);
    traits_.api_version = traits_.envelope->api_version;
    traits_.kind = kind;
  }
  reflector_.set_built_in(IsBuiltIn(any.get()));
}

// Where nothing shows it: the group of a custom resource is a domain.
bool Cacher::IsBuiltIn(const Object* any) const {
  if (key_.resource.group.find('.') == std::string::npos) return true;
  if (key_.metadata_only) return false;
  if (key_.representation == Representation::kProtobuf) return true;
  if (any != nullptr) return any->list_item_needs_brace();
  return traits_.envelope.has_value() && !traits_.envelope->custom_resource;
}

void Cacher::WantEnvelope() {
  if (envelope_asked_ || traits_.envelope.has_value() || !synced()) return;
  envelope_asked_ = true;
  envelope_request_ = source_->LearnEnvelope([this](absl::StatusOr<ListEnvelope> envelope) {
    envelope_asked_ = false;
    if (!envelope.ok()) {
      LogWarning("cannot learn how a list is framed; lists are forwarded",
                 {{"resource", key_.resource.Name()}, {"because", MessageOf(envelope.status())}});
      return;
    }
    traits_.envelope = *std::move(envelope);
    reflector_.set_built_in(IsBuiltIn(nullptr));
    PublishTraits();
  });
}

void Cacher::UpdateGauges() {
  stats_.objects->Set(static_cast<int64_t>(objects()));
  stats_.object_bytes->Set(static_cast<int64_t>(object_bytes()));
  stats_.window_events->Set(static_cast<int64_t>(window_.events()));
  stats_.window_bytes->Set(static_cast<int64_t>(window_.bytes()));
  stats_.synced->Set(1);
}

}  // namespace weir
