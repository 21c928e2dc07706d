// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "proxy/admin/admin_handler.h"

namespace weir {
namespace {

TEST(StreamRowsTest, ShowWhatAStreamIsAndHowFarItHasCome) {
  StreamRow row;
  row.id = 3;
  row.client = "127.0.0.1:40312";
  row.user_agent = "operator \"x\"";
  row.resource = "deployments.apps";
  row.namespace_name = "default";
  row.label_selector = "app=x";
  row.representation = Representation::kProtobuf;
  row.age = absl::Milliseconds(1500);
  row.events_sent = 7;
  row.sent_version = ResourceVersion(12);
  row.events_behind = 2;
  row.seconds_behind = absl::Milliseconds(250);
  row.queued_bytes = 99;
  const auto read = nlohmann::json::parse(RenderStreams({row, StreamRow{}}));
  ASSERT_EQ(read["streams"].size(), 2u);
  const auto& shown = read["streams"][0];
  EXPECT_EQ(shown["id"], 3);
  EXPECT_EQ(shown["userAgent"], "operator \"x\"");
  EXPECT_EQ(shown["resource"], "deployments.apps");
  EXPECT_EQ(shown["representation"], "protobuf");
  EXPECT_EQ(shown["ageSeconds"], 1.5);
  EXPECT_EQ(shown["sentResourceVersion"], "12");
  EXPECT_EQ(shown["eventsBehind"], 2);
  EXPECT_EQ(shown["secondsBehind"], 0.25);
  EXPECT_EQ(shown["queuedBytes"], 99);
  EXPECT_EQ(shown["served"], "cache");
  EXPECT_EQ(shown["reason"], "");
}

TEST(StreamRowsTest, SayWhyAWatchIsForwarded) {
  StreamRow row;
  row.reason = ForwardReason::kNeverCached;
  row.bytes_sent = 5;
  const auto shown = nlohmann::json::parse(RenderStreams({row}))["streams"][0];
  EXPECT_EQ(shown["served"], "forwarded");
  EXPECT_EQ(shown["reason"], "never_cached");
  EXPECT_EQ(shown["bytesSent"], 5);
  EXPECT_EQ(shown["representation"], "") << "its bytes are not read";
}

TEST(CacheRowsTest, ShowWhatACacheHolds) {
  CacheRow row;
  row.key.resource = {"apps", "v1", "deployments"};
  row.key.namespace_name = "default";
  row.state = "synced";
  row.detail = "stream-list";
  row.version = ResourceVersion(12);
  row.objects = 5;
  row.object_bytes = 1000;
  row.readers = 2;
  const auto read = nlohmann::json::parse(RenderCaches({row}));
  const auto& shown = read["caches"][0];
  EXPECT_EQ(shown["resource"], "deployments.apps");
  EXPECT_EQ(shown["state"], "synced");
  EXPECT_EQ(shown["resourceVersion"], "12");
  EXPECT_EQ(shown["objects"], 5);
  EXPECT_EQ(shown["readers"], 2);
}

TEST(ClientRowsTest, OneRowForAClientOfSeveralWorkers) {
  const ClientRow row{.user_agent = "a/1 <b>",
                      .resource = "pods",
                      .lists = 3,
                      .watches = 4,
                      .from_start = 1,
                      .forwarded = 2};
  const auto read = nlohmann::json::parse(RenderClients({row, row}))["clients"];
  EXPECT_EQ(read, nlohmann::json({{{"userAgent", "a/1 <b>"},
                                   {"resource", "pods"},
                                   {"lists", 6},
                                   {"watches", 8},
                                   {"watchesFromStart", 2},
                                   {"forwarded", 4}}}));
}

TEST(CacheRowsTest, NoneIsAnEmptyList) {
  EXPECT_TRUE(nlohmann::json::parse(RenderCaches({}))["caches"].empty());
  EXPECT_TRUE(nlohmann::json::parse(RenderStreams({}))["streams"].empty());
}

}  // namespace
}  // namespace weir
