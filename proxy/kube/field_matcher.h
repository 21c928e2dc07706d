// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/kube/object.h"
#include "proxy/kube/resource.h"
#include "proxy/kube/selector.h"

namespace weir {

struct SelectableField;

// A field selector bound to a resource: says of its objects what the API server would say. Cheap:
// walks an object's bytes as far as the field, and looks no further than its name and namespace
// where that is enough.
class FieldMatcher {
 public:
  FieldMatcher() = default;  // Matches everything.

  // Nothing: a term names a field that is not known to be evaluated by the API server for this
  // resource, and to mean what Weir takes it for. Of a resource that is not built in that is every
  // field but metadata.name and metadata.namespace; that the API server knows the second only of
  // namespaced kinds is for the caller to see to (selects_namespace).
  // `metadata_only`: the objects are PartialObjectMetadata, which hold no other fields.
  static std::optional<FieldMatcher> For(const GroupVersionResource& resource,
                                         const FieldSelector& selector, bool metadata_only);

  // REQUIRES: `object` is one of the resource, whole unless `metadata_only`.
  bool Matches(const Object& object) const;
  bool empty() const { return terms_.empty(); }
  // Some term is on metadata.namespace.
  bool selects_namespace() const;

 private:
  enum class Source { kName, kNamespace, kField };
  struct Term {
    Source source;
    const SelectableField* field;  // kField.
    std::string value;
    bool negated;
  };
  static bool Matches(const Term& term, const Object& object);

  std::vector<Term> terms_;  // AND; those that cost nothing first.
};

}  // namespace weir
