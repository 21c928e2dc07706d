// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/watch_frames.h"

#include <string>

#include "gtest/gtest.h"

namespace weir {
namespace {

std::string Frame(size_t size) {
  std::string frame = {0, 0, static_cast<char>(size >> 8), static_cast<char>(size & 0xff)};
  return frame + std::string(size, 'x');
}

TEST(WatchFramesTest, BeginsAtABoundary) {
  EXPECT_TRUE(WatchFrames(Representation::kJson).at_boundary());
  EXPECT_TRUE(WatchFrames(Representation::kProtobuf).at_boundary());
}

TEST(WatchFramesTest, JsonEventsEndWithTheirLine) {
  WatchFrames frames(Representation::kJson);
  EXPECT_EQ(frames.Advance("{}\n{}\n{"), 6u);
  EXPECT_FALSE(frames.at_boundary());
  EXPECT_EQ(frames.Advance("\"a\":"), 0u);
  EXPECT_FALSE(frames.at_boundary());
  EXPECT_EQ(frames.Advance("1}\n"), 3u);
  EXPECT_TRUE(frames.at_boundary());
  EXPECT_EQ(frames.Advance(""), 0u);
  EXPECT_TRUE(frames.at_boundary());
}

TEST(WatchFramesTest, ProtobufEventsEndWithTheirLength) {
  WatchFrames frames(Representation::kProtobuf);
  const std::string bytes = Frame(300) + Frame(0) + Frame(5);
  EXPECT_EQ(frames.Advance(bytes), bytes.size());
  EXPECT_TRUE(frames.at_boundary());
  EXPECT_EQ(frames.Advance(Frame(7) + Frame(9).substr(0, 6)), 11u);
  EXPECT_FALSE(frames.at_boundary());
}

TEST(WatchFramesTest, FindsTheSameBoundariesHoweverTheBytesAreCut) {
  const std::string bytes = Frame(300) + Frame(0) + Frame(5) + Frame(256);
  WatchFrames frames(Representation::kProtobuf);
  int boundaries = 0;
  for (const char byte : bytes) {
    boundaries += frames.Advance({&byte, 1}) == 1 ? 1 : 0;
  }
  EXPECT_EQ(boundaries, 4);
  EXPECT_TRUE(frames.at_boundary());
}

}  // namespace
}  // namespace weir
