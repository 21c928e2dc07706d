// SPDX-License-Identifier: Apache-2.0
//
// ApiStatus to metav1.Status and back, in both representations.
#include <algorithm>
#include <limits>

#include <simdjson.h>

#include "proxy/base/strings.h"
#include "proxy/kube/api_status.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

constexpr std::string_view kFailure = "Failure";

// Field numbers of metav1.Status, StatusDetails and StatusCause.
constexpr uint32_t kMetadata = 1, kStatus = 2, kMessage = 3, kReason = 4, kDetails = 5, kCode = 6;
constexpr uint32_t kDetailsName = 1, kDetailsGroup = 2, kDetailsKind = 3, kDetailsCauses = 4,
                   kDetailsRetryAfter = 5, kDetailsUid = 6;
constexpr uint32_t kCauseReason = 1, kCauseMessage = 2, kCauseField = 3;

bool HasCause(const ApiStatus& status) {
  return !status.cause_reason.empty() || !status.cause_message.empty();
}
bool HasDetails(const ApiStatus& status) {
  return HasCause(status) || status.retry_after_seconds > 0;
}

ApiStatus Unreadable(std::string_view why) {
  ApiStatus status;
  status.code = 500;
  status.reason = "InternalError";
  status.message = StrCat("the answer is not a readable Kubernetes Status: ", why);
  return status;
}

int ToInt(int64_t value) {
  return static_cast<int>(std::clamp<int64_t>(value, 0, std::numeric_limits<int>::max()));
}

// Go's omitempty: a member that is empty is not written.
void AppendMember(std::string& out, std::string_view key, std::string_view value) {
  if (!value.empty()) StrAppend(out, ",\"", key, "\":", JsonString(value));
}

std::string JsonDetails(const ApiStatus& status) {
  std::string out = "{";
  if (HasCause(status)) {
    std::string cause;
    AppendMember(cause, "reason", status.cause_reason);
    AppendMember(cause, "message", status.cause_message);
    StrAppend(out, "\"causes\":[{", cause.substr(1), "}]");
  }
  if (status.retry_after_seconds > 0) {
    StrAppend(out, HasCause(status) ? "," : "",
              "\"retryAfterSeconds\":", status.retry_after_seconds);
  }
  out.push_back('}');
  return out;
}

std::string EncodeJson(const ApiStatus& status) {
  std::string out = R"({"kind":"Status","apiVersion":"v1","metadata":{})";
  AppendMember(out, "status", kFailure);
  AppendMember(out, "message", status.message);
  AppendMember(out, "reason", status.reason);
  if (HasDetails(status)) StrAppend(out, ",\"details\":", JsonDetails(status));
  StrAppend(out, ",\"code\":", status.code, "}\n");
  return out;
}

// Go's encoder writes empty texts and zeros too.
std::string ProtobufDetails(const ApiStatus& status) {
  std::string out;
  for (const uint32_t field : {kDetailsName, kDetailsGroup, kDetailsKind}) {
    AppendBytesField(out, field, "");
  }
  if (HasCause(status)) {
    std::string cause;
    AppendBytesField(cause, kCauseReason, status.cause_reason);
    AppendBytesField(cause, kCauseMessage, status.cause_message);
    AppendBytesField(cause, kCauseField, "");
    AppendBytesField(out, kDetailsCauses, cause);
  }
  AppendVarintField(out, kDetailsRetryAfter, std::max(status.retry_after_seconds, 0));
  AppendBytesField(out, kDetailsUid, "");
  return out;
}

std::string EncodeProtobuf(const ApiStatus& status) {
  std::string list_meta;
  for (const uint32_t field : {1, 2, 3}) AppendBytesField(list_meta, field, "");
  std::string message;
  AppendBytesField(message, kMetadata, list_meta);
  AppendBytesField(message, kStatus, kFailure);
  AppendBytesField(message, kMessage, status.message);
  AppendBytesField(message, kReason, status.reason);
  if (HasDetails(status)) AppendBytesField(message, kDetails, ProtobufDetails(status));
  AppendVarintField(message, kCode, std::max(status.code, 0));
  std::string out = ProtobufEnvelopeHead("v1", "Status");
  AppendBytesField(out, 2, message);
  out.append(kProtobufUnknownTail);
  return out;
}

std::string Text(simdjson::simdjson_result<simdjson::dom::element> value) {
  std::string_view text;
  return value.get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}
int Number(simdjson::simdjson_result<simdjson::dom::element> value) {
  int64_t number = 0;
  return value.get(number) == simdjson::SUCCESS ? ToInt(number) : 0;
}

ApiStatus DecodeJson(std::string_view body) {
  simdjson::dom::parser parser;
  simdjson::dom::element root;
  if (parser.parse(body.data(), body.size()).get(root) != simdjson::SUCCESS) {
    // What is not JSON comes from something in between, and says what it is.
    return Unreadable(body.starts_with('{') ? "malformed JSON" : Quoted(body, 100));
  }
  if (Text(root["kind"]) != "Status") return Unreadable("JSON of another kind");
  const auto details = root["details"];
  const auto cause = details["causes"].at(0);
  return {.code = Number(root["code"]),
          .reason = Text(root["reason"]),
          .message = Text(root["message"]),
          .retry_after_seconds = Number(details["retryAfterSeconds"]),
          .cause_reason = Text(cause["reason"]),
          .cause_message = Text(cause["message"])};
}

bool DecodeCause(std::string_view message, ApiStatus& status) {
  ProtobufReader reader(message);
  while (reader.Next()) {
    if (reader.field() == kCauseReason) status.cause_reason = reader.bytes();
    if (reader.field() == kCauseMessage) status.cause_message = reader.bytes();
  }
  return reader.ok();
}

bool DecodeDetails(std::string_view message, ApiStatus& status) {
  ProtobufReader reader(message);
  bool first_cause = true;
  while (reader.Next()) {
    if (reader.field() == kDetailsRetryAfter && reader.type() == WireType::kVarint) {
      status.retry_after_seconds = ToInt(static_cast<int64_t>(reader.varint()));
    } else if (reader.field() == kDetailsCauses && first_cause) {
      first_cause = false;
      if (!DecodeCause(reader.bytes(), status)) return false;
    }
  }
  return reader.ok();
}

bool DecodeMessage(std::string_view message, ApiStatus& status) {
  ProtobufReader reader(message);
  while (reader.Next()) {
    if (reader.field() == kCode && reader.type() == WireType::kVarint) {
      status.code = ToInt(static_cast<int64_t>(reader.varint()));
    } else if (reader.field() == kMessage) {
      status.message = reader.bytes();
    } else if (reader.field() == kReason) {
      status.reason = reader.bytes();
    } else if (reader.field() == kDetails && !DecodeDetails(reader.bytes(), status)) {
      return false;
    }
  }
  return reader.ok();
}

std::string_view KindOf(std::string_view type_meta) {
  std::string_view kind;
  for (ProtobufReader reader(type_meta); reader.Next();) {
    if (reader.field() == 2) kind = reader.bytes();
  }
  return kind;
}

ApiStatus DecodeProtobuf(std::string_view body) {
  if (!body.starts_with(kProtobufMagic)) return Unreadable("no protobuf envelope");
  ApiStatus status;
  ProtobufReader reader(body.substr(kProtobufMagic.size()));
  std::string_view kind;
  bool read = true;
  while (read && reader.Next()) {
    if (reader.field() == 1) kind = KindOf(reader.bytes());
    if (reader.field() == 2) read = DecodeMessage(reader.bytes(), status);
  }
  if (!read || !reader.ok()) return Unreadable("malformed protobuf");
  if (kind != "Status") return Unreadable("protobuf of another kind");
  return status;
}

}  // namespace

std::string ApiStatus::Encode(Representation representation) const {
  return representation == Representation::kProtobuf ? EncodeProtobuf(*this) : EncodeJson(*this);
}

ApiStatus ApiStatus::Decode(Representation representation, std::string_view body) {
  // An API server that fails before it has negotiated answers in JSON.
  const bool protobuf = representation == Representation::kProtobuf && !body.starts_with('{');
  ApiStatus status = protobuf ? DecodeProtobuf(body) : DecodeJson(body);
  if (status.code == 0) status.code = 500;
  return status;
}

}  // namespace weir
