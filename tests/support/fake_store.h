// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/kube/resource.h"
#include "proxy/kube/watch_event.h"

namespace weir {

// A resource that the fake API server has.
struct FakeKind {
  GroupVersionResource resource = {};
  std::string kind = {};
  bool namespaced = true;
  bool custom = false;  // As a CRD's: keys sorted, list items with kind, no protobuf.

  std::string api_version() const;
};

// One version of one object. Immutable.
struct FakeObject {
  const FakeKind* kind = nullptr;
  std::string namespace_name, name, uid;
  uint64_t version = 0;
  std::map<std::string, std::string> labels, annotations, data;
  std::vector<std::string> finalizers;
  bool deleting = false;
  int64_t created_seconds = 0;
  uint64_t generation = 0;    // Of custom kinds: how often all but the metadata has changed.
  std::string metadata_json;  // The value of "metadata".
  std::string json;           // As a watch sends it.
  std::string json_item;      // As a LIST holds it.
  std::string protobuf;       // The bare message; "" for custom kinds.
};
using FakeObjectPtr = std::shared_ptr<const FakeObject>;

struct FakeCause {
  std::string reason, message, field;
};

// metav1.Status in full, with the details that Weir itself never makes but must hand through.
struct FakeStatus {
  int code = 0;  // 0: no failure.
  std::string reason = {}, message = {};
  std::string name = {}, group = {}, kind = {};  // details
  std::vector<FakeCause> causes = {};
  int retry_after_seconds = 0;
  std::string continue_token = {};  // metadata.continue, of an expired page.
  bool empty_details = false;       // "details":{}, as the router of an API server writes them.
  bool unnegotiated = false;        // In JSON for people, whatever was asked for.

  bool ok() const { return code == 0; }
};

// One change. A deletion's object is the last state with the version of the deletion.
struct FakeEvent {
  WatchEventType type = WatchEventType::kAdded;
  FakeObjectPtr object;
  FakeObjectPtr previous;  // nullptr for kAdded.
  uint64_t version = 0;
};

class FakeObjectDraft;

// What etcd and the registry are to an API server, in memory: collections of objects, one version
// counter for all of them, and their history. Not thread-safe.
class FakeStore {
 public:
  struct Result {
    FakeObjectPtr object;
    FakeStatus error;
    bool ok() const { return error.ok(); }
  };

  FakeStore();

  // configmaps, secrets, pods, events, namespaces, nodes, leases, and the custom foos of
  // example.com/v1 are there from the beginning. The result lives as long as the store.
  const FakeKind* AddKind(FakeKind kind);
  const FakeKind* FindKind(const GroupVersionResource& resource) const;
  const FakeKind* FindKind(std::string_view plural) const;
  std::vector<const FakeKind*> kinds() const;

  // Bodies are JSON objects; `namespace_name` is "" for cluster scope. A body with a
  // resourceVersion that is not the current one is a conflict.
  Result Create(const FakeKind& kind, std::string_view namespace_name, std::string_view body);
  Result Update(const FakeKind& kind, std::string_view namespace_name, std::string_view name,
                std::string_view body);
  Result MergePatch(const FakeKind& kind, std::string_view namespace_name, std::string_view name,
                    std::string_view patch);
  Result Delete(const FakeKind& kind, std::string_view namespace_name, std::string_view name);
  FakeObjectPtr Find(const FakeKind& kind, std::string_view namespace_name,
                     std::string_view name) const;

  FakeStatus NotFound(const FakeKind& kind, std::string_view name) const;

  // The newest version of anything.
  uint64_t version() const { return version_; }
  // Something that is not kept here has changed.
  void BumpVersion() { ++version_; }
  // The objects of `kind` as they were at `version`, in the order of their joined keys.
  std::vector<FakeObjectPtr> ListAt(const FakeKind& kind, uint64_t version) const;
  size_t CountOf(const FakeKind& kind) const;
  // The first change of `kind` after `since`; nullptr if there is none.
  const FakeEvent* NextEvent(const FakeKind& kind, uint64_t since) const;
  // History up to and including `version` is forgotten by those who ask for it.
  void Compact(uint64_t version) { compacted_ = std::max(compacted_, version); }
  uint64_t compacted() const { return compacted_; }
  // Runs after each change.
  void set_on_change(std::function<void()> on_change) { on_change_ = std::move(on_change); }

 private:
  struct Collection {
    FakeKind kind;
    std::map<std::string, FakeObjectPtr, std::less<>> objects;  // By joined key.
    std::deque<FakeEvent> events;
  };

  Collection& CollectionOf(const FakeKind& kind);
  const Collection& CollectionOf(const FakeKind& kind) const;
  Result Replace(const FakeKind& kind, const std::string& key, const FakeObjectDraft& draft);
  // Stores the new state of an object and tells of it.
  FakeObjectPtr Put(Collection& collection, const std::string& key, FakeObjectPtr object);
  void Remove(Collection& collection, const std::string& key);
  void Append(Collection& collection, FakeEvent event);

  std::vector<std::unique_ptr<Collection>> collections_;
  uint64_t version_ = 1000;
  uint64_t compacted_ = 1000;  // What has been before is before all history.
  uint64_t next_uid_ = 1;
  std::function<void()> on_change_;
};

// {"metadata":{"name":...,"labels":{...}},"data":{...}}, as a client creates one.
std::string ConfigMapBody(std::string_view name,
                          const std::map<std::string, std::string>& data = {},
                          const std::map<std::string, std::string>& labels = {});

}  // namespace weir
