// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace weir {

// A label selector (apimachinery pkg/labels): every form, AND of its requirements.
class LabelSelector {
 public:
  // Error: forward, the API server words the 400.
  static absl::StatusOr<LabelSelector> Parse(std::string_view text);

  using Lookup = absl::FunctionRef<std::optional<std::string_view>(std::string_view key)>;
  bool Matches(Lookup label) const;
  bool empty() const { return requirements_.empty(); }  // Matches everything.

 private:
  enum class Operator { kIn, kNotIn, kExists, kNotExists, kGreater, kLess };
  struct Requirement {
    std::string key;
    Operator op;
    std::vector<std::string> values;  // Sorted.
    int64_t number = 0;               // kGreater, kLess.
  };
  friend class LabelSelectorParser;
  std::vector<Requirement> requirements_;
};

// A field selector (apimachinery pkg/fields) as terms; which fields a kind has is not known here.
struct FieldSelector {
  struct Term {
    std::string field;
    std::string value;
    bool negated = false;  // !=
  };
  std::vector<Term> terms;  // AND.

  static absl::StatusOr<FieldSelector> Parse(std::string_view text);
  bool empty() const { return terms.empty(); }
  // Only metadata.name and metadata.namespace: what every resource has.
  bool OnlyMetadata() const;
  bool Matches(std::string_view name,
               std::string_view namespace_name) const;  // REQUIRES: OnlyMetadata().
};

}  // namespace weir
