// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/flame_graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

Profile Example() {
  Profile profile;
  profile.id = 7;
  profile.reason = "asked for";
  profile.length = absl::Seconds(10);
  profile.samples = 100;
  profile.stacks = {{"main;Run()", 25}, {"worker-0;Run();A<B>()", 50}, {"worker-0;Run();C()", 25}};
  return profile;
}

// "x width" of the bar with that title.
std::string PlaceOf(const std::string& svg, const std::string& title) {
  const size_t at = svg.find("<title>" + title);
  if (at == std::string::npos) return "none";
  const auto value = [&](const std::string& name) {
    const size_t from = svg.find(name + "=\"", at) + name.size() + 2;
    return svg.substr(from, svg.find('"', from) - from);
  };
  return value(" x") + " " + value(" width");
}

TEST(FlameGraphTest, BarsAreAsWideAsTheirSamplesAndLieBeneathTheirCallers) {
  const std::string svg = RenderFlameGraph(Example()).value();
  EXPECT_THAT(svg, HasSubstr("CPU profile 7: asked for, 10s, 100 samples"));
  EXPECT_EQ(PlaceOf(svg, "all: 100 samples, 100.0 %"), "0.0 1199.5");
  EXPECT_EQ(PlaceOf(svg, "main: 25 samples, 25.0 %"), "0.0 299.5");
  EXPECT_EQ(PlaceOf(svg, "worker-0: 75 samples"), "300.0 899.5");
  EXPECT_EQ(PlaceOf(svg, "A&lt;B&gt;(): 50 samples, 50.0 %"), "300.0 599.5");
  EXPECT_EQ(PlaceOf(svg, "C(): 25 samples"), "900.0 299.5");
}

TEST(FlameGraphTest, ALinkLooksCloserAndShowsTheCallers) {
  const std::string all = RenderFlameGraph(Example()).value();
  EXPECT_THAT(all, HasSubstr("?id=7&amp;at=5\"><title>A&lt;B&gt;()"));
  const std::string close = RenderFlameGraph(Example(), 5).value();
  EXPECT_EQ(PlaceOf(close, "A&lt;B&gt;(): 50 samples"), "0.0 1199.5");
  EXPECT_EQ(PlaceOf(close, "worker-0: 75"), "0.0 1199.5");
  EXPECT_EQ(PlaceOf(close, "all: 100"), "0.0 1199.5");
  EXPECT_EQ(PlaceOf(close, "C()"), "none");
  EXPECT_FALSE(RenderFlameGraph(Example(), 7).has_value()) << "there are 7: 0 to 6";
}

TEST(FlameGraphTest, NamesAreTextAndNothingRuns) {
  Profile profile = Example();
  profile.reason = "dispatch of <script>";
  profile.stacks = {{"main;f(\"</svg><script>\")", 1}};
  EXPECT_THAT(RenderFlameGraph(profile).value(),
              AllOf(Not(HasSubstr("<script")), HasSubstr("&lt;script&gt;")));
}

TEST(FlameGraphTest, NoSamplesAreNoError) {
  Profile profile;
  EXPECT_THAT(RenderFlameGraph(profile).value(), HasSubstr("too little CPU time"));
}

}  // namespace
}  // namespace weir
