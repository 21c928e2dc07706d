// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_store.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "tests/support/fake_store_object.h"

namespace weir {
namespace {

// More than any reader of the stand-alone simulator lags behind.
constexpr size_t kMaxEvents = 100'000;

std::string JoinedKey(std::string_view namespace_name, std::string_view name) {
  return namespace_name.empty() ? std::string(name) : StrCat(namespace_name, "/", name);
}

std::string QualifiedName(const FakeKind& kind) { return kind.resource.Name(); }

FakeStatus Conflict(const FakeKind& kind, std::string_view name) {
  return {.code = 409,
          .reason = "Conflict",
          .message = StrCat("Operation cannot be fulfilled on ", QualifiedName(kind), " \"", name,
                            "\": the object has been modified; please apply your changes to the "
                            "latest version and try again"),
          .name = std::string(name),
          .group = kind.resource.group,
          .kind = kind.resource.resource};
}

FakeStatus AlreadyExists(const FakeKind& kind, std::string_view name) {
  return {.code = 409,
          .reason = "AlreadyExists",
          .message = StrCat(QualifiedName(kind), " \"", name, "\" already exists"),
          .name = std::string(name),
          .group = kind.resource.group,
          .kind = kind.resource.resource};
}

// `what` is the kind or the plural name: an API server is not of one mind.
FakeStatus Invalid(const FakeKind& kind, const std::string& what_kind, std::string_view name,
                   std::string_view field, std::string_view reason, std::string_view message) {
  const std::string what =
      kind.resource.group.empty() ? what_kind : StrCat(what_kind, ".", kind.resource.group);
  return {.code = 422,
          .reason = "Invalid",
          .message = StrCat(what, " \"", name, "\" is invalid: ", field, ": ", message),
          .name = std::string(name),
          .group = kind.resource.group,
          .kind = what_kind,
          .causes = {{std::string(reason), std::string(message), std::string(field)}}};
}

FakeStatus BadBody(std::string_view why) {
  return {.code = 400, .reason = "BadRequest", .message = std::string(why)};
}

}  // namespace

std::string FakeKind::api_version() const {
  return resource.group.empty() ? resource.version : StrCat(resource.group, "/", resource.version);
}

FakeStore::FakeStore() {
  AddKind({.resource = {"", "v1", "configmaps"}, .kind = "ConfigMap"});
  AddKind({.resource = {"", "v1", "secrets"}, .kind = "Secret"});
  AddKind({.resource = {"", "v1", "pods"}, .kind = "Pod"});
  AddKind({.resource = {"", "v1", "events"}, .kind = "Event"});
  AddKind({.resource = {"", "v1", "namespaces"}, .kind = "Namespace", .namespaced = false});
  AddKind({.resource = {"", "v1", "nodes"}, .kind = "Node", .namespaced = false});
  AddKind({.resource = {"coordination.k8s.io", "v1", "leases"}, .kind = "Lease"});
  AddKind({.resource = {"example.com", "v1", "foos"}, .kind = "Foo", .custom = true});
}

const FakeKind* FakeStore::AddKind(FakeKind kind) {
  collections_.push_back(std::make_unique<Collection>(Collection{std::move(kind), {}, {}}));
  return &collections_.back()->kind;
}

const FakeKind* FakeStore::FindKind(const GroupVersionResource& resource) const {
  for (const auto& collection : collections_) {
    if (collection->kind.resource == resource) return &collection->kind;
  }
  return nullptr;
}

const FakeKind* FakeStore::FindKind(std::string_view plural) const {
  for (const auto& collection : collections_) {
    if (collection->kind.resource.resource == plural) return &collection->kind;
  }
  return nullptr;
}

std::vector<const FakeKind*> FakeStore::kinds() const {
  std::vector<const FakeKind*> kinds;
  for (const auto& collection : collections_) kinds.push_back(&collection->kind);
  return kinds;
}

FakeStore::Collection& FakeStore::CollectionOf(const FakeKind& kind) {
  return const_cast<Collection&>(std::as_const(*this).CollectionOf(kind));
}

const FakeStore::Collection& FakeStore::CollectionOf(const FakeKind& kind) const {
  for (const auto& collection : collections_) {
    if (&collection->kind == &kind) return *collection;
  }
  WEIR_CHECK(false);
}

FakeStore::Result FakeStore::Create(const FakeKind& kind, std::string_view namespace_name,
                                    std::string_view body) {
  const auto draft = FakeObjectDraft::Parse(body);
  if (!draft) return {.object = nullptr, .error = BadBody("the body is not a JSON object")};
  const std::string name = draft->NameFor(version_ + 1);
  if (name.empty()) {
    return {.object = nullptr,
            .error = Invalid(kind, kind.kind, "", "metadata.name", "FieldValueRequired",
                             "Required value: name or generateName is required")};
  }
  if (const std::string given = draft->NamespaceName(); !given.empty() && given != namespace_name) {
    return {.object = nullptr,
            .error = BadBody("the namespace of the provided object does not match the namespace "
                             "sent on the request")};
  }
  Collection& collection = CollectionOf(kind);
  const std::string key = JoinedKey(namespace_name, name);
  if (collection.objects.contains(key)) {
    return {.object = nullptr, .error = AlreadyExists(kind, name)};
  }
  const uint64_t uid = next_uid_++;
  ++version_;
  FakeObjectPtr object = draft->Build({.kind = &kind,
                                       .namespace_name = std::string(namespace_name),
                                       .name = name,
                                       .uid = StrCat("uid-", uid),
                                       .version = version_,
                                       .created_seconds = 1'700'000'000 + static_cast<int64_t>(uid),
                                       .generation = kind.custom ? 1u : 0u});
  return {.object = Put(collection, key, std::move(object)), .error = {}};
}

FakeStore::Result FakeStore::Update(const FakeKind& kind, std::string_view namespace_name,
                                    std::string_view name, std::string_view body) {
  Collection& collection = CollectionOf(kind);
  const std::string key = JoinedKey(namespace_name, name);
  const auto found = collection.objects.find(key);
  if (found == collection.objects.end()) return {.object = nullptr, .error = NotFound(kind, name)};
  const auto draft = FakeObjectDraft::Parse(body);
  if (!draft) return {.object = nullptr, .error = BadBody("the body is not a JSON object")};
  if (const std::string given = draft->NameFor(0); !given.empty() && given != name) {
    return {.object = nullptr,
            .error = BadBody(StrCat("the name of the object (", given,
                                    ") does not match the name on the URL (", name, ")"))};
  }
  const FakeObject& old = *found->second;
  const std::string expected = draft->ExpectedVersion();
  if (expected.empty() && kind.custom) {
    return {
        .object = nullptr,
        .error = Invalid(kind, kind.resource.resource, name, "metadata.resourceVersion",
                         "FieldValueInvalid", "Invalid value: 0: must be specified for an update")};
  }
  if (!expected.empty() && expected != StrCat(old.version)) {
    return {.object = nullptr, .error = Conflict(kind, name)};
  }
  return Replace(kind, key, *draft);
}

FakeStore::Result FakeStore::Replace(const FakeKind& kind, const std::string& key,
                                     const FakeObjectDraft& draft) {
  Collection& collection = CollectionOf(kind);
  const FakeObjectPtr old = collection.objects.at(key);
  FakeObjectIdentity identity = IdentityOf(*old);
  // What changes nothing is not written.
  if (draft.SaysTheSame(*old, true)) return {.object = old, .error = {}};
  if (kind.custom && !draft.SaysTheSame(*old, false)) ++identity.generation;
  identity.version = ++version_;
  FakeObjectPtr object = draft.Build(identity);
  // The last finalizer of an object that is being deleted has gone: so does the object, and the
  // answer has its version from before.
  if (object->deleting && object->finalizers.empty()) {
    --version_;
    identity.version = old->version;
    object = draft.Build(identity);
    Remove(collection, key);
    return {.object = std::move(object), .error = {}};
  }
  return {.object = Put(collection, key, std::move(object)), .error = {}};
}

FakeStore::Result FakeStore::MergePatch(const FakeKind& kind, std::string_view namespace_name,
                                        std::string_view name, std::string_view patch) {
  const FakeObjectPtr old = Find(kind, namespace_name, name);
  if (old == nullptr) return {.object = nullptr, .error = NotFound(kind, name)};
  const auto merged = MergeJson(old->json, patch);
  if (!merged) return {.object = nullptr, .error = BadBody("the patch is not a JSON object")};
  const auto draft = FakeObjectDraft::Parse(*merged);
  if (const std::string expected = draft->ExpectedVersion();
      !expected.empty() && expected != StrCat(old->version)) {
    return {.object = nullptr, .error = Conflict(kind, name)};
  }
  return Replace(kind, JoinedKey(namespace_name, name), *draft);
}

FakeStore::Result FakeStore::Delete(const FakeKind& kind, std::string_view namespace_name,
                                    std::string_view name) {
  Collection& collection = CollectionOf(kind);
  const std::string key = JoinedKey(namespace_name, name);
  const auto found = collection.objects.find(key);
  if (found == collection.objects.end()) return {.object = nullptr, .error = NotFound(kind, name)};
  const FakeObjectPtr old = found->second;
  if (old->finalizers.empty()) {
    Remove(collection, key);
    return {.object = old, .error = {}};
  }
  FakeObjectIdentity identity = IdentityOf(*old);
  identity.version = ++version_;
  identity.deleting = true;
  FakeObjectPtr object = FakeObjectDraft::Parse(old->json)->Build(identity);
  return {.object = Put(collection, key, std::move(object)), .error = {}};
}

FakeObjectPtr FakeStore::Find(const FakeKind& kind, std::string_view namespace_name,
                              std::string_view name) const {
  const Collection& collection = CollectionOf(kind);
  const auto found = collection.objects.find(JoinedKey(namespace_name, name));
  return found == collection.objects.end() ? nullptr : found->second;
}

FakeObjectPtr FakeStore::Put(Collection& collection, const std::string& key, FakeObjectPtr object) {
  FakeObjectPtr& place = collection.objects[key];
  FakeObjectPtr previous = std::exchange(place, object);
  Append(collection,
         {.type = previous == nullptr ? WatchEventType::kAdded : WatchEventType::kModified,
          .object = object,
          .previous = std::move(previous),
          .version = object->version});
  return object;
}

void FakeStore::Remove(Collection& collection, const std::string& key) {
  auto node = collection.objects.extract(key);
  FakeObjectPtr last = LastState(*node.mapped(), ++version_);
  Append(collection, {.type = WatchEventType::kDeleted,
                      .object = std::move(last),
                      .previous = std::move(node.mapped()),
                      .version = version_});
}

void FakeStore::Append(Collection& collection, FakeEvent event) {
  collection.events.push_back(std::move(event));
  if (collection.events.size() > kMaxEvents) {
    Compact(collection.events.front().version);
    collection.events.pop_front();
  }
  if (on_change_) on_change_();
}

std::vector<FakeObjectPtr> FakeStore::ListAt(const FakeKind& kind, uint64_t version) const {
  const Collection& collection = CollectionOf(kind);
  std::vector<FakeObjectPtr> list;
  if (collection.events.empty() || collection.events.back().version <= version) {
    for (const auto& [key, object] : collection.objects) list.push_back(object);
    return list;
  }
  // What has happened since is undone, newest first.
  auto objects = collection.objects;
  for (auto event = collection.events.rbegin();
       event != collection.events.rend() && event->version > version; ++event) {
    const std::string key = JoinedKey(event->object->namespace_name, event->object->name);
    if (event->previous == nullptr) {
      objects.erase(key);
    } else {
      objects[key] = event->previous;
    }
  }
  for (const auto& [key, object] : objects) list.push_back(object);
  return list;
}

size_t FakeStore::CountOf(const FakeKind& kind) const { return CollectionOf(kind).objects.size(); }

const FakeEvent* FakeStore::NextEvent(const FakeKind& kind, uint64_t since) const {
  const std::deque<FakeEvent>& events = CollectionOf(kind).events;
  const auto next = std::upper_bound(
      events.begin(), events.end(), since,
      [](uint64_t version, const FakeEvent& event) { return version < event.version; });
  return next == events.end() ? nullptr : &*next;
}

FakeStatus FakeStore::NotFound(const FakeKind& kind, std::string_view name) const {
  return {.code = 404,
          .reason = "NotFound",
          .message = StrCat(QualifiedName(kind), " \"", name, "\" not found"),
          .name = std::string(name),
          .group = kind.resource.group,
          .kind = kind.resource.resource};
}

}  // namespace weir
