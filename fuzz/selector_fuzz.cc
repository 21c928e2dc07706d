// SPDX-License-Identifier: Apache-2.0
//
// LabelSelector and FieldSelector: any text, and what must hold of any that parses.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/kube/selector.h"

namespace {

using weir::FieldSelector;
using weir::LabelSelector;

// Labels for every key: one value, or none at all.
bool MatchesAll(const LabelSelector& selector, std::optional<std::string_view> value) {
  return selector.Matches([value](std::string_view) { return value; });
}

void CheckLabels(std::string_view text) {
  const auto selector = LabelSelector::Parse(text);
  if (!selector.ok()) return;
  for (const std::optional<std::string_view> value :
       {std::optional<std::string_view>(), std::optional<std::string_view>(""),
        std::optional<std::string_view>("a"), std::optional<std::string_view>("5")}) {
    const bool matches = MatchesAll(*selector, value);
    if (selector->empty()) {
      WEIR_CHECK(matches);
      continue;
    }
    // A further requirement narrows, and says what it says.
    const auto with = LabelSelector::Parse(weir::StrCat(text, ",zz/a"));
    WEIR_CHECK(with.ok());
    WEIR_CHECK(MatchesAll(*with, value) == (matches && value.has_value()));
  }
}

void CheckFields(std::string_view text) {
  const auto selector = FieldSelector::Parse(text);
  if (!selector.ok()) return;
  // Written out with escapes, it reads the same.
  std::string written;
  for (const FieldSelector::Term& term : selector->terms) {
    weir::StrAppend(written, term.field, term.negated ? "!=" : "==");
    for (const char c : term.value) {
      if (c == '\\' || c == ',' || c == '=') written.push_back('\\');
      written.push_back(c);
    }
    written.push_back(',');
  }
  const auto again = FieldSelector::Parse(written);
  WEIR_CHECK(again.ok() && again->terms.size() == selector->terms.size());
  WEIR_CHECK(again->OnlyMetadata() == selector->OnlyMetadata());
  if (!selector->OnlyMetadata()) return;
  WEIR_CHECK(again->Matches("a", "b") == selector->Matches("a", "b"));
  if (selector->empty()) WEIR_CHECK(selector->Matches("a", "b"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckLabels(text);
  CheckFields(text);
  return 0;
}
