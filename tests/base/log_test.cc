// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/log.h"

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::MatchesRegex;

class LogTest : public testing::Test {
 protected:
  ~LogTest() override { SetLogLevel(LogLevel::kInfo); }

  template <typename Function>
  std::string Captured(Function function) {
    testing::internal::CaptureStderr();
    function();
    return testing::internal::GetCapturedStderr();
  }
};

TEST_F(LogTest, WritesOneLineOfKeysAndValues) {
  const std::string line = Captured([] {
    LogInfo("watch resumed", {{"resource", "pods"}, {"version", 42}, {"peer", "[::1]:80"}});
  });
  EXPECT_THAT(line, MatchesRegex("time=[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z level=info .*\n"));
  EXPECT_THAT(line, EndsWith("msg=\"watch resumed\" resource=pods version=42 peer=[::1]:80\n"));
}

TEST_F(LogTest, QuotesValuesThatWouldBreakTheLine) {
  const std::string line = Captured([] {
    LogWarning("odd", {{"a", "two words"}, {"b", "x\nlevel=error"}, {"c", ""}, {"d", "{}%s"}});
  });
  EXPECT_THAT(line, HasSubstr("level=warning"));
  EXPECT_THAT(line, EndsWith(R"(a="two words" b="x\nlevel=error" c="" d={}%s)"
                             "\n"));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST_F(LogTest, LeavesOutWhatIsBelowTheLevel) {
  EXPECT_EQ(Captured([] { LogDebug("detail"); }), "");
  SetLogLevel(LogLevel::kError);
  EXPECT_EQ(Captured([] { LogWarning("coped"); }), "");
  EXPECT_NE(Captured([] { LogError("act"); }), "");
  SetLogLevel(LogLevel::kOff);
  EXPECT_EQ(Captured([] { LogError("act"); }), "");
  SetLogLevel(LogLevel::kDebug);
  EXPECT_NE(Captured([] { LogDebug("detail"); }), "");
}

TEST_F(LogTest, KnowsTheNamesOfLevels) {
  EXPECT_EQ(ParseLogLevel("debug"), LogLevel::kDebug);
  EXPECT_EQ(ParseLogLevel("warning"), LogLevel::kWarning);
  EXPECT_EQ(ParseLogLevel("off"), LogLevel::kOff);
  EXPECT_EQ(ParseLogLevel("loud"), std::nullopt);
}

}  // namespace
}  // namespace weir
