// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/json_list_decoder.h"

#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/api_status.h"
#include "proxy/kube/json_cursor.h"

namespace weir {
namespace {

// More than any Status says; keeps a list with large unknown members from being collected.
constexpr size_t kLargestStatus = 64 << 10;

bool IsSpace(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

absl::Status NotAList(std::string_view why) {
  return InvalidArgumentError(StrCat("the answer to a LIST is not a list in JSON: ", why));
}

// The content of a whole value that must be a string.
absl::Status ReadText(std::string_view value, std::string& text) {
  JsonCursor cursor(value);
  FieldSpan span;
  if (!cursor.ReadString(span)) return cursor.status();
  if (!span.escaped) {
    text = span.In(value);
  } else if (!UnescapeJson(span.In(value), text)) {
    return NotAList("a bad escape");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status JsonListDecoder::Decode(std::string_view chunk, std::vector<ObjectPtr>& items) {
  while (!chunk.empty()) {
    if (!in_value_) {
      if (IsSpace(chunk.front())) {
        chunk.remove_prefix(1);
        continue;
      }
      WEIR_RETURN_IF_ERROR(OnPunctuation(chunk.front()));
      if (!in_value_) {
        chunk.remove_prefix(1);
        continue;
      }
    }
    WEIR_RETURN_IF_ERROR(ReadValue(chunk, items));
  }
  return absl::OkStatus();
}

// Of a byte that is not within a value: either punctuation, or the first byte of a value, which
// then is under way.
absl::Status JsonListDecoder::OnPunctuation(char c) {
  const auto next = [this](Expect expect) {
    expect_ = expect;
    return absl::OkStatus();
  };
  const auto begin_value = [this](Expect expect) {
    expect_ = expect;
    in_value_ = true;
    return absl::OkStatus();
  };
  switch (expect_) {
    case Expect::kList:
      if (c == '{') return next(Expect::kFirstKey);
      break;
    case Expect::kFirstKey:
    case Expect::kKey:
      if (c == '}' && expect_ == Expect::kFirstKey) return next(Expect::kNothing);
      if (c == '"') return begin_value(Expect::kKey);
      break;
    case Expect::kColon:
      if (c == ':') return next(Expect::kMember);
      break;
    case Expect::kMember:
      if (key_ != "items") return begin_value(Expect::kMember);
      if (items_found_) return NotAList("items twice");
      items_found_ = true;
      // Custom resources are encoded from maps, whose keys are sorted: kind comes after items.
      header_.envelope.custom_resource = header_.envelope.list_kind.empty();
      if (c == '[') return next(Expect::kFirstItem);
      if (c == 'n') return begin_value(Expect::kMember);
      return NotAList("items are no array");
    case Expect::kCommaOrEnd:
      if (c == ',') return next(Expect::kKey);
      if (c == '}') return next(Expect::kNothing);
      break;
    case Expect::kFirstItem:
    case Expect::kItem:
      if (c == ']' && expect_ == Expect::kFirstItem) return next(Expect::kCommaOrEnd);
      if (c == '{') return begin_value(Expect::kItem);
      break;
    case Expect::kCommaOrItemsEnd:
      if (c == ',') return next(Expect::kItem);
      if (c == ']') return next(Expect::kCommaOrEnd);
      break;
    case Expect::kNothing:
      return NotAList("bytes after its end");
  }
  return NotAList(StrCat("an unexpected ", Quoted(std::string_view(&c, 1))));
}

absl::Status JsonListDecoder::ReadValue(std::string_view& chunk, std::vector<ObjectPtr>& items) {
  const size_t size = scan_.Advance(chunk);
  if (scan_.bad()) {
    return NotAList("a control byte or stray backslash (indented JSON is not read)");
  }
  if (partial_.size() + size > max_value_bytes_) {
    return LimitError(StrCat("a value of more than ", max_value_bytes_, " bytes in a list"));
  }
  const std::string_view piece = chunk.substr(0, size);
  chunk.remove_prefix(size);
  if (!scan_.done()) {
    partial_.append(piece);
    return absl::OkStatus();
  }
  scan_ = JsonValueScan();
  in_value_ = false;
  if (partial_.empty()) return OnValue(piece, items);
  partial_.append(piece);
  absl::Status status = OnValue(partial_, items);
  partial_.clear();
  return status;
}

absl::Status JsonListDecoder::OnValue(std::string_view value, std::vector<ObjectPtr>& items) {
  switch (expect_) {
    case Expect::kKey:
      expect_ = Expect::kColon;
      return ReadText(value, key_);
    case Expect::kItem:
      expect_ = Expect::kCommaOrItemsEnd;
      return OnItem(value, items);
    default:
      expect_ = Expect::kCommaOrEnd;
      return OnMember(value);
  }
}

absl::Status JsonListDecoder::OnMember(std::string_view value) {
  ListEnvelope& envelope = header_.envelope;
  if (key_ == "kind") {
    if (!envelope.list_kind.empty()) return NotAList("kind twice");
    return ReadText(value, envelope.list_kind);
  }
  if (key_ == "apiVersion") {
    if (!envelope.api_version.empty()) return NotAList("apiVersion twice");
    return ReadText(value, envelope.api_version);
  }
  if (key_ == "metadata") return OnMetadata(value);
  if (key_ == "items") return value == "null" ? absl::OkStatus() : NotAList("bad items");
  if (other_members_.size() + key_.size() + value.size() <= kLargestStatus) {
    StrAppend(other_members_, ",", JsonString(key_), ":", value);
  }
  return absl::OkStatus();
}

absl::Status JsonListDecoder::OnMetadata(std::string_view value) {
  if (metadata_found_) return NotAList("metadata twice");
  metadata_found_ = true;
  JsonCursor cursor(value);
  FieldSpan key;
  FieldSpan field;
  std::string digits;
  for (cursor.EnterObject(); cursor.NextKey(key);) {
    if (!cursor.SkipValue(field)) break;
    std::string* const text = key.In(value) == "resourceVersion" ? &digits
                              : key.In(value) == "continue"      ? &header_.continue_token
                                                                 : nullptr;
    if (text != nullptr) WEIR_RETURN_IF_ERROR(ReadText(field.In(value), *text));
  }
  if (!cursor.ok()) return Annotate(cursor.status(), "metadata of a list");
  if (digits.empty()) return absl::OkStatus();  // A Status; of a list, Finish() finds out.
  const auto version = ResourceVersion::Parse(digits);
  if (!version.ok()) return Annotate(version.status(), "metadata of a list");
  header_.version = *version;
  return absl::OkStatus();
}

absl::Status JsonListDecoder::OnItem(std::string_view item, std::vector<ObjectPtr>& items) {
  // Empty while unknown: then only an item that says its own kind is one.
  const std::string_view kind = ItemKind(header_.envelope.list_kind).value_or("");
  auto object =
      Object::ParseListItem(Representation::kJson, item, header_.envelope.api_version, kind);
  if (!object.ok()) return Annotate(object.status(), "item of a list");
  items.push_back(*std::move(object));
  return absl::OkStatus();
}

absl::Status JsonListDecoder::Finish() {
  if (expect_ != Expect::kNothing) {
    return UnavailableError("the answer to a LIST ended before the list did");
  }
  if (header_.envelope.list_kind == kStatusKind) {
    return FromApiStatus(ApiStatus::Decode(Representation::kJson,
                                           StrCat(R"({"kind":"Status")", other_members_, "}")));
  }
  if (!items_found_) return NotAList("it has no items");
  return CheckListHeader(header_);
}

}  // namespace weir
