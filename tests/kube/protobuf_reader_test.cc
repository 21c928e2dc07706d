// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/protobuf_reader.h"

#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "tests/kube/object_samples.h"

namespace weir {
namespace {

bool IsWellFormed(std::string_view message) {
  ProtobufReader reader(message);
  while (reader.Next()) {
  }
  return reader.ok();
}

TEST(ProtobufReaderTest, WalksFieldsOfEveryWireType) {
  const std::string message =
      Hex("08 96 01  12 03 61 62 63  1d 01 02 03 04  21 01 02 03 04 05 06 07 08");
  ProtobufReader reader(message);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.field(), 1);
  EXPECT_EQ(reader.varint(), 150);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.field(), 2);
  EXPECT_EQ(reader.bytes(), "abc");
  EXPECT_EQ(reader.begin(), 3);
  EXPECT_EQ(reader.end(), 8);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.type(), WireType::kFixed32);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.type(), WireType::kFixed64);
  EXPECT_FALSE(reader.Next());
  EXPECT_TRUE(reader.ok());
}

TEST(ProtobufReaderTest, RefusesMalformedMessages) {
  for (const char* hex : {
           "08",                                   // No value.
           "08 80",                                // A cut varint.
           "08 ff ff ff ff ff ff ff ff ff 02",     // More than 64 bits.
           "08 80 80 80 80 80 80 80 80 80 80 00",  // More than ten bytes.
           "12 05 61",                             // A length over the end.
           "12 ff ff ff ff ff ff ff ff ff 01",     // The largest length.
           "0d 01 02 03",                          // Cut fixed32.
           "09 01 02 03 04 05 06 07",              // Cut fixed64.
           "0b 0c",                                // A group.
           "0e 00",                                // A wire type that does not exist.
           "00 00",                                // Field 0.
           "80 80 80 80 10 00",                    // A field number beyond 2^29-1.
       }) {
    EXPECT_FALSE(IsWellFormed(Hex(hex))) << hex;
  }
}

TEST(ProtobufReaderTest, VarintsSurviveARoundTrip) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const uint64_t value :
         {uint64_t{1} << shift, (uint64_t{1} << shift) - 1, ~uint64_t{0} >> shift}) {
      std::string message;
      AppendVarintField(message, 3, value);
      EXPECT_EQ(message.size(), 1 + VarintSize(value));
      ProtobufReader reader(message);
      ASSERT_TRUE(reader.Next());
      EXPECT_EQ(reader.varint(), value);
      EXPECT_FALSE(reader.Next());
    }
  }
}

TEST(ProtobufReaderTest, KnowsTheSizeOfABytesField) {
  for (const size_t size : {0, 1, 127, 128, 16383, 16384}) {
    for (const uint32_t field : {1, 15, 16, 2048}) {
      std::string message;
      AppendBytesField(message, field, std::string(size, 'x'));
      EXPECT_EQ(BytesFieldSize(field, size), message.size());
      EXPECT_TRUE(IsWellFormed(message));
    }
  }
}

TEST(ProtobufReaderTest, WritesTheStartOfAnEnvelope) {
  EXPECT_EQ(ProtobufEnvelopeHead("v1", "ConfigMap"),
            Hex("6b 38 73 00 0a 0f 0a 02 76 31 12 09 43 6f 6e 66 69 67 4d 61 70"));
}

}  // namespace
}  // namespace weir
