// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/meta_facts.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/strings.h"
#include "proxy/kube/protobuf_reader.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

MetaFacts OfJson(const std::string& more) {
  const auto object = Object::Parse(
      Representation::kJson,
      StrCat(R"({"kind":"Foo","apiVersion":"v1","metadata":{"name":"a","uid":"u")",
             R"(,"resourceVersion":"7")", more, R"(},"spec":{"generation":99,"metadata":{}}})"));
  EXPECT_TRUE(object.ok()) << object.status();
  return ReadMetaFacts(**object);
}

MetaFacts OfProtobuf(const std::string& more) {
  std::string metadata;
  AppendBytesField(metadata, 1, "a");
  AppendBytesField(metadata, 5, "u");
  AppendBytesField(metadata, 6, "7");
  metadata += more;
  std::string message;
  AppendBytesField(message, 1, metadata);
  std::string raw = ProtobufEnvelopeHead("v1", "Foo");
  AppendBytesField(raw, 2, message);
  raw += kProtobufUnknownTail;
  const auto object = Object::Parse(Representation::kProtobuf, raw);
  EXPECT_TRUE(object.ok()) << object.status();
  return ReadMetaFacts(**object);
}

std::string Owner(std::string_view uid) {
  std::string owner, field;
  AppendBytesField(owner, 1, "Foo");
  AppendBytesField(owner, 4, uid);
  AppendBytesField(field, 13, owner);
  return field;
}

std::string Entry(int64_t seconds) {
  std::string time, entry, field;
  AppendVarintField(time, 1, static_cast<uint64_t>(seconds));
  AppendBytesField(entry, 1, "kubectl");
  AppendBytesField(entry, 4, time);
  AppendBytesField(field, 17, entry);
  return field;
}

TEST(MetaFactsTest, OfAnObjectWithoutAny) {
  for (const MetaFacts& facts : {OfJson(""), OfProtobuf("")}) {
    EXPECT_FALSE(facts.generation.has_value());
    EXPECT_FALSE(facts.deleting);
    EXPECT_THAT(facts.owners, IsEmpty());
    EXPECT_FALSE(facts.written.has_value());
  }
}

TEST(MetaFactsTest, WhatHoldsAnObjectThatIsDeleted) {
  EXPECT_TRUE(OfJson(R"(,"finalizers":["x"])").held);
  EXPECT_TRUE(OfJson(R"(,"deletionGracePeriodSeconds":30)").held);
  for (const char* none : {"", R"(,"finalizers":[],"deletionGracePeriodSeconds":0)",
                           R"(,"finalizers":null,"deletionGracePeriodSeconds":null)"}) {
    EXPECT_FALSE(OfJson(none).held) << none;
  }
  std::string finalizer, grace, no_grace;
  AppendBytesField(finalizer, 14, "x");
  AppendVarintField(grace, 10, 30);
  AppendVarintField(no_grace, 10, 0);
  EXPECT_TRUE(OfProtobuf(finalizer).held);
  EXPECT_TRUE(OfProtobuf(grace).held);
  EXPECT_FALSE(OfProtobuf(no_grace).held);
}

TEST(MetaFactsTest, OfJson) {
  const MetaFacts facts = OfJson(
      R"(,"generation":12,"deletionTimestamp":"2026-01-02T03:04:05Z")"
      R"(,"ownerReferences":[{"kind":"Bar","uid":"u1","controller":true},{"uid":"u2"}])"
      R"(,"managedFields":[{"manager":"a","time":"2026-01-02T03:04:05Z","fieldsV1":{"f:time":{}}})"
      R"(,{"time":"2026-01-02T04:00:00Z"},{"time":"2025-01-02T04:00:00Z"}])");
  EXPECT_EQ(facts.generation, 12);
  EXPECT_TRUE(facts.deleting);
  EXPECT_THAT(facts.owners, ElementsAre("u1", "u2"));
  EXPECT_EQ(facts.written,
            absl::FromCivil(absl::CivilSecond(2026, 1, 2, 4, 0, 0), absl::UTCTimeZone()));
}

TEST(MetaFactsTest, OfProtobuf) {
  std::string more, time;
  AppendVarintField(more, 7, 12);
  AppendVarintField(time, 1, 1767323045);
  AppendBytesField(more, 9, time);
  more += Owner("u1") + Owner("u2") + Entry(1767326400) + Entry(1767323045);
  const MetaFacts facts = OfProtobuf(more);
  EXPECT_EQ(facts.generation, 12);
  EXPECT_TRUE(facts.deleting);
  EXPECT_THAT(facts.owners, ElementsAre("u1", "u2"));
  EXPECT_EQ(facts.written, absl::FromUnixSeconds(1767326400));
}

TEST(MetaFactsTest, WhatCannotBeReadIsLeftOut) {
  const MetaFacts facts =
      OfJson(R"(,"generation":"x","deletionTimestamp":null,"ownerReferences":{"uid":"u1"})"
             R"(,"managedFields":[{"time":null},{"time":"yesterday"},7])");
  EXPECT_FALSE(facts.generation.has_value());
  EXPECT_FALSE(facts.deleting);
  EXPECT_THAT(facts.owners, IsEmpty());
  EXPECT_FALSE(facts.written.has_value());
}

TEST(MetaFactsTest, OnlySoManyOwnersAreRead) {
  std::string owners;
  for (int i = 0; i < 20; ++i) owners += Owner(StrCat("u", i));
  EXPECT_THAT(OfProtobuf(owners).owners, SizeIs(MetaFacts::kMaxOwners));
}

}  // namespace
}  // namespace weir
