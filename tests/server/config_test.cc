// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

Config MustParse(std::string_view text) {
  auto config = ParseConfig("weir.yaml", text);
  EXPECT_TRUE(config.ok()) << config.status().ToString();
  return config.ok() ? *std::move(config) : Config{};
}

std::string Mistakes(std::string_view text, const ValidateFilter& validate = nullptr) {
  const auto config = ParseConfig("weir.yaml", text, validate);
  EXPECT_FALSE(config.ok()) << text;
  return std::string(MessageOf(config.status()));
}

TEST(ConfigTest, EverythingHasADefault) {
  for (const char* text : {"", "{}", "cache:\ndownstream:\nfilters:\n"}) {
    const Config config = MustParse(text);
    EXPECT_EQ(config.listen, "127.0.0.1:6443");
    EXPECT_EQ(config.admin, "127.0.0.1:15090");
    EXPECT_EQ(config.concurrency, 1);
    EXPECT_EQ(config.drain_timeout, absl::Seconds(10));
    EXPECT_EQ(config.log_level, LogLevel::kInfo);
    EXPECT_EQ(config.cache.window_events, 10000u);
    EXPECT_EQ(config.cache.byte_budget, 512u << 20);
    EXPECT_EQ(config.cache.pinned_bytes, 64u << 20);
    EXPECT_FALSE(config.cache.secrets);
    EXPECT_THAT(config.filters, ElementsAre());
  }
}

TEST(ConfigTest, ReadsEveryKindOfValue) {
  const Config config = MustParse(R"(
listen: "[::1]:443"
clientDir: /var/run/weir
concurrency: 2
drainTimeout: 1m30s
logLevel: debug
cache:
  windowEvents: 500
  windowBytes: 1Mi
  secrets: true
  exclude: [events, leases.coordination.k8s.io]
downstream: {maxConcurrentStreams: 7, idleTimeout: 500s}
upstream:
  maxEventBytes: 1048576
filters:
  - name: stale
  - name: strip
    config: {fields: metadata.managedFields, depth: 3, on: true}
)");
  EXPECT_EQ(config.listen, "[::1]:443");
  EXPECT_EQ(config.client_dir, "/var/run/weir");
  EXPECT_EQ(config.concurrency, 2);
  EXPECT_EQ(config.drain_timeout, absl::Seconds(90));
  EXPECT_EQ(config.log_level, LogLevel::kDebug);
  EXPECT_EQ(config.cache.window_events, 500u);
  EXPECT_EQ(config.cache.window_bytes, 1u << 20);
  EXPECT_TRUE(config.cache.secrets);
  EXPECT_THAT(config.cache.exclude, ElementsAre("events", "leases.coordination.k8s.io"));
  EXPECT_EQ(config.downstream.max_concurrent_streams, 7u);
  EXPECT_EQ(config.downstream.idle_timeout, absl::Seconds(500));
  EXPECT_EQ(config.upstream.max_event_bytes, 1u << 20);
  ASSERT_EQ(config.filters.size(), 2u);
  EXPECT_EQ(config.filters[0].name, "stale");
  EXPECT_THAT(config.filters[1].params,
              UnorderedElementsAre(Pair("fields", "metadata.managedFields"), Pair("depth", "3"),
                                   Pair("on", "true")));
}

TEST(ConfigTest, ReadsJson) {
  EXPECT_EQ(
      MustParse(R"({"cache": {"windowEvents": 9}, "admin": "0.0.0.0:15090"})").cache.window_events,
      9u);
}

TEST(ConfigMistakesTest, ReportsAllAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(Mistakes("lisen: 127.0.0.1:1\n"
                     "cache:\n"
                     "  windowEvents: many\n"
                     "  windoBytes: 1Mi\n"
                     "drainTimeout: 10\n"
                     "cache: {}\n"),
            "weir.yaml:1:1: lisen: no such key (did you mean \"listen\"?)\n"
            "weir.yaml:3:17: cache.windowEvents: must be a whole number, not \"many\"\n"
            "weir.yaml:4:3: cache.windoBytes: no such key (did you mean \"windowBytes\"?)\n"
            "weir.yaml:5:15: drainTimeout: must be a duration with a unit, like 10s, 1m30s or "
            "500ms, not \"10\"\n"
            "weir.yaml:6:1: cache: given a second time; which one is meant?");
}

TEST(ConfigMistakesTest, SaysWhatIsWrongWithAValue) {
  const struct {
    const char* text;
    const char* mistake;
  } kCases[] = {
      {"listen: localhost:6443", "weir.yaml:1:9: listen: must be an address and a port"},
      {"listen: 127.0.0.1", "must be an address and a port"},
      {"listen: [a]", "listen: must be an address, not a list"},
      {"concurrency: 0", "concurrency: must be between 1 and 64, not 0"},
      {"concurrency: 65", "must be between 1 and 64"},
      {"concurrency: '1'", "must be a whole number, not the text \"1\""},
      {"concurrency: 1.5", "must be a whole number, not \"1.5\""},
      {"concurrency: 99999999999999999999", "must be a whole number"},
      {"concurrency:", "must be a number, not nothing (leave the key out"},
      {"drainTimeout: 2h", "must be between 0s and 1h, not \"2h\""},
      {"drainTimeout: -1s", "must be a duration with a unit"},
      {"logLevel: inf", "did you mean \"info\"?"},
      {"cache: {secrets: yes}", "cache.secrets: must be true or false, not \"yes\""},
      {"cache: {secrets: 'true'}", "must be true or false, not the text \"true\""},
      {"cache: {windowBytes: 1KB}", "must be a number of bytes, like 65536"},
      {"cache: {windowBytes: 1}", "must be between 64Ki and 1Ti"},
      {"cache: {exclude: events}", "cache.exclude: must be a list of resource names"},
      {"cache: {exclude: [events, Pods]}", "cache.exclude[1]: must be a resource as kubectl"},
      {"cache: {exclude: [apps/deployments]}", "cache.exclude[0]"},
      {"cache: 5", "cache: must be a map of keys, not \"5\""},
      {"cache: [a]", "cache: must be a map of keys, not a list"},
      {"cache.secrets: true", "cache.secrets: no such key"},
      {"'': 1", "no such key"},
      {"[a, b]", "weir.yaml:1:1: must be a map of keys, not a list"},
      {"just text", "weir.yaml:1:1: must be a map of keys"},
      {"a: *b", "weir.yaml:1:4:"},
  };
  for (const auto& c : kCases) EXPECT_THAT(Mistakes(c.text), HasSubstr(c.mistake)) << c.text;
}

TEST(ConfigMistakesTest, ChecksWhatOnlyShowsTogether) {
  EXPECT_THAT(Mistakes("admin: 127.0.0.1:6443"),
              HasSubstr("weir.yaml:1:8: admin: must differ from listen"));
  EXPECT_TRUE(ParseConfig("f", "admin: 127.0.0.1:0\nlisten: 127.0.0.1:0").ok());
  EXPECT_THAT(Mistakes("cache:\n  byteBudget: 8Mi\n"),
              HasSubstr("cache.windowBytes: must not be more than cache.byteBudget, which is 8Mi"));
}

TEST(ConfigMistakesTest, StopsAtAHundred) {
  std::string text;
  for (int i = 0; i < 150; ++i) StrAppend(text, "key", i, ": 1\n");
  EXPECT_THAT(Mistakes(text), HasSubstr("\nweir.yaml: and 50 more mistakes"));
}

TEST(ConfigFilterTest, ReportsMistakesInFilters) {
  EXPECT_THAT(Mistakes("filters: {name: stale}"),
              HasSubstr("filters: must be a list of filters, not a map"));
  EXPECT_EQ(Mistakes("filters:\n"
                     "  - nam: stale\n"
                     "  - stale\n"
                     "  - ~\n"
                     "  - name: strip\n"
                     "    config: {a: [1], b: 1, b: 2}\n"
                     "  - {name: x, config: 5}\n"),
            "weir.yaml:2:5: filters[0].nam: no such key (did you mean \"name\"?)\n"
            "weir.yaml:2:5: filters[0]: must have a name\n"
            "weir.yaml:3:5: filters[1]: must be a map of keys, not \"stale\"\n"
            "weir.yaml:4:5: filters[2]: must have a name\n"
            "weir.yaml:6:17: filters[3].config.a: must be a text, not a list\n"
            "weir.yaml:6:28: filters[3].config.b: given a second time; which one is meant?\n"
            "weir.yaml:7:23: filters[4].config: must be a map of keys, not \"5\"");
}

TEST(ConfigFilterTest, AsksTheRegistry) {
  const ValidateFilter validate = [](std::string_view name, const StringMap<std::string>& params) {
    if (name != "strip") return InvalidArgumentError("no such filter");
    return params.contains("fields") ? absl::OkStatus() : InvalidArgumentError("fields is missing");
  };
  EXPECT_TRUE(ParseConfig("f", "filters: [{name: strip, config: {fields: x}}]", validate).ok());
  EXPECT_THAT(Mistakes("filters:\n- {name: strip}\n- {name: stripe}\n", validate),
              AllOf(HasSubstr("weir.yaml:2:3: filters[0]: fields is missing\n"),
                    HasSubstr("weir.yaml:3:3: filters[1]: no such filter")));
}

TEST(ConfigFlagTest, AFlagSetsAKeyByTheSameRules) {
  Config config;
  EXPECT_TRUE(SetConfigKey(config, "listen", "127.0.0.1:7443").ok());
  EXPECT_EQ(config.listen, "127.0.0.1:7443");
  EXPECT_TRUE(SetConfigKey(config, "cache.secrets", "true").ok());
  EXPECT_TRUE(config.cache.secrets);
  EXPECT_EQ(MessageOf(SetConfigKey(config, "concurrency", "many")),
            "concurrency: must be a whole number, not \"many\"");
  EXPECT_EQ(MessageOf(SetConfigKey(config, "speed", "1")), "no such key: \"speed\"");
  EXPECT_FALSE(SetConfigKey(config, "filters", "stale").ok());
}

TEST(ConfigFileTest, NamesAFileThatIsNotThere) {
  EXPECT_EQ(MessageOf(LoadConfig("/nowhere/weir.yaml").status()),
            "cannot read \"/nowhere/weir.yaml\": No such file or directory");
}

TEST(ConfigTest, PoliciesAreForAllAndForSingleResources) {
  const Config config = MustParse(R"(
cache: {initialSync: verified, consistentReads: relaxed, coalesce: false}
resources:
- {resource: deployments.apps, initialSync: forward}
- {resource: pods, consistentReads: verified, coalesce: true}
)");
  EXPECT_EQ(config.cache.initial_sync, Freshness::kVerified);
  EXPECT_EQ(config.cache.consistent_reads, Freshness::kRelaxed);
  EXPECT_FALSE(config.cache.coalesce);
  ASSERT_EQ(config.resources.size(), 2u);
  EXPECT_EQ(config.resources[0].resource, "deployments.apps");
  EXPECT_EQ(config.resources[0].initial_sync, Freshness::kForward);
  EXPECT_EQ(config.resources[0].consistent_reads, std::nullopt);
  EXPECT_EQ(config.resources[1].consistent_reads, Freshness::kVerified);
  EXPECT_EQ(config.resources[1].coalesce, true);
}

TEST(ConfigTest, SaysWhatIsWrongWithAPolicy) {
  EXPECT_THAT(Mistakes("cache: {initialSync: relaxd}"),
              HasSubstr("must be relaxed, verified or forward, not \"relaxd\" (did you mean "
                        "\"relaxed\"?)"));
  EXPECT_THAT(Mistakes("resources:\n- {initialSync: relaxed}"),
              HasSubstr("resources[0]: must name a resource"));
  EXPECT_THAT(Mistakes("resources:\n- {resource: pods}\n- {resource: pods}"),
              HasSubstr("weir.yaml:3:3: resources[1]: names a resource a second time"));
  EXPECT_THAT(Mistakes("resources: {resource: pods}"), HasSubstr("must be a list of resources"));
  EXPECT_THAT(Mistakes("resources:\n- {resource: Pods}"),
              HasSubstr("must be a resource as kubectl prints it"));
}

}  // namespace
}  // namespace weir
