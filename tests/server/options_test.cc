// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir {
namespace {

// Every value other than its default.
constexpr char kEveryKey[] = R"(
listen: "127.0.0.1:1"
admin: "127.0.0.1:2"
clientDir: "a \"b\""
kubeconfig: /k
context: c
concurrency: 3
drainTimeout: 4s
logLevel: debug
cache:
  idleTimeout: 5s
  syncTimeout: 6s
  windowEvents: 7
  windowBytes: 8Mi
  byteBudget: 9Mi
  pinnedBytes: 3Mi
  secrets: true
  initialSync: verified
  consistentReads: relaxed
  coalesce: false
  exclude: [pods, deployments.apps]
resources:
- resource: foos.example.com
  initialSync: forward
  consistentReads: verified
  coalesce: true
- resource: pods
downstream:
  maxHeaderBytes: 10Ki
  headerTimeout: 11s
  handshakeTimeout: 12s
  idleTimeout: 13s
  maxConcurrentStreams: 14
  maxConnections: 15
upstream:
  connectTimeout: 16s
  pingAfter: 17s
  pingTimeout: 18s
  maxEventBytes: 19Mi
filters:
- name: stale
  config: {"x y": "1"}
)";

TEST(OptionsTest, ConfigurationWrittenOutReadsTheSame) {
  for (const char* text : {"", kEveryKey}) {
    const auto config = ParseConfig("f", text);
    ASSERT_TRUE(config.ok()) << config.status().ToString();
    const std::string written = ConfigYaml(*config);
    const auto again = ParseConfig("written", written);
    ASSERT_TRUE(again.ok()) << again.status().ToString() << "\n" << written;
    EXPECT_EQ(ConfigYaml(*again), written);
  }
  EXPECT_THAT(ConfigYaml(*ParseConfig("f", kEveryKey)),
              testing::AllOf(testing::HasSubstr("exclude: [\"pods\", \"deployments.apps\"]"),
                             testing::HasSubstr("handshakeTimeout: 12s"),
                             testing::HasSubstr("\"x y\": \"1\"")));
}

TEST(OptionsTest, EachLayerGetsWhatIsConfiguredForIt) {
  const Config config = *ParseConfig("f", kEveryKey);
  EXPECT_EQ(CacherOptionsOf(config).idle_timeout, absl::Seconds(5));
  EXPECT_EQ(CacherOptionsOf(config).window_events, 7u);
  EXPECT_EQ(CacherOptionsOf(config).window_bytes, 8u << 20);
  EXPECT_EQ(RouterOptionsOf(config).sync_timeout, absl::Seconds(6));
  EXPECT_EQ(RouterOptionsOf(config).pinned_bytes_budget, 3U << 20);
  EXPECT_TRUE(RouterOptionsOf(config).decision.cache_secrets);
  EXPECT_TRUE(RouterOptionsOf(config).decision.never_cached.contains("deployments.apps"));
  const DecisionOptions decision = RouterOptionsOf(config).decision;
  const ResourcePolicy pods = decision.PolicyOf({"", "v1", "pods"});
  EXPECT_EQ(pods.initial_sync, Freshness::kVerified);
  EXPECT_EQ(pods.consistent_reads, Freshness::kRelaxed);
  EXPECT_FALSE(pods.coalesce);
  const ResourcePolicy foos = decision.PolicyOf({"example.com", "v1", "foos"});
  EXPECT_EQ(foos.initial_sync, Freshness::kForward);
  EXPECT_EQ(foos.consistent_reads, Freshness::kVerified);
  EXPECT_TRUE(foos.coalesce);
  EXPECT_FALSE(decision.PolicyOf({"", "v1", "nodes"}).coalesce);
  EXPECT_EQ(SessionOptionsOf(config).max_header_bytes, 10u << 10);
  EXPECT_EQ(SessionOptionsOf(config).header_timeout, absl::Seconds(11));
  EXPECT_EQ(SessionOptionsOf(config).idle_timeout, absl::Seconds(13));
  EXPECT_EQ(SessionOptionsOf(config).max_concurrent_streams, 14u);
  EXPECT_EQ(UpstreamOptionsOf(config).pool.connect_timeout, absl::Seconds(16));
  EXPECT_EQ(UpstreamOptionsOf(config).pool.ping_after, absl::Seconds(17));
  EXPECT_EQ(UpstreamOptionsOf(config).pool.ping_timeout, absl::Seconds(18));
  EXPECT_EQ(UpstreamOptionsOf(config).max_event_bytes, 19u << 20);
}

}  // namespace
}  // namespace weir
