// SPDX-License-Identifier: Apache-2.0
#include "proxy/kube/list_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::Optional;
using testing::Pair;

ListOptions MustParse(std::string_view query) {
  const auto options = ListOptions::Parse(query);
  EXPECT_TRUE(options.ok()) << query << ": " << options.status().ToString();
  return options.ok() ? *options : ListOptions{};
}

TEST(ListOptionsTest, NothingIsSetByAnEmptyQuery) {
  for (const char* query : {"", "&", "&&&"}) {
    const ListOptions options = MustParse(query);
    EXPECT_FALSE(options.watch);
    EXPECT_FALSE(options.allow_watch_bookmarks);
    EXPECT_EQ(options.send_initial_events, std::nullopt);
    EXPECT_EQ(options.limit, std::nullopt);
    EXPECT_EQ(options.timeout_seconds, std::nullopt);
    EXPECT_EQ(options.resource_version, "");
    EXPECT_FALSE(options.has_other_parameters) << query;
  }
}

TEST(ListOptionsTest, ReadsEveryParameter) {
  const ListOptions options = MustParse(
      "labelSelector=app%3Dweir%2Cx+in+%28a%29&fieldSelector=metadata.name%3Dp&watch=1"
      "&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersion=12"
      "&resourceVersionMatch=NotOlderThan&continue=abc&limit=500&timeoutSeconds=360&timeout=10s");
  EXPECT_EQ(options.label_selector, "app=weir,x in (a)");
  EXPECT_EQ(options.field_selector, "metadata.name=p");
  EXPECT_TRUE(options.watch);
  EXPECT_TRUE(options.allow_watch_bookmarks);
  EXPECT_THAT(options.send_initial_events, Optional(true));
  EXPECT_EQ(options.resource_version, "12");
  EXPECT_EQ(options.resource_version_match, "NotOlderThan");
  EXPECT_EQ(options.continue_token, "abc");
  EXPECT_THAT(options.limit, Optional(500));
  EXPECT_THAT(options.timeout_seconds, Optional(360));
  EXPECT_FALSE(options.has_other_parameters);
}

TEST(ListOptionsTest, OnlyZeroAndFalseAreFalse) {
  for (const char* value : {"0", "false", "False", "FALSE"}) {
    EXPECT_FALSE(MustParse(StrCat("watch=", value)).watch) << value;
    EXPECT_THAT(MustParse(StrCat("sendInitialEvents=", value)).send_initial_events,
                Optional(false));
  }
  for (const char* value : {"1", "true", "", "no", "00", "f", "n"}) {
    EXPECT_TRUE(MustParse(StrCat("watch=", value)).watch) << value;
    EXPECT_TRUE(MustParse(StrCat("allowWatchBookmarks=", value)).allow_watch_bookmarks) << value;
    EXPECT_THAT(MustParse(StrCat("sendInitialEvents=", value)).send_initial_events, Optional(true));
  }
  EXPECT_TRUE(MustParse("watch").watch);
}

TEST(ListOptionsTest, TheFirstValueWins) {
  const ListOptions options = MustParse(
      "resourceVersion=&resourceVersion=5&watch=0&watch=1&limit=1&limit=x"
      "&labelSelector=a&labelSelector=b&sendInitialEvents=0&sendInitialEvents=1");
  EXPECT_EQ(options.resource_version, "");
  EXPECT_FALSE(options.watch);
  EXPECT_THAT(options.limit, Optional(1));
  EXPECT_EQ(options.label_selector, "a");
  EXPECT_THAT(options.send_initial_events, Optional(false));
}

TEST(ListOptionsTest, UnknownParametersAreReported) {
  for (const char* query : {"shardSelector=x", "pretty=true", "pretty", "dryRun=All", "Watch=1",
                            "drop=metadata.managedFields", "=x", "watch%20=1", "kind=Pod"}) {
    EXPECT_TRUE(MustParse(query).has_other_parameters) << query;
  }
  for (const char* query : {"timeout=32s&timeoutSeconds=5", "timeout=8m0s", "timeout=1h0m0s",
                            "timeout=500ms", "timeout=9m14s"}) {
    EXPECT_FALSE(MustParse(query).has_other_parameters) << query;
  }
  // The API server refuses some of these.
  for (const char* query : {"timeout=soon", "timeout=5", "timeout=", "timeout=1h2", "timeout=m",
                            "timeout=99999999h", "timeout=-1s"}) {
    EXPECT_TRUE(MustParse(query).has_other_parameters) << query;
  }
}

TEST(ListOptionsTest, RefusesWhatTheApiServerMustWordTheErrorFor) {
  for (const char* query : {"limit=", "limit=x", "limit=1.0", "limit=9223372036854775808",
                            "timeoutSeconds=1s", "limit=+1", "limit=%201", "watch=%", "watch=%4",
                            "watch=%zz", "%zz=1", "a;b=1", "watch=1&resourceVersion=%g0"}) {
    EXPECT_TRUE(IsInvalidArgument(ListOptions::Parse(query).status())) << query;
  }
  EXPECT_THAT(MustParse("limit=-1").limit, Optional(-1));
}

TEST(QueryParametersTest, LeavesOutWhatGoLeavesOut) {
  const QueryParameters parameters = QueryParameters::Parse("a=1&b=%zz&c&d=x;e&f=g%3dh=i&a=2");
  EXPECT_TRUE(parameters.malformed);
  EXPECT_THAT(parameters.values,
              ElementsAre(Pair("a", "1"), Pair("c", ""), Pair("f", "g=h=i"), Pair("a", "2")));
  EXPECT_EQ(*parameters.First("a"), "1");
  EXPECT_EQ(parameters.First("b"), nullptr);
}

TEST(QueryEscapeTest, RoundTripsEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all.push_back(static_cast<char>(i));
  const std::string escaped = QueryEscape(all);
  EXPECT_EQ(escaped.find_first_of("&=+ %;\"<>#", escaped.find("%")), escaped.find("%"));
  EXPECT_EQ(QueryUnescape(escaped).value(), all);
  EXPECT_EQ(QueryEscape("app in (a,b)"), "app%20in%20%28a%2Cb%29");
}

TEST(QueryEscapeTest, PlusIsASpaceInQueriesOnly) {
  EXPECT_EQ(QueryUnescape("a+b%2B").value(), "a b+");
  EXPECT_EQ(PathUnescape("a+b%2B").value(), "a+b+");
}

}  // namespace
}  // namespace weir
