// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/watch_decoder.h"

#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "tests/kube/object_samples.h"

namespace weir {
namespace {

using testing::HasSubstr;

std::string Added(const Object& object) {
  return StrCat(WatchFramePrefix(WatchEventType::kAdded, object), object.raw(),
                WatchFrameSuffix(object.representation()));
}

// A stream with each kind of event in it.
std::string Stream(Representation representation) {
  ApiStatus error;
  error.code = 410;
  error.reason = "Expired";
  error.message = "too old <resource> version";
  const bool protobuf = representation == Representation::kProtobuf;
  const ObjectPtr object = protobuf ? MustParse(representation, ConfigMapProtobuf())
                                    : MustParse(representation, kConfigMapJson);
  return StrCat(Added(*object),
                BookmarkFrame(representation, "v1", "ConfigMap", ResourceVersion(110), true),
                BookmarkFrame(representation, "v1", "ConfigMap", ResourceVersion(111), false),
                ErrorFrame(representation, error));
}

void ExpectStream(const std::vector<WatchEvent>& events) {
  ASSERT_EQ(events.size(), 4);
  EXPECT_EQ(events[0].type, WatchEventType::kAdded);
  EXPECT_EQ(events[0].object->key(), (ObjectKeyView{"ns", "a"}));
  EXPECT_EQ(events[0].version, ResourceVersion(107));
  EXPECT_EQ(events[1].type, WatchEventType::kBookmark);
  EXPECT_EQ(events[1].version, ResourceVersion(110));
  EXPECT_TRUE(events[1].initial_events_end);
  EXPECT_EQ(events[1].kind, "ConfigMap");
  EXPECT_EQ(events[1].api_version, "v1");
  EXPECT_EQ(events[2].version, ResourceVersion(111));
  EXPECT_FALSE(events[2].initial_events_end);
  EXPECT_EQ(events[3].type, WatchEventType::kError);
  EXPECT_EQ(events[3].error.code, 410);
  EXPECT_EQ(events[3].error.reason, "Expired");
  EXPECT_EQ(events[3].error.message, "too old <resource> version");
}

class WatchDecoderTest : public testing::TestWithParam<Representation> {};

TEST_P(WatchDecoderTest, ReadsEveryKindOfEvent) {
  WatchDecoder decoder(GetParam());
  std::vector<WatchEvent> events;
  ASSERT_TRUE(decoder.Decode(Stream(GetParam()), events).ok());
  ExpectStream(events);
  EXPECT_FALSE(decoder.mid_event());
}

TEST_P(WatchDecoderTest, ReadsTheSameHoweverTheBytesAreCut) {
  const std::string stream = Stream(GetParam());
  for (size_t chunk = 1; chunk < stream.size(); chunk += 1 + chunk / 16) {
    WatchDecoder decoder(GetParam());
    std::vector<WatchEvent> events;
    for (size_t pos = 0; pos < stream.size(); pos += chunk) {
      ASSERT_TRUE(decoder.Decode(stream.substr(pos, chunk), events).ok()) << chunk;
    }
    ExpectStream(events);
    EXPECT_FALSE(decoder.mid_event());
  }
}

TEST_P(WatchDecoderTest, KnowsWhenItStandsInAnEvent) {
  const std::string stream = Stream(GetParam());
  WatchDecoder decoder(GetParam());
  std::vector<WatchEvent> events;
  EXPECT_FALSE(decoder.mid_event());
  ASSERT_TRUE(decoder.Decode(stream.substr(0, 3), events).ok());
  EXPECT_TRUE(decoder.mid_event());
  ASSERT_TRUE(decoder.Decode(stream.substr(3), events).ok());
  EXPECT_FALSE(decoder.mid_event());
}

TEST_P(WatchDecoderTest, ObjectsHoldExactlyTheirBytes) {
  WatchDecoder decoder(GetParam());
  std::vector<WatchEvent> events;
  ASSERT_TRUE(decoder.Decode(Stream(GetParam()), events).ok());
  const std::string expected =
      GetParam() == Representation::kProtobuf ? ConfigMapProtobuf() : std::string(kConfigMapJson);
  EXPECT_EQ(events[0].object->raw(), expected);
  EXPECT_LE(events[0].object->footprint(), expected.size() + 300);
}

TEST_P(WatchDecoderTest, RefusesAnEventThatIsTooLarge) {
  const std::string stream = Stream(GetParam());
  WatchDecoder whole(GetParam(), 40);
  std::vector<WatchEvent> events;
  EXPECT_TRUE(weir::IsLimit(whole.Decode(stream, events)));
  WatchDecoder cut(GetParam(), 40);
  absl::Status status;
  for (size_t pos = 0; pos < stream.size() && status.ok(); pos += 7) {
    status = cut.Decode(stream.substr(pos, 7), events);
  }
  EXPECT_TRUE(weir::IsLimit(status));
  EXPECT_THAT(events, testing::IsEmpty());
}

TEST_P(WatchDecoderTest, KeepsTheEventsBeforeAnError) {
  std::string stream = Stream(GetParam());
  stream.append(GetParam() == Representation::kJson ? "garbage\n" : Hex("00 00 00 02 ff ff"));
  WatchDecoder decoder(GetParam());
  std::vector<WatchEvent> events;
  EXPECT_TRUE(weir::IsInvalidArgument(decoder.Decode(stream, events)));
  ExpectStream(events);
}

INSTANTIATE_TEST_SUITE_P(Representations, WatchDecoderTest,
                         testing::Values(Representation::kJson, Representation::kProtobuf));

absl::Status DecodeJson(std::string_view stream, std::vector<WatchEvent>& events) {
  return WatchDecoder(Representation::kJson).Decode(stream, events);
}

TEST(JsonWatchDecoderTest, SkipsEmptyLines) {
  std::vector<WatchEvent> events;
  ASSERT_TRUE(DecodeJson(StrCat("\n\n", Stream(Representation::kJson), "\n"), events).ok());
  ExpectStream(events);
}

TEST(JsonWatchDecoderTest, TakesMembersInAnyOrder) {
  std::vector<WatchEvent> events;
  ASSERT_TRUE(DecodeJson(StrCat(R"({ "extra":[1], "object":)", kWidgetJson,
                                R"(, "type":"DELETED"} )", "\n"),
                         events)
                  .ok());
  ASSERT_EQ(events.size(), 1);
  EXPECT_EQ(events[0].type, WatchEventType::kDeleted);
  EXPECT_EQ(events[0].object->raw(), kWidgetJson);
}

TEST(JsonWatchDecoderTest, RefusesLinesThatAreNoEvents) {
  const std::string object(kConfigMapJson);
  for (
      const std::string& line :
      {std::string("null"), std::string("{}"), std::string("[]"), std::string("Internal error"),
       StrCat(R"({"object":)", object, "}"), std::string(R"({"type":"ADDED"})"),
       std::string(R"({"type":"ADDED","object":null})"), std::string(R"({"type":1,"object":{}})"),
       StrCat(R"({"type":"ADDED","object":)", object, "}x"),
       StrCat(R"({"type":"ADDED","object":)", object),
       StrCat(R"({"type":"ADDED","type":"ADDED","object":)", object, "}"),
       StrCat(R"({"type":"ADDED","object":)", object, R"(,"object":)", object, "}"),
       StrCat(R"({"type":"SYNC","object":)", object, "}"),
       std::string(R"({"type":"BOOKMARK","object":{"kind":"Pod","metadata":{}}})"),
       std::string(
           R"({"type":"ADDED","object":{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}})")}) {
    std::vector<WatchEvent> events;
    EXPECT_TRUE(weir::IsInvalidArgument(DecodeJson(line + "\n", events))) << line;
    EXPECT_THAT(events, testing::IsEmpty());
  }
}

TEST(JsonWatchDecoderTest, SaysWhenAVersionIsMalformed) {
  std::string line = StrCat(R"({"type":"ADDED","object":)", kConfigMapJson, "}\n");
  line.replace(line.find("\"107\""), 5, "\"v7\"");
  std::vector<WatchEvent> events;
  EXPECT_THAT(MessageOf(DecodeJson(line, events)),
              HasSubstr("resourceVersion \"v7\" is not a decimal number"));
  EXPECT_THAT(
      MessageOf(DecodeJson(R"({"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"x"}}})"
                           "\n",
                           events)),
      HasSubstr("watch event BOOKMARK: resourceVersion \"x\""));
}

TEST(JsonWatchDecoderTest, OnlyTheValueTrueEndsTheInitialEvents) {
  const auto ends = [](std::string_view annotations) {
    std::vector<WatchEvent> events;
    const std::string line =
        StrCat(R"({"type":"BOOKMARK","object":{"kind":"Pod","apiVersion":"v1","metadata":{)",
               R"("annotations":)", annotations, R"(,"resourceVersion":"5"}}})", "\n");
    EXPECT_TRUE(DecodeJson(line, events).ok()) << line;
    return events.size() == 1 && events[0].initial_events_end;
  };
  EXPECT_TRUE(ends(R"({"a":"b","k8s.io/initial-events-end":"true"})"));
  EXPECT_TRUE(ends(R"({"k8s.io\/initial-events-end":"true"})"));
  EXPECT_FALSE(ends(R"({"k8s.io/initial-events-end":"false"})"));
  EXPECT_FALSE(ends(R"({"k8s.io/initial-events-end":true})"));
  EXPECT_FALSE(ends(R"({"other":"k8s.io/initial-events-end"})"));
  EXPECT_FALSE(ends("{}"));
  EXPECT_FALSE(ends("null"));
}

TEST(JsonWatchDecoderTest, AnErrorThatIsNoStatusIsStillAnError) {
  std::vector<WatchEvent> events;
  ASSERT_TRUE(DecodeJson(R"({"type":"ERROR","object":{"kind":"Odd"}})"
                         "\n",
                         events)
                  .ok());
  EXPECT_EQ(events[0].error.code, 500);
}

TEST(ProtobufWatchDecoderTest, RefusesFramesThatAreNoEvents) {
  for (const char* hex : {"00 00 00 00", "00 00 00 01 0a", "00 00 00 07 0a 05 41 44 44 45 44",
                          "00 00 00 0b 0a 05 41 44 44 45 44 12 02 0a 00",
                          "00 00 00 0d 0a 05 41 44 44 45 44 12 04 0a 02 6b 38",
                          "00 00 00 09 0a 05 41 44 44 45 44 10 01"}) {
    WatchDecoder decoder(Representation::kProtobuf);
    std::vector<WatchEvent> events;
    EXPECT_TRUE(weir::IsInvalidArgument(decoder.Decode(Hex(hex), events))) << hex;
  }
}

TEST(ProtobufWatchDecoderTest, RefusesALengthBeyondTheLimitAtOnce) {
  WatchDecoder decoder(Representation::kProtobuf);
  std::vector<WatchEvent> events;
  EXPECT_TRUE(weir::IsLimit(decoder.Decode(Hex("ff ff ff ff"), events)));
}

}  // namespace
}  // namespace weir
