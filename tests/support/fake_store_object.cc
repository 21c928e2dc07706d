// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_store_object.h"

#include <utility>

#include "absl/time/time.h"
#include <nlohmann/json.hpp>

#include "proxy/base/strings.h"
#include "tests/support/fake_store_encoding.h"

namespace weir {
namespace {

using OrderedJson = nlohmann::ordered_json;

std::string TextOf(const OrderedJson& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::map<std::string, std::string> StringsOf(const OrderedJson& object, const char* key) {
  std::map<std::string, std::string> strings;
  const auto found = object.find(key);
  if (found == object.end() || !found->is_object()) return strings;
  for (const auto& [name, value] : found->items()) {
    if (value.is_string()) strings[name] = value.get<std::string>();
  }
  return strings;
}

std::string Rfc3339(int64_t seconds) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(seconds),
                          absl::UTCTimeZone());
}

// metadata in the order in which the API server's encoder writes its members.
OrderedJson Metadata(const OrderedJson& draft, const FakeObjectIdentity& identity, bool deleting) {
  OrderedJson metadata = OrderedJson::object();
  metadata["name"] = identity.name;
  if (!TextOf(draft, "generateName").empty()) metadata["generateName"] = draft["generateName"];
  if (!identity.namespace_name.empty()) metadata["namespace"] = identity.namespace_name;
  metadata["uid"] = identity.uid;
  metadata["resourceVersion"] = StrCat(identity.version);
  if (identity.generation > 0) metadata["generation"] = identity.generation;
  metadata["creationTimestamp"] = Rfc3339(identity.created_seconds);
  if (deleting) {
    metadata["deletionTimestamp"] = Rfc3339(identity.created_seconds + 60);
    metadata["deletionGracePeriodSeconds"] = 0;
  }
  for (const char* key :
       {"labels", "annotations", "ownerReferences", "finalizers", "managedFields"}) {
    if (const auto found = draft.find(key); found != draft.end() && !found->empty()) {
      metadata[key] = *found;
    }
  }
  return metadata;
}

void EncodeJson(const OrderedJson& metadata, const OrderedJson& draft, FakeObject& object) {
  OrderedJson item = OrderedJson::object();
  item["metadata"] = metadata;
  for (const auto& [key, value] : draft.items()) {
    if (key != "kind" && key != "apiVersion" && key != "metadata") item[key] = value;
  }
  OrderedJson whole = OrderedJson::object();
  whole["kind"] = object.kind->kind;
  whole["apiVersion"] = object.kind->api_version();
  whole.update(item);
  if (object.kind->custom) {
    object.json = EscapedAsGoDoes(nlohmann::json(whole).dump());
    object.json_item = object.json;
  } else {
    object.json = EscapedAsGoDoes(whole.dump());
    object.json_item = EscapedAsGoDoes(item.dump());
  }
  object.metadata_json = EscapedAsGoDoes(metadata.dump());
}

}  // namespace

struct FakeObjectDraft::Json {
  OrderedJson value;
  const OrderedJson& metadata() const {
    static const OrderedJson* const none = new OrderedJson(OrderedJson::object());
    const auto found = value.find("metadata");
    return found != value.end() && found->is_object() ? *found : *none;
  }
};

FakeObjectDraft::FakeObjectDraft(std::unique_ptr<Json> json) : json_(std::move(json)) {}
FakeObjectDraft::FakeObjectDraft(FakeObjectDraft&&) noexcept = default;
FakeObjectDraft::~FakeObjectDraft() = default;

std::optional<FakeObjectDraft> FakeObjectDraft::Parse(std::string_view body) {
  OrderedJson value = OrderedJson::parse(body, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  return FakeObjectDraft(std::make_unique<Json>(Json{std::move(value)}));
}

std::string FakeObjectDraft::NameFor(uint64_t version) const {
  const std::string name = TextOf(json_->metadata(), "name");
  if (!name.empty()) return name;
  const std::string prefix = TextOf(json_->metadata(), "generateName");
  return prefix.empty() ? "" : StrCat(prefix, version);
}

std::string FakeObjectDraft::ExpectedVersion() const {
  return TextOf(json_->metadata(), "resourceVersion");
}

bool FakeObjectDraft::HasKind() const {
  return !TextOf(json_->value, "kind").empty() && !TextOf(json_->value, "apiVersion").empty();
}

std::string FakeObjectDraft::NamespaceName() const {
  return TextOf(json_->metadata(), "namespace");
}

bool FakeObjectDraft::SaysTheSame(const FakeObject& other, bool with_metadata) const {
  nlohmann::json mine = nlohmann::json::parse(Build(IdentityOf(other))->json);
  nlohmann::json others = nlohmann::json::parse(other.json);
  if (!with_metadata) {
    mine.erase("metadata");
    others.erase("metadata");
  }
  return mine == others;
}

FakeObjectPtr FakeObjectDraft::Build(const FakeObjectIdentity& identity) const {
  auto object = std::make_shared<FakeObject>();
  const OrderedJson& metadata = json_->metadata();
  object->kind = identity.kind;
  object->namespace_name = identity.namespace_name;
  object->name = identity.name;
  object->uid = identity.uid;
  object->version = identity.version;
  object->created_seconds = identity.created_seconds;
  object->generation = identity.generation;
  object->deleting = identity.deleting;
  object->labels = StringsOf(metadata, "labels");
  object->annotations = StringsOf(metadata, "annotations");
  object->data = StringsOf(json_->value, "data");
  if (const auto found = metadata.find("finalizers"); found != metadata.end()) {
    for (const auto& finalizer : *found) object->finalizers.push_back(finalizer.get<std::string>());
  }
  EncodeJson(Metadata(metadata, identity, object->deleting), json_->value, *object);
  if (!identity.kind->custom) object->protobuf = ProtobufMessage(*object);
  return object;
}

FakeObjectIdentity IdentityOf(const FakeObject& object) {
  return {.kind = object.kind,
          .namespace_name = object.namespace_name,
          .name = object.name,
          .uid = object.uid,
          .version = object.version,
          .created_seconds = object.created_seconds,
          .generation = object.generation,
          .deleting = object.deleting};
}

FakeObjectPtr LastState(const FakeObject& object, uint64_t version) {
  FakeObjectIdentity identity = IdentityOf(object);
  identity.version = version;
  return FakeObjectDraft::Parse(object.json)->Build(identity);
}

std::optional<std::string> MergeJson(std::string_view target, std::string_view patch) {
  OrderedJson value = OrderedJson::parse(target, nullptr, false);
  const OrderedJson changes = OrderedJson::parse(patch, nullptr, false);
  if (value.is_discarded() || changes.is_discarded()) return std::nullopt;
  value.merge_patch(changes);
  // An update without a version is unconditional, as a patch without one is.
  if (const auto metadata = changes.find("metadata");
      metadata == changes.end() || !metadata->contains("resourceVersion")) {
    value["metadata"].erase("resourceVersion");
  }
  return value.dump();
}

std::string ConfigMapBody(std::string_view name, const std::map<std::string, std::string>& data,
                          const std::map<std::string, std::string>& labels) {
  OrderedJson body = OrderedJson::object();
  body["metadata"]["name"] = name;
  if (!labels.empty()) body["metadata"]["labels"] = labels;
  if (!data.empty()) body["data"] = data;
  return body.dump();
}

}  // namespace weir
