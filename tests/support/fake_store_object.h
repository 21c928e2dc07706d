// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "tests/support/fake_store.h"

namespace weir {

// What the server decides about an object, whatever its body says.
struct FakeObjectIdentity {
  const FakeKind* kind = nullptr;
  std::string namespace_name, name, uid;
  uint64_t version = 0;
  int64_t created_seconds = 0;
  uint64_t generation = 0;
  bool deleting = false;
};
FakeObjectIdentity IdentityOf(const FakeObject& object);

// A body as a client sends it, on its way to become an object.
class FakeObjectDraft {
 public:
  // nullopt: not a JSON object.
  static std::optional<FakeObjectDraft> Parse(std::string_view body);
  FakeObjectDraft(FakeObjectDraft&&) noexcept;
  ~FakeObjectDraft();

  // metadata.name, or one made of metadata.generateName, or "".
  std::string NameFor(uint64_t version) const;
  std::string ExpectedVersion() const;  // metadata.resourceVersion, or "".
  // Whether it has the kind and apiVersion that a custom resource must come with.
  bool HasKind() const;
  std::string NamespaceName() const;  // metadata.namespace, or "".
  // Whether the object says what `other` says, but for what the server decides; with or without
  // regard to the metadata.
  bool SaysTheSame(const FakeObject& other, bool with_metadata) const;
  // The object in every encoding that its kind has.
  FakeObjectPtr Build(const FakeObjectIdentity& identity) const;

 private:
  struct Json;
  explicit FakeObjectDraft(std::unique_ptr<Json> json);
  std::unique_ptr<Json> json_;
};

// `object` with another version: what a deletion sends.
FakeObjectPtr LastState(const FakeObject& object, uint64_t version);

// RFC 7386; nullopt if one of them is not JSON.
std::optional<std::string> MergeJson(std::string_view target, std::string_view patch);

}  // namespace weir
