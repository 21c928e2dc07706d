// SPDX-License-Identifier: Apache-2.0
//
// Members and their order are those of apimachinery's pkg/apis/meta/v1/types.go; what becomes of a
// value is what pkg/apis/meta/v1/unstructured and the types' own encoders make of it. Strings are
// copied: both sides are written by the same encoder, with the same escapes.
#include "proxy/kube/object_meta_json.h"

#include <algorithm>
#include <array>

#include "absl/types/span.h"

#include "proxy/base/strings.h"
#include "proxy/kube/json_cursor.h"

namespace weir {
namespace {

enum class Form {
  kText,             // Left out when empty.
  kRequiredText,     // Always there.
  kTime,             // To the second, in UTC.
  kInteger,          // Left out when 0.
  kOptionalInteger,  // 0 is a value.
  kBoolean,
  kTextMap,  // These four are left out when they hold nothing.
  kTexts,
  kOwnerReferences,
  kManagedFields,
  kObject,  // Any, copied.
};

struct Member {
  std::string_view name;
  Form form;
};

constexpr Member kObjectMeta[] = {
    {"name", Form::kText},
    {"generateName", Form::kText},
    {"namespace", Form::kText},
    {"selfLink", Form::kText},
    {"uid", Form::kText},
    {"resourceVersion", Form::kText},
    {"generation", Form::kInteger},
    {"creationTimestamp", Form::kTime},
    {"deletionTimestamp", Form::kTime},
    {"deletionGracePeriodSeconds", Form::kOptionalInteger},
    {"labels", Form::kTextMap},
    {"annotations", Form::kTextMap},
    {"ownerReferences", Form::kOwnerReferences},
    {"finalizers", Form::kTexts},
    {"managedFields", Form::kManagedFields},
};
// Without it old API servers write null, newer ones nothing.
constexpr std::string_view kAlwaysThere = "creationTimestamp";

constexpr Member kOwnerReference[] = {
    {"apiVersion", Form::kRequiredText}, {"kind", Form::kRequiredText},
    {"name", Form::kRequiredText},       {"uid", Form::kRequiredText},
    {"controller", Form::kBoolean},      {"blockOwnerDeletion", Form::kBoolean},
};

constexpr Member kManagedFieldsEntry[] = {
    {"manager", Form::kText},     {"operation", Form::kText},  {"apiVersion", Form::kText},
    {"time", Form::kTime},        {"fieldsType", Form::kText}, {"fieldsV1", Form::kObject},
    {"subresource", Form::kText},
};

using Members = absl::Span<const Member>;
enum class Outcome { kWritten, kLeftOut, kUnknown };

bool IsText(std::string_view value) { return value.starts_with('"'); }

bool IsDigits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// As Go writes an int64 that is not negative.
bool IsInteger(std::string_view value) {
  return !value.empty() && value.size() <= 18 && IsDigits(value) &&
         (value.size() == 1 || value.front() != '0');
}

// "2026-08-01T10:00:00Z" in quotes: what is read and written without a change.
bool IsTime(std::string_view value) {
  constexpr std::string_view kForm = R"("0000-00-00T00:00:00Z")";
  if (value.size() != kForm.size()) return false;
  for (size_t i = 0; i < kForm.size(); ++i) {
    if (kForm[i] == '0' ? !IsDigits(value.substr(i, 1)) : value[i] != kForm[i]) return false;
  }
  const auto part = [&](size_t at) { return (value[at] - '0') * 10 + (value[at + 1] - '0'); };
  // The 29th to 31st are days of every month as far as this knows; the API server made the date.
  return part(1) >= 19 && part(6) >= 1 && part(6) <= 12 && part(9) >= 1 && part(9) <= 31 &&
         part(12) < 24 && part(15) < 60 && part(18) < 60;
}

Outcome WriteObject(std::string_view object, Members members, std::string& out);

Outcome WriteTextMap(std::string_view value, std::string& out) {
  JsonCursor cursor(value);
  FieldSpan key;
  FieldSpan text;
  bool any = false;
  for (cursor.EnterObject(); cursor.NextKey(key); any = true) {
    if (!cursor.ReadString(text)) return Outcome::kUnknown;
  }
  if (!cursor.ok()) return Outcome::kUnknown;
  if (!any) return Outcome::kLeftOut;
  out.append(value);
  return Outcome::kWritten;
}

Outcome WriteTexts(std::string_view value, std::string& out) {
  JsonCursor cursor(value);
  FieldSpan text;
  bool any = false;
  for (cursor.EnterArray(); cursor.NextElement(); any = true) {
    if (!cursor.ReadString(text)) return Outcome::kUnknown;
  }
  if (!cursor.ok()) return Outcome::kUnknown;
  if (!any) return Outcome::kLeftOut;
  out.append(value);
  return Outcome::kWritten;
}

Outcome WriteObjects(std::string_view value, Members members, std::string& out) {
  JsonCursor cursor(value);
  FieldSpan element;
  bool any = false;
  for (cursor.EnterArray(); cursor.NextElement(); any = true) {
    out.push_back(any ? ',' : '[');
    if (!cursor.SkipValue(element)) return Outcome::kUnknown;
    if (WriteObject(element.In(value), members, out) != Outcome::kWritten) return Outcome::kUnknown;
  }
  if (!cursor.ok()) return Outcome::kUnknown;
  if (!any) return Outcome::kLeftOut;
  out.push_back(']');
  return Outcome::kWritten;
}

Outcome WriteValue(Form form, std::string_view value, std::string& out) {
  const auto copy_if = [&](bool known) {
    if (known) out.append(value);
    return known ? Outcome::kWritten : Outcome::kUnknown;
  };
  switch (form) {
    case Form::kText:
      return value == R"("")" ? Outcome::kLeftOut : copy_if(IsText(value));
    case Form::kRequiredText:
      return copy_if(IsText(value));
    case Form::kTime:
      return copy_if(IsTime(value));
    case Form::kInteger:
      return value == "0" ? Outcome::kLeftOut : copy_if(IsInteger(value));
    case Form::kOptionalInteger:
      return copy_if(IsInteger(value));
    case Form::kBoolean:
      return copy_if(value == "true" || value == "false");
    case Form::kTextMap:
      return WriteTextMap(value, out);
    case Form::kTexts:
      return WriteTexts(value, out);
    case Form::kOwnerReferences:
      return WriteObjects(value, kOwnerReference, out);
    case Form::kManagedFields:
      return WriteObjects(value, kManagedFieldsEntry, out);
    case Form::kObject:
      return copy_if(value.starts_with('{'));
  }
  return Outcome::kUnknown;
}

// The value of each of `members` in `object`, in their order.
using Values = std::array<FieldSpan, std::size(kObjectMeta)>;
bool ReadMembers(std::string_view object, Members members, Values& values) {
  JsonCursor cursor(object);
  FieldSpan key;
  for (cursor.EnterObject(); cursor.NextKey(key);) {
    const std::string_view name = key.In(object);
    const auto member = std::find_if(members.begin(), members.end(),
                                     [&](const Member& known) { return known.name == name; });
    if (member == members.end()) return false;
    FieldSpan& value = values[member - members.begin()];
    if (value.found || !cursor.SkipValue(value)) return false;
  }
  return cursor.ok();
}

Outcome WriteObject(std::string_view object, Members members, std::string& out) {
  Values values;
  if (!ReadMembers(object, members, values)) return Outcome::kUnknown;
  char separator = '{';
  for (size_t i = 0; i < members.size(); ++i) {
    const Member& member = members[i];
    if (!values[i].found) {
      if (member.form == Form::kRequiredText || member.name == kAlwaysThere) {
        return Outcome::kUnknown;
      }
      continue;
    }
    const size_t before = out.size();
    StrAppend(out, separator, "\"", member.name, "\":");
    switch (WriteValue(member.form, values[i].In(object), out)) {
      case Outcome::kWritten:
        separator = ',';
        break;
      case Outcome::kLeftOut:
        out.resize(before);
        break;
      case Outcome::kUnknown:
        return Outcome::kUnknown;
    }
  }
  out.append(separator == '{' ? "{}" : "}");
  return Outcome::kWritten;
}

}  // namespace

bool AppendObjectMeta(std::string_view metadata, std::string& out) {
  return WriteObject(metadata, kObjectMeta, out) == Outcome::kWritten;
}

}  // namespace weir
