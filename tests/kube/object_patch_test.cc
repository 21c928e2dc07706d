// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/object_patch.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/kube/object_samples.h"

namespace weir {
namespace {

TEST(ObjectPatchTest, ReplacesTheVersionInJsonAndNothingElse) {
  const ObjectPtr object = MustParse(Representation::kJson, kConfigMapJson);
  const ObjectPtr patched = WithResourceVersion(*object, ResourceVersion(10000));
  std::string expected(kConfigMapJson);
  expected.replace(expected.find("107"), 3, "10000");
  EXPECT_EQ(patched->raw(), expected);
  EXPECT_EQ(patched->version(), ResourceVersion(10000));
  EXPECT_EQ(patched->Label("app"), "web");
  EXPECT_TRUE(patched->list_item_needs_brace());
}

TEST(ObjectPatchTest, ReplacesTheVersionInACustomResource) {
  const ObjectPtr object = MustParse(Representation::kJson, kWidgetJson);
  const ObjectPtr patched = WithResourceVersion(*object, ResourceVersion(3));
  std::string expected(kWidgetJson);
  expected.replace(expected.find("\"12\""), 4, "\"3\"");
  EXPECT_EQ(patched->raw(), expected);
}

TEST(ObjectPatchTest, ReplacesTheVersionInProtobuf) {
  const ObjectPtr object = MustParse(Representation::kProtobuf, ConfigMapProtobuf());
  EXPECT_EQ(
      WithResourceVersion(*object, ResourceVersion(1081))->raw(),
      Hex("6b 38 73 00 0a 0f 0a 02 76 31 12 09 43 6f 6e 66 69 67 4d 61 70 12 1c 0a 1a 0a 01 61"
          "12 00 1a 02 6e 73 22 00 2a 03 75 2d 31 32 04 31 30 38 31 38 00 42 00 1a 00 22 00"));
}

// Lengths are varints: their own size changes at 128 and at 16384.
TEST(ObjectPatchTest, ReencodesProtobufLengthsThatGrow) {
  for (const size_t body_size : {size_t{0}, size_t{50}, size_t{100}, size_t{16300}}) {
    for (size_t name_size = 1; name_size < 140; ++name_size) {
      const std::string body(body_size, 'b');
      SampleFields fields = {.name = std::string(name_size, 'n'), .version = "9"};
      const ObjectPtr before =
          MustParse(Representation::kProtobuf, InEnvelope(SampleProtobufMessage(fields, body)));
      fields.version = "340282366920938463463374607431768211455";
      const ResourceVersion version = ResourceVersion::Parse(fields.version).value();
      const ObjectPtr after = WithResourceVersion(*before, version);
      EXPECT_EQ(after->raw(), InEnvelope(SampleProtobufMessage(fields, body)));
      EXPECT_EQ(WithResourceVersion(*after, ResourceVersion(9))->raw(), before->raw());
    }
  }
}

TEST(ObjectPatchTest, KeepsFieldsItDoesNotKnow) {
  std::string message = SampleProtobufMessage({});
  AppendVarintField(message, 77, 5);
  std::string raw = InEnvelope(message);
  AppendBytesField(raw, 99, "future");
  const ObjectPtr object = MustParse(Representation::kProtobuf, raw);
  std::string expected = raw;
  expected.replace(expected.find("107"), 3, "108");
  EXPECT_EQ(WithResourceVersion(*object, ResourceVersion(108))->raw(), expected);
}

}  // namespace
}  // namespace weir
