// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_store_protobuf.h"

#include <map>

#include "proxy/base/strings.h"

namespace weir {
namespace {

// A message under construction.
class Message {
 public:
  Message& Varint(int field, uint64_t value) {
    Raw(static_cast<uint64_t>(field) << 3);
    Raw(value);
    return *this;
  }
  Message& Bytes(int field, std::string_view value) {
    Raw(static_cast<uint64_t>(field) << 3 | 2);
    Raw(value.size());
    bytes_.append(value);
    return *this;
  }
  Message& Strings(int field, const std::map<std::string, std::string>& values) {
    for (const auto& [key, value] : values) {
      Bytes(field, Message().Bytes(1, key).Bytes(2, value).bytes_);
    }
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  void Raw(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
  }
  std::string bytes_;
};

Message Time(int64_t seconds) {
  return Message().Varint(1, static_cast<uint64_t>(seconds)).Varint(2, 0);
}

std::string ObjectMeta(const FakeObject& object) {
  Message meta;
  meta.Bytes(1, object.name)
      .Bytes(2, "")
      .Bytes(3, object.namespace_name)
      .Bytes(4, "")
      .Bytes(5, object.uid)
      .Bytes(6, StrCat(object.version))
      .Varint(7, object.generation)
      .Bytes(8, Time(object.created_seconds).bytes());
  if (object.deleting) meta.Bytes(9, Time(object.created_seconds + 60).bytes()).Varint(10, 0);
  meta.Strings(11, object.labels).Strings(12, object.annotations);
  for (const std::string& finalizer : object.finalizers) meta.Bytes(14, finalizer);
  return meta.bytes();
}

}  // namespace

std::string ProtobufMessage(const FakeObject& object) {
  return Message().Bytes(1, ObjectMeta(object)).Strings(2, object.data).bytes();
}

std::string ProtobufMetadata(const FakeObject& object) {
  return Message().Bytes(1, ObjectMeta(object)).bytes();
}

std::string ProtobufEnvelope(std::string_view api_version, std::string_view kind,
                             std::string_view message) {
  return std::string("k8s\0", 4) +
         Message()
             .Bytes(1, Message().Bytes(1, api_version).Bytes(2, kind).bytes())
             .Bytes(2, message)
             .Bytes(3, "")
             .Bytes(4, "")
             .bytes();
}

std::string ProtobufListBody(const FakeList& list, bool metadata) {
  Message meta;
  meta.Bytes(1, "").Bytes(2, StrCat(list.version)).Bytes(3, list.continue_token);
  if (!list.continue_token.empty() && list.remaining > 0) meta.Varint(4, list.remaining);
  Message message;
  message.Bytes(1, meta.bytes());
  for (const FakeObjectPtr& item : list.items) {
    message.Bytes(2, metadata ? ProtobufMetadata(*item) : item->protobuf);
  }
  if (metadata) {
    return ProtobufEnvelope("meta.k8s.io/v1", "PartialObjectMetadataList", message.bytes());
  }
  return ProtobufEnvelope(list.kind->api_version(), list.kind->kind + "List", message.bytes());
}

std::string ProtobufStatus(const FakeStatus& status) {
  Message details;
  details.Bytes(1, status.name).Bytes(2, status.group).Bytes(3, status.kind);
  for (const FakeCause& cause : status.causes) {
    details.Bytes(
        4, Message().Bytes(1, cause.reason).Bytes(2, cause.message).Bytes(3, cause.field).bytes());
  }
  details.Varint(5, static_cast<uint64_t>(status.retry_after_seconds)).Bytes(6, "");
  const bool has_details = status.empty_details || !status.name.empty() || !status.kind.empty() ||
                           !status.causes.empty() || status.retry_after_seconds > 0;
  Message message;
  message.Bytes(1, Message().Bytes(1, "").Bytes(2, "").Bytes(3, status.continue_token).bytes())
      .Bytes(2, "Failure")
      .Bytes(3, status.message)
      .Bytes(4, status.reason);
  if (has_details) message.Bytes(5, details.bytes());
  message.Varint(6, static_cast<uint64_t>(status.code));
  return ProtobufEnvelope("v1", "Status", message.bytes());
}

std::string ProtobufBookmark(std::string_view api_version, std::string_view kind, uint64_t version,
                             bool initial_events_end) {
  Message meta;
  meta.Bytes(1, "").Bytes(2, "").Bytes(3, "").Bytes(4, "").Bytes(5, "").Bytes(6, StrCat(version));
  meta.Varint(7, 0).Bytes(8, "");
  if (initial_events_end) {
    meta.Strings(12, {{std::string(kInitialEventsEndAnnotation), "true"}});
  }
  return ProtobufEnvelope(api_version, kind, Message().Bytes(1, meta.bytes()).bytes());
}

std::string ProtobufFrame(std::string_view type, std::string_view object) {
  const std::string event =
      Message().Bytes(1, type).Bytes(2, Message().Bytes(1, object).bytes()).bytes();
  std::string out;
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(event.size() >> shift & 0xff);
  return out + event;
}

}  // namespace weir
