// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/top.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::Not;

TopPages Pages() {
  return {.streams = R"({"streams":[
        {"resource":"pods","namespace":"","ageSeconds":12,"eventsSent":7,"bytesSent":900,
         "eventsBehind":0,"secondsBehind":0,"served":"forwarded","reason":"options",
         "client":"127.0.0.1:1","userAgent":"quick/1"},
        {"resource":"foos.example.com","namespace":"team","ageSeconds":3,"eventsSent":5,
         "bytesSent":1000,"eventsBehind":4,"secondsBehind":2.5,"served":"cache","reason":"",
         "client":"127.0.0.1:2","userAgent":"slow/1"}]})",
          .lag = R"({"resources":[{"resource":"pods","stages":[
        {"stage":"dispatch","count":9,"lastMinute":{"count":4,"p50Seconds":0.00025,
         "p90Seconds":0.001,"p99Seconds":0.002,"maxSeconds":1.5}},
        {"stage":"backlog","count":9,"lastMinute":{"count":0,"p50Seconds":0}}]}]})",
          .stuck = R"({"thresholdSeconds":10,"objects":[{"resource":"foos.example.com",
        "namespace":"team","name":"x","asks":"created","ageSeconds":15.2,"acts":true}]})"};
}

std::string Rendered(const TopPages& pages, std::string_view sort = "behind") {
  const absl::StatusOr<std::string> text = RenderTop(pages, sort);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.value_or("");
}

TEST(TopTest, ShowsStreamsLagAndStuckObjects) {
  EXPECT_EQ(Rendered(Pages()),
            "STREAMS 2\n"
            "RESOURCE          NAMESPACE  AGE    EVENTS  BYTES  BEHIND  LAG      SERVED   "
            "CLIENT       USER-AGENT\n"
            "foos.example.com  team       3.0s   5       1000   4       2.5s     cache    "
            "127.0.0.1:2  slow/1\n"
            "pods              *          12.0s  7       900    0       0.000ms  options  "
            "127.0.0.1:1  quick/1\n"
            "\n"
            "LAG of the last minute\n"
            "RESOURCE  STAGE     COUNT  P50      P90      P99      MAX\n"
            "pods      dispatch  4      0.250ms  1.000ms  2.000ms  1.5s\n"
            "\n"
            "STUCK 1\n"
            "RESOURCE          OBJECT  ASKS     AGE    ACTS\n"
            "foos.example.com  team/x  created  15.2s  yes\n");
}

TEST(TopTest, SortsStreamsAsAsked) {
  for (const char* sort : {"events", "age"}) {
    const std::string text = Rendered(Pages(), sort);
    EXPECT_LT(text.find("quick/1"), text.find("slow/1")) << sort;
  }
  for (const char* sort : {"behind", "bytes", "resource"}) {
    const std::string text = Rendered(Pages(), sort);
    EXPECT_LT(text.find("slow/1"), text.find("quick/1")) << sort;
  }
}

TEST(TopTest, TheColumnBesideIsTheNextOneOnTheScreen) {
  EXPECT_EQ(SortBeside("age", 1), "events");
  EXPECT_EQ(SortBeside("age", -1), "resource");
  EXPECT_EQ(SortBeside("resource", -1), "resource") << "there is none";
  EXPECT_EQ(SortBeside("behind", 1), "client");
  EXPECT_EQ(SortBeside("client", 1), "client") << "there is none";
}

TEST(TopTest, NothingIsNoTable) {
  EXPECT_EQ(Rendered({R"({"streams":[]})", R"({"resources":[]})", R"({"objects":[]})"}),
            "STREAMS 0\n\nLAG of the last minute\nno events\n\nSTUCK 0\n");
}

TEST(TopTest, NamesCannotSteerTheTerminal) {
  TopPages pages = Pages();
  pages.streams = R"({"streams":[{"resource":"pods","userAgent":"a\u001b[2J\n\u009bx"}]})";
  const std::string text = Rendered(pages);
  EXPECT_THAT(text, HasSubstr("a?[2J???x"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(TopTest, WhatIsNoPageIsAnError) {
  for (const char* page : {"", "{}", "[]", R"({"streams":1})"}) {
    TopPages pages = Pages();
    pages.streams = page;
    EXPECT_FALSE(RenderTop(pages, "behind").ok()) << page;
  }
}

TEST(TopTest, JsonIsOneDocumentOfThree) {
  const auto read = nlohmann::json::parse(RenderTopJson(Pages()));
  EXPECT_EQ(read["streams"]["streams"].size(), 2U);
  EXPECT_EQ(read["lag"]["resources"].at(0)["resource"], "pods");
  EXPECT_EQ(read["stuck"]["objects"].at(0)["name"], "x");
}

TEST(TopTest, FlagsHaveDefaultsThatAreGood) {
  const auto options = ParseTopFlags({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->admin.ToString(), "127.0.0.1:15090");
  EXPECT_EQ(options->interval, absl::Seconds(2));
  EXPECT_FALSE(options->json);
  EXPECT_FALSE(options->once);
}

TEST(TopTest, BadFlagsAreNamed) {
  const auto says = [](const TopFlags& flags) {
    const auto options = ParseTopFlags(flags);
    EXPECT_FALSE(options.ok());
    return std::string(MessageOf(options.status()));
  };
  EXPECT_THAT(says({.admin = "nowhere"}), HasSubstr("--admin"));
  EXPECT_THAT(says({.sort = "colour"}),
              HasSubstr("--sort: \"colour\" is none of resource, age, events"));
  EXPECT_THAT(says({.interval = "fast"}), HasSubstr("--interval: \"fast\""));
  EXPECT_THAT(says({.interval = "1ms"}), HasSubstr("--interval"));
  EXPECT_THAT(says({.output = "yaml"}), HasSubstr("-o: \"yaml\""));
}

}  // namespace
}  // namespace weir
