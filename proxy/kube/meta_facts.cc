// SPDX-License-Identifier: Apache-2.0
//
// Numbers of fields: apimachinery pkg/apis/meta/v1/generated.proto.
#include "proxy/kube/meta_facts.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/kube/json_cursor.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

std::string_view JsonMetadata(std::string_view object) {
  JsonCursor cursor(object);
  FieldSpan key;
  FieldSpan value;
  std::string storage;
  for (cursor.EnterObject(); cursor.NextKey(key);) {
    const bool found = JsonFieldText(key, object, storage) == "metadata";
    if (!cursor.SkipValue(value)) break;
    if (found) return value.In(object);
  }
  return {};
}

std::string_view ProtobufMetadata(std::string_view message) {
  constexpr uint32_t kMetadata = 1;
  for (ProtobufReader reader(message); reader.Next();) {
    if (reader.field() == kMetadata && reader.is_bytes()) return reader.bytes();
  }
  return {};
}

void AddOwner(MetaFacts& facts, std::string_view uid) {
  if (!uid.empty() && facts.owners.size() < MetaFacts::kMaxOwners) facts.owners.emplace_back(uid);
}

void AddTime(MetaFacts& facts, absl::Time time) {
  facts.written = std::max(facts.written.value_or(absl::InfinitePast()), time);
}

// The texts of one member of each object of a JSON array.
template <typename Visit>
void ForEachText(std::string_view array, std::string_view member, Visit visit) {
  JsonCursor cursor(array);
  FieldSpan key;
  FieldSpan value;
  std::string storage;
  for (cursor.EnterArray(); cursor.NextElement();) {
    if (!cursor.EnterObject()) return;
    while (cursor.NextKey(key)) {
      const bool wanted = JsonFieldText(key, array, storage) == member && cursor.Peek() == '"';
      if (!(wanted ? cursor.ReadString(value) : cursor.SkipValue(value))) return;
      if (wanted) visit(JsonFieldText(value, array, storage));
    }
  }
}

void ReadJsonMember(std::string_view name, std::string_view value, MetaFacts& facts) {
  if (name == "generation") {
    int64_t number = 0;
    const char* const end = value.data() + value.size();
    if (std::from_chars(value.data(), end, number).ptr == end) facts.generation = number;
  } else if (name == "deletionTimestamp") {
    facts.deleting = value != "null";
  } else if (name == "finalizers") {
    JsonCursor cursor(value);
    facts.held |= cursor.EnterArray() && cursor.NextElement();
  } else if (name == "deletionGracePeriodSeconds") {
    facts.held |= value != "null" && value != "0";
  } else if (name == "ownerReferences") {
    ForEachText(value, "uid", [&facts](std::string_view uid) { AddOwner(facts, uid); });
  } else if (name == "managedFields") {
    ForEachText(value, "time", [&facts](std::string_view text) {
      absl::Time time;
      std::string error;
      if (absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &error))
        AddTime(facts, time);
    });
  }
}

MetaFacts ReadJson(std::string_view metadata) {
  MetaFacts facts;
  JsonCursor cursor(metadata);
  FieldSpan key;
  FieldSpan value;
  std::string storage;
  for (cursor.EnterObject(); cursor.NextKey(key);) {
    const std::string name(JsonFieldText(key, metadata, storage));
    if (!cursor.SkipValue(value)) break;
    ReadJsonMember(name, value.In(metadata), facts);
  }
  return facts;
}

// A v1.Time.
void ReadProtobufTime(std::string_view message, MetaFacts& facts) {
  constexpr uint32_t kSeconds = 1;
  for (ProtobufReader reader(message); reader.Next();) {
    if (reader.field() == kSeconds && reader.type() == WireType::kVarint) {
      AddTime(facts, absl::FromUnixSeconds(static_cast<int64_t>(reader.varint())));
    }
  }
}

template <typename Visit>
void ForBytesField(std::string_view message, uint32_t field, Visit visit) {
  for (ProtobufReader reader(message); reader.Next();) {
    if (reader.field() == field && reader.is_bytes()) visit(reader.bytes());
  }
}

MetaFacts ReadProtobuf(std::string_view metadata) {
  enum : uint32_t { kGeneration = 7, kDeletionTimestamp = 9, kGracePeriod = 10 };
  enum : uint32_t { kOwners = 13, kFinalizers = 14, kManagedFields = 17 };
  enum : uint32_t { kOwnerUid = 4, kEntryTime = 4 };
  MetaFacts facts;
  for (ProtobufReader reader(metadata); reader.Next();) {
    if (reader.field() == kGeneration && reader.type() == WireType::kVarint) {
      // A kind that counts none has 0, which JSON leaves out.
      if (reader.varint() > 0) facts.generation = static_cast<int64_t>(reader.varint());
    } else if (reader.field() == kGracePeriod && reader.type() == WireType::kVarint) {
      facts.held |= reader.varint() != 0;
    } else if (!reader.is_bytes()) {
      continue;
    } else if (reader.field() == kFinalizers) {
      facts.held = true;
    } else if (reader.field() == kDeletionTimestamp) {
      facts.deleting = true;
    } else if (reader.field() == kOwners) {
      ForBytesField(reader.bytes(), kOwnerUid,
                    [&facts](std::string_view uid) { AddOwner(facts, uid); });
    } else if (reader.field() == kManagedFields) {
      ForBytesField(reader.bytes(), kEntryTime,
                    [&facts](std::string_view time) { ReadProtobufTime(time, facts); });
    }
  }
  return facts;
}

}  // namespace

std::string_view MetadataBytes(const Object& object) {
  return object.representation() == Representation::kProtobuf
             ? ProtobufMetadata(object.list_item_tail())
             : JsonMetadata(object.raw());
}

MetaFacts ReadMetaFacts(const Object& object) {
  const std::string_view metadata = MetadataBytes(object);
  return object.representation() == Representation::kProtobuf ? ReadProtobuf(metadata)
                                                              : ReadJson(metadata);
}

}  // namespace weir
