// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/watch_event.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/kube/object_samples.h"

namespace weir {
namespace {

std::string Frame(WatchEventType type, const Object& object) {
  return StrCat(WatchFramePrefix(type, object), object.raw(),
                WatchFrameSuffix(object.representation()));
}

TEST(WatchEventTest, NamesTheTypes) {
  EXPECT_EQ(WatchEventTypeName(WatchEventType::kAdded), "ADDED");
  EXPECT_EQ(WatchEventTypeName(WatchEventType::kModified), "MODIFIED");
  EXPECT_EQ(WatchEventTypeName(WatchEventType::kDeleted), "DELETED");
  EXPECT_EQ(WatchEventTypeName(WatchEventType::kBookmark), "BOOKMARK");
  EXPECT_EQ(WatchEventTypeName(WatchEventType::kError), "ERROR");
}

TEST(WatchEventTest, FramesAJsonObjectAsALine) {
  const ObjectPtr object = MustParse(Representation::kJson, kConfigMapJson);
  EXPECT_EQ(Frame(WatchEventType::kModified, *object),
            StrCat(R"({"type":"MODIFIED","object":)", kConfigMapJson, "}\n"));
}

TEST(WatchEventTest, FramesAProtobufObjectAsTheApiServerDoes) {
  const ObjectPtr object = MustParse(Representation::kProtobuf, ConfigMapProtobuf());
  EXPECT_EQ(Frame(WatchEventType::kAdded, *object),
            Hex("00 00 00 41 0a 05 41 44 44 45 44 12 38 0a 36") + ConfigMapProtobuf());
}

TEST(WatchEventTest, FramesALargeProtobufObject) {
  const ObjectPtr object = MustParse(
      Representation::kProtobuf, InEnvelope(SampleProtobufMessage({}, std::string(70000, 'x'))));
  const std::string frame = Frame(WatchEventType::kDeleted, *object);
  const size_t length = static_cast<uint8_t>(frame[1]) << 16 | static_cast<uint8_t>(frame[2]) << 8 |
                        static_cast<uint8_t>(frame[3]);
  EXPECT_EQ(length, frame.size() - 4);
  EXPECT_TRUE(frame.ends_with(object->raw()));
}

TEST(WatchEventTest, WritesAJsonBookmark) {
  EXPECT_EQ(
      BookmarkFrame(Representation::kJson, "v1", "ConfigMap", ResourceVersion(110), true),
      R"({"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"110","annotations":{"k8s.io/initial-events-end":"true"}}}})"
      "\n");
  EXPECT_EQ(
      BookmarkFrame(Representation::kJson, "g/v1", "Foo", ResourceVersion(9), false),
      R"({"type":"BOOKMARK","object":{"kind":"Foo","apiVersion":"g/v1","metadata":{"resourceVersion":"9"}}})"
      "\n");
}

TEST(WatchEventTest, WritesAProtobufBookmark) {
  const std::string expected =
      Hex("00 00 00 4f 0a 08 42 4f 4f 4b 4d 41 52 4b 12 43 0a 41 6b 38 73 00 0a 0f 0a 02 76 31 12 "
          "09"
          "43 6f 6e 66 69 67 4d 61 70 12 2a 0a 28 32 03 31 31 30 62 21 0a 19") +
      "k8s.io/initial-events-end" + Hex("12 04") + "true";
  EXPECT_EQ(expected.size(), 83);
  EXPECT_EQ(BookmarkFrame(Representation::kProtobuf, "v1", "ConfigMap", ResourceVersion(110), true),
            expected);
}

TEST(WatchEventTest, WritesAnErrorAsTheApiServerDoes) {
  ApiStatus expired;
  expired.code = 410;
  expired.reason = "Expired";
  expired.message = "too old resource version: 1 (1234)";
  EXPECT_EQ(
      ErrorFrame(Representation::kJson, expired),
      R"json({"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",)json"
      R"json("message":"too old resource version: 1 (1234)","reason":"Expired","code":410}})json"
      "\n");
}

}  // namespace
}  // namespace weir
