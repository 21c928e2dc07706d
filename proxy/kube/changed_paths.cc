// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/changed_paths.h"

#include <algorithm>
#include <utility>

#include "simdjson.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using simdjson::dom::element;
using simdjson::dom::element_type;
using Member = std::pair<std::string_view, element>;

// In the order of the names. Of a name that stands there twice the last one counts, as in Go.
std::vector<Member> Members(const simdjson::dom::object& object) {
  std::vector<Member> members;
  for (const auto [key, value] : object) members.emplace_back(key, value);
  std::stable_sort(members.begin(), members.end(),
                   [](const Member& a, const Member& b) { return a.first < b.first; });
  size_t kept = 0;
  for (size_t i = 0; i < members.size(); ++i) {
    if (i + 1 < members.size() && members[i + 1].first == members[i].first) continue;
    members[kept++] = members[i];
  }
  members.erase(members.begin() + static_cast<std::ptrdiff_t>(kept), members.end());
  return members;
}

// Calls `visit` with the name and both values of each member, one of them null where it is not
// there, until it returns false.
template <typename Visit>
void ForEachMember(const element& before, const element& after, Visit visit) {
  const std::vector<Member> olds = Members(before.get_object().value_unsafe());
  const std::vector<Member> news = Members(after.get_object().value_unsafe());
  auto a = olds.begin();
  auto b = news.begin();
  while (a != olds.end() || b != news.end()) {
    const bool has_a = a != olds.end() && (b == news.end() || a->first <= b->first);
    const bool has_b = b != news.end() && (a == olds.end() || b->first <= a->first);
    if (!visit(has_a ? a->first : b->first, has_a ? &a->second : nullptr,
               has_b ? &b->second : nullptr)) {
      return;
    }
    if (has_a) ++a;
    if (has_b) ++b;
  }
}

// How deep they nest is bounded by the parser.
bool Same(const element& a, const element& b) {
  if (a.type() != b.type()) return false;
  switch (a.type()) {
    case element_type::OBJECT: {
      bool same = true;
      ForEachMember(a, b, [&same](std::string_view, const element* x, const element* y) {
        return same = x != nullptr && y != nullptr && Same(*x, *y);
      });
      return same;
    }
    case element_type::ARRAY: {
      const simdjson::dom::array x = a.get_array().value_unsafe();
      const simdjson::dom::array y = b.get_array().value_unsafe();
      auto j = y.begin();
      for (const element item : x) {
        if (j == y.end() || !Same(item, *j)) return false;
        ++j;
      }
      return j == y.end();
    }
    case element_type::STRING:
      return a.get_string().value_unsafe() == b.get_string().value_unsafe();
    case element_type::INT64:
      return a.get_int64().value_unsafe() == b.get_int64().value_unsafe();
    case element_type::UINT64:
      return a.get_uint64().value_unsafe() == b.get_uint64().value_unsafe();
    case element_type::DOUBLE:
      return a.get_double().value_unsafe() == b.get_double().value_unsafe();
    case element_type::BOOL:
      return a.get_bool().value_unsafe() == b.get_bool().value_unsafe();
    case element_type::NULL_VALUE:
      return true;
  }
  return false;
}

bool IsPlain(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
}

class Comparison {
 public:
  // REQUIRES: both are objects.
  void Compare(const element& before, const element& after, const std::string& parent,
               size_t depth) {
    bool told_parent = false;
    ForEachMember(before, after, [&](std::string_view name, const element* a, const element* b) {
      if (result_.more) return false;
      if (depth == 1 && parent == "metadata" &&
          (name == "resourceVersion" || name == "managedFields")) {
        return true;
      }
      if (name.size() > ChangedPaths::kMaxNameBytes) {
        const bool differs = a == nullptr || b == nullptr || !Same(*a, *b);
        if (differs && !parent.empty() && !std::exchange(told_parent, true)) Add(parent);
        return true;
      }
      const std::string path = ChangedPathOf(parent, name);
      if (a != nullptr && b != nullptr) {
        if (depth + 1 < ChangedPaths::kMaxDepth && a->is_object() && b->is_object()) {
          Compare(*a, *b, path, depth + 1);
          return true;
        }
        if (Same(*a, *b)) return true;
      }
      Add(path);
      return true;
    });
  }
  ChangedPaths Take() { return std::move(result_); }

 private:
  void Add(const std::string& path) {
    if (result_.paths.size() == ChangedPaths::kMaxPaths) {
      result_.more = true;
    } else {
      result_.paths.push_back(path);
    }
  }

  ChangedPaths result_;
};

}  // namespace

std::string ChangedPathOf(std::string_view parent, std::string_view name) {
  if (!IsPlain(name)) return StrCat(parent, "[", JsonString(name), "]");
  return parent.empty() ? std::string(name) : StrCat(parent, ".", name);
}

absl::StatusOr<ChangedPaths> FindChangedPaths(std::string_view before, std::string_view after) {
  simdjson::dom::parser old_parser;
  simdjson::dom::parser new_parser;
  element a;
  element b;
  if (old_parser.parse(before.data(), before.size()).get(a) != simdjson::SUCCESS ||
      new_parser.parse(after.data(), after.size()).get(b) != simdjson::SUCCESS || !a.is_object() ||
      !b.is_object()) {
    return InvalidArgumentError("not two JSON objects");
  }
  Comparison comparison;
  comparison.Compare(a, b, "", 0);
  return comparison.Take();
}

}  // namespace weir
