// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/protobuf_list_decoder.h"

#include <algorithm>
#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/kube/api_status.h"

namespace weir {
namespace {

constexpr uint32_t kUnknownTypeMeta = 1;
constexpr uint32_t kUnknownRaw = 2;
constexpr uint32_t kUnknownContentEncoding = 3;
constexpr uint32_t kListMetadata = 1;
constexpr uint32_t kListItems = 2;

absl::Status NotAList(std::string_view why) {
  return InvalidArgumentError(StrCat("the answer to a LIST is not a list in protobuf: ", why));
}

}  // namespace

absl::Status ProtobufListDecoder::Decode(std::string_view chunk, std::vector<ObjectPtr>& items) {
  while (!chunk.empty()) {
    switch (expect_) {
      case Expect::kMagic:
        WEIR_RETURN_IF_ERROR(ReadMagic(chunk));
        break;
      case Expect::kTag:
      case Expect::kLength:
      case Expect::kVarint:
        WEIR_RETURN_IF_ERROR(ReadVarint(chunk));
        break;
      case Expect::kBytes:
        WEIR_RETURN_IF_ERROR(ReadBytes(chunk, items));
        break;
      case Expect::kSkipped:
        Skip(chunk);
        break;
    }
    // A field without content is whole as soon as its length is known.
    if (expect_ == Expect::kBytes && left_ == 0) WEIR_RETURN_IF_ERROR(ReadBytes(chunk, items));
    if (expect_ == Expect::kTag && in_raw_ && raw_left_ == 0 && !varint_.started()) in_raw_ = false;
  }
  return absl::OkStatus();
}

absl::Status ProtobufListDecoder::ReadMagic(std::string_view& chunk) {
  partial_.push_back(chunk.front());
  chunk.remove_prefix(1);
  if (!kProtobufMagic.starts_with(partial_)) return NotAList("no envelope (k8s\\0) in front");
  if (partial_.size() == kProtobufMagic.size()) {
    partial_.clear();
    expect_ = Expect::kTag;
  }
  return absl::OkStatus();
}

bool ProtobufListDecoder::Count(size_t size) {
  if (!in_raw_) return true;
  if (size > raw_left_) return false;
  raw_left_ -= size;
  return true;
}

absl::Status ProtobufListDecoder::ReadVarint(std::string_view& chunk) {
  const auto byte = static_cast<uint8_t>(chunk.front());
  chunk.remove_prefix(1);
  if (!Count(1)) return NotAList("a field reaches beyond the list");
  switch (varint_.Add(byte)) {
    case VarintAssembler::Result::kMore:
      return absl::OkStatus();
    case VarintAssembler::Result::kTooLong:
      return NotAList("a number of more than 64 bits");
    case VarintAssembler::Result::kDone:
      break;
  }
  const uint64_t value = varint_.value();
  varint_.Clear();
  return OnVarint(value);
}

absl::Status ProtobufListDecoder::OnVarint(uint64_t value) {
  if (expect_ == Expect::kTag) return OnTag(value);
  if (expect_ == Expect::kLength) return OnLength(value);
  expect_ = Expect::kTag;  // The value of a field that Weir does not read.
  return absl::OkStatus();
}

absl::Status ProtobufListDecoder::OnTag(uint64_t tag) {
  if (!SplitProtobufTag(tag, field_, type_)) return NotAList("a bad tag");
  const bool known =
      in_raw_ ? field_ == kListMetadata || field_ == kListItems : field_ <= kUnknownContentEncoding;
  if (known && type_ != WireType::kBytes) {
    return NotAList("a field of the wrong type");
  }
  if (type_ == WireType::kBytes) {
    expect_ = Expect::kLength;
  } else if (type_ == WireType::kVarint) {
    expect_ = Expect::kVarint;
  } else {
    expect_ = Expect::kSkipped;
    left_ = type_ == WireType::kFixed64 ? 8 : 4;
    if (!Count(left_)) return NotAList("a field reaches beyond the list");
  }
  return absl::OkStatus();
}

absl::Status ProtobufListDecoder::OnLength(uint64_t length) {
  if (!in_raw_ && field_ == kUnknownRaw && !is_status()) {
    if (raw_found_) return NotAList("two of them");
    raw_found_ = true;
    in_raw_ = true;
    raw_left_ = length;
    expect_ = Expect::kTag;
    return absl::OkStatus();
  }
  if (!Count(length)) return NotAList("a field reaches beyond the list");
  left_ = length;
  const bool wanted =
      in_raw_ ? field_ == kListMetadata || field_ == kListItems : field_ <= kUnknownContentEncoding;
  expect_ = wanted ? Expect::kBytes : Expect::kSkipped;
  if (wanted && length > max_field_bytes_) {
    return LimitError(StrCat("a field of ", length, " bytes in a list, of which ", max_field_bytes_,
                             " are read"));
  }
  if (left_ == 0 && !wanted) expect_ = Expect::kTag;
  return absl::OkStatus();
}

void ProtobufListDecoder::Skip(std::string_view& chunk) {
  const size_t count = std::min<uint64_t>(left_, chunk.size());
  chunk.remove_prefix(count);
  left_ -= count;
  if (left_ == 0) expect_ = Expect::kTag;
}

absl::Status ProtobufListDecoder::ReadBytes(std::string_view& chunk,
                                            std::vector<ObjectPtr>& items) {
  const std::string_view piece = chunk.substr(0, std::min<uint64_t>(left_, chunk.size()));
  chunk.remove_prefix(piece.size());
  left_ -= piece.size();
  if (left_ > 0) {
    partial_.append(piece);
    return absl::OkStatus();
  }
  expect_ = Expect::kTag;
  if (partial_.empty()) return OnBytes(piece, items);
  partial_.append(piece);
  absl::Status status = OnBytes(partial_, items);
  partial_.clear();
  return status;
}

absl::Status ProtobufListDecoder::OnBytes(std::string_view bytes, std::vector<ObjectPtr>& items) {
  if (in_raw_) return field_ == kListMetadata ? OnListMeta(bytes) : OnItem(bytes, items);
  switch (field_) {
    case kUnknownTypeMeta:
      return OnTypeMeta(bytes);
    case kUnknownRaw:
      status_ = bytes;
      return absl::OkStatus();
    default:
      return bytes.empty() ? absl::OkStatus() : NotAList("it has a contentEncoding");
  }
}

absl::Status ProtobufListDecoder::OnTypeMeta(std::string_view message) {
  ListEnvelope& envelope = header_.envelope;
  if (raw_found_ || !envelope.list_kind.empty()) return NotAList("typeMeta late or twice");
  ProtobufReader reader(message);
  while (reader.Next()) {
    if (reader.field() == 1) envelope.api_version = reader.bytes();
    if (reader.field() == 2) envelope.list_kind = reader.bytes();
  }
  return reader.ok() ? absl::OkStatus() : NotAList("a malformed typeMeta");
}

absl::Status ProtobufListDecoder::OnListMeta(std::string_view message) {
  constexpr uint32_t kVersion = 2;
  constexpr uint32_t kContinue = 3;
  if (metadata_found_) return NotAList("metadata twice");
  metadata_found_ = true;
  std::string_view digits;
  ProtobufReader reader(message);
  while (reader.Next()) {
    if (reader.field() == kVersion && reader.is_bytes()) digits = reader.bytes();
    if (reader.field() == kContinue && reader.is_bytes()) header_.continue_token = reader.bytes();
  }
  if (!reader.ok()) return NotAList("malformed metadata");
  const auto version = ResourceVersion::Parse(digits);
  if (!version.ok()) return Annotate(version.status(), "metadata of a list");
  header_.version = *version;
  return absl::OkStatus();
}

absl::Status ProtobufListDecoder::OnItem(std::string_view message, std::vector<ObjectPtr>& items) {
  const std::string_view kind = ItemKind(header_.envelope.list_kind).value_or("");
  auto object =
      Object::ParseListItem(Representation::kProtobuf, message, header_.envelope.api_version, kind);
  if (!object.ok()) return Annotate(object.status(), "item of a list");
  items.push_back(*std::move(object));
  return absl::OkStatus();
}

absl::Status ProtobufListDecoder::Finish() {
  const bool whole = expect_ == Expect::kTag && !varint_.started() && !in_raw_;
  if (!whole) return UnavailableError("the answer to a LIST ended before the list did");
  if (is_status()) {
    std::string body = ProtobufEnvelopeHead("v1", kStatusKind);
    AppendBytesField(body, kUnknownRaw, status_);
    return FromApiStatus(ApiStatus::Decode(Representation::kProtobuf, body));
  }
  return CheckListHeader(header_);
}

}  // namespace weir
