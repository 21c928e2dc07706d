// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/selector.h"

#include <algorithm>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

bool IsLowerAlnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool IsAlnum(char c) { return IsLowerAlnum(c) || (c >= 'A' && c <= 'Z'); }

// [A-Za-z0-9] at both ends, also -_. between them, at most 63.
bool IsLabelName(std::string_view text) {
  return !text.empty() && text.size() <= 63 && IsAlnum(text.front()) && IsAlnum(text.back()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool IsDnsSubdomain(std::string_view text) {
  if (text.size() > 253) return false;
  const std::vector<std::string_view> labels = Split(text, '.');
  return std::all_of(labels.begin(), labels.end(), [](std::string_view label) {
    return !label.empty() && IsLowerAlnum(label.front()) && IsLowerAlnum(label.back()) &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return IsLowerAlnum(c) || c == '-'; });
  });
}

// apimachinery's IsQualifiedName: [prefix/]name.
bool IsLabelKey(std::string_view key) {
  const size_t slash = key.find('/');
  if (slash == std::string_view::npos) return IsLabelName(key);
  return IsDnsSubdomain(key.substr(0, slash)) && IsLabelName(key.substr(slash + 1));
}

bool IsLabelValue(std::string_view value) { return value.empty() || IsLabelName(value); }

bool IsSymbol(char c) { return std::string_view("=!(),><").find(c) != std::string_view::npos; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

}  // namespace

// Recursive descent with one token of look-ahead, in the steps of apimachinery's own parser, so
// that what one takes the other takes. "in" and "notin" are operators only after a key.
class LabelSelectorParser {
 public:
  explicit LabelSelectorParser(std::string_view text) : rest_(text), text_(text) { Advance(); }

  absl::StatusOr<LabelSelector> Parse() {
    LabelSelector selector;
    if (text_.find('\0') != std::string_view::npos) return Unexpected("no NUL byte");
    if (AtEnd()) return selector;
    while (true) {
      WEIR_ASSIGN_OR_RETURN(LabelSelector::Requirement requirement, ParseRequirement());
      selector.requirements_.push_back(std::move(requirement));
      if (AtEnd()) return selector;
      if (!Take(",")) return Unexpected("',' or the end");
    }
  }

 private:
  using Operator = LabelSelector::Operator;

  absl::StatusOr<LabelSelector::Requirement> ParseRequirement() {
    LabelSelector::Requirement requirement{.key = {}, .op = Operator::kExists, .values = {}};
    const bool negated = Take("!");
    if (!IsWord()) return Unexpected("a label key");
    requirement.key = token_;
    if (!IsLabelKey(token_)) {
      return InvalidArgumentError(
          StrCat("label selector ", Quoted(text_), ": ", Quoted(token_), " is not a label key"));
    }
    Advance();
    if (negated) {
      requirement.op = Operator::kNotExists;
    } else if (!AtEnd() && token_ != ",") {
      WEIR_RETURN_IF_ERROR(ParseCondition(requirement));
    }
    return requirement;
  }

  // The operator and what follows it.
  absl::Status ParseCondition(LabelSelector::Requirement& requirement) {
    if (Take("in")) {
      requirement.op = Operator::kIn;
      WEIR_RETURN_IF_ERROR(ParseSet(requirement.values));
    } else if (Take("notin")) {
      requirement.op = Operator::kNotIn;
      WEIR_RETURN_IF_ERROR(ParseSet(requirement.values));
    } else {
      if (Take("=") || Take("==")) {
        requirement.op = Operator::kIn;
      } else if (Take("!=")) {
        requirement.op = Operator::kNotIn;
      } else if (Take(">")) {
        requirement.op = Operator::kGreater;
      } else if (Take("<")) {
        requirement.op = Operator::kLess;
      } else {
        return Unexpected("=, ==, !=, in, notin, > or <");
      }
      WEIR_RETURN_IF_ERROR(ParseOne(requirement.values));
    }
    return Validate(requirement);
  }

  // "(a,b)". An empty place between commas is the value "". Two commas at the end are an error in
  // some versions of apimachinery, and here.
  absl::Status ParseSet(std::vector<std::string>& values) {
    if (!Take("(")) return Unexpected("'('");
    if (Take(")")) {
      values.emplace_back();
      return absl::OkStatus();
    }
    while (true) {
      if (IsWord()) {
        values.emplace_back(token_);
        Advance();
        if (Take(")")) return absl::OkStatus();
        if (token_ != ",") return Unexpected("',' or ')'");
      } else if (Take(",")) {
        if (values.empty()) values.emplace_back();
        if (Take(")")) {
          values.emplace_back();
          return absl::OkStatus();
        }
        if (Take(",")) values.emplace_back();
      } else {
        return Unexpected("',' or a value");
      }
    }
  }

  absl::Status ParseOne(std::vector<std::string>& values) {
    if (AtEnd() || token_ == ",") {
      values.emplace_back();
      return absl::OkStatus();
    }
    if (!IsWord()) return Unexpected("a value");
    values.emplace_back(token_);
    Advance();
    return absl::OkStatus();
  }

  absl::Status Validate(LabelSelector::Requirement& requirement) const {
    for (const std::string& value : requirement.values) {
      if (IsLabelValue(value)) continue;
      return InvalidArgumentError(
          StrCat("label selector ", Quoted(text_), ": ", Quoted(value), " is not a label value"));
    }
    if (requirement.op == Operator::kGreater || requirement.op == Operator::kLess) {
      const auto number = ParseInt64(requirement.values.front());
      if (!number) {
        return InvalidArgumentError(StrCat("label selector ", Quoted(text_), ": ",
                                           Quoted(requirement.values.front()),
                                           " is not an integer"));
      }
      requirement.number = *number;
    }
    std::sort(requirement.values.begin(), requirement.values.end());
    return absl::OkStatus();
  }

  absl::Status Unexpected(std::string_view expected) const {
    return InvalidArgumentError(StrCat("label selector ", Quoted(text_), ": found ", Quoted(token_),
                                       ", expected ", expected));
  }

  // Only the end has no token.
  bool AtEnd() const { return token_.empty(); }
  bool IsWord() const { return !token_.empty() && !IsSymbol(token_.front()); }
  bool Take(std::string_view token) {
    if (token_ != token) return false;
    Advance();
    return true;
  }

  // Moves on to the next token: a word, or the longest symbol.
  void Advance() {
    while (!rest_.empty() && IsBlank(rest_.front())) rest_.remove_prefix(1);
    size_t size = 0;
    if (rest_.substr(0, 2) == "==" || rest_.substr(0, 2) == "!=") {
      size = 2;
    } else if (!rest_.empty() && IsSymbol(rest_.front())) {
      size = 1;
    } else {
      while (size < rest_.size() && !IsSymbol(rest_[size]) && !IsBlank(rest_[size])) ++size;
    }
    token_ = rest_.substr(0, size);
    rest_.remove_prefix(size);
  }

  std::string_view token_;  // The current one.
  std::string_view rest_;   // What follows it.
  const std::string_view text_;
};

absl::StatusOr<LabelSelector> LabelSelector::Parse(std::string_view text) {
  return LabelSelectorParser(text).Parse();
}

bool LabelSelector::Matches(Lookup label) const {
  return std::all_of(requirements_.begin(), requirements_.end(), [&](const Requirement& r) {
    const std::optional<std::string_view> value = label(r.key);
    const auto listed = [&] {
      return std::binary_search(r.values.begin(), r.values.end(), *value);
    };
    const auto number = [&] { return value ? ParseInt64(*value) : std::nullopt; };
    switch (r.op) {
      case Operator::kIn:
        return value && listed();
      case Operator::kNotIn:
        return !value || !listed();
      case Operator::kExists:
        return value.has_value();
      case Operator::kNotExists:
        return !value.has_value();
      case Operator::kGreater:
        return number().has_value() && *number() > r.number;
      case Operator::kLess:
        return number().has_value() && *number() < r.number;
    }
    return false;
  });
}

namespace {

// Cuts at commas that no backslash precedes; the backslashes stay.
std::vector<std::string_view> SplitTerms(std::string_view text) {
  std::vector<std::string_view> terms;
  size_t start = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == ',') {
      terms.push_back(text.substr(start, i - start));
      start = i + 1;
    }
  }
  terms.push_back(text.substr(start));
  return terms;
}

absl::StatusOr<std::string> UnescapeFieldValue(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool special = text[i] == ',' || text[i] == '=';
    if (special) return InvalidArgumentError(StrCat("unescaped '", text.substr(i, 1), "'"));
    if (text[i] == '\\') {
      ++i;
      if (i == text.size() || std::string_view("\\,=").find(text[i]) == std::string_view::npos) {
        return InvalidArgumentError("bad backslash escape");
      }
    }
    out.push_back(text[i]);
  }
  return out;
}

// "field=value", "field==value" or "field!=value": the first operator in it counts.
absl::StatusOr<FieldSelector::Term> ParseTerm(std::string_view text) {
  size_t at = 0;
  while (at < text.size() && text[at] != '=' && text.substr(at, 2) != "!=") ++at;
  if (at == text.size()) return InvalidArgumentError("no operator");
  const bool negated = text[at] == '!';
  const size_t operator_size = negated || text.substr(at, 2) == "==" ? 2 : 1;
  FieldSelector::Term term{
      .field = std::string(text.substr(0, at)), .value = {}, .negated = negated};
  WEIR_ASSIGN_OR_RETURN(term.value, UnescapeFieldValue(text.substr(at + operator_size)));
  return term;
}

}  // namespace

absl::StatusOr<FieldSelector> FieldSelector::Parse(std::string_view text) {
  FieldSelector selector;
  std::vector<std::string_view> terms = SplitTerms(text);
  // As apimachinery does: which of two names an object is pinned to depends on it.
  std::sort(terms.begin(), terms.end());
  for (const std::string_view text_of_term : terms) {
    if (text_of_term.empty()) continue;
    auto term = ParseTerm(text_of_term);
    if (!term.ok()) {
      return Annotate(term.status(),
                      StrCat("field selector ", Quoted(text), ", term ", Quoted(text_of_term)));
    }
    if (term->field.empty() && term->value.empty()) continue;  // "=": everything.
    selector.terms.push_back(*std::move(term));
  }
  return selector;
}

bool FieldSelector::OnlyMetadata() const {
  return std::all_of(terms.begin(), terms.end(), [](const Term& term) {
    return term.field == "metadata.name" || term.field == "metadata.namespace";
  });
}

bool FieldSelector::Matches(std::string_view name, std::string_view namespace_name) const {
  return std::all_of(terms.begin(), terms.end(), [&](const Term& term) {
    const std::string_view actual = term.field == "metadata.name" ? name : namespace_name;
    return (actual == term.value) != term.negated;
  });
}

}  // namespace weir
