// SPDX-License-Identifier: Apache-2.0
//
// The configuration files in deploy/ are read by people before they are read by Weir: they must
// be right, and weir.yaml must show every key with its default.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/registry.h"
#include "proxy/base/file.h"
#include "proxy/base/status.h"
#include "proxy/server/config.h"
#include "proxy/server/yaml_document.h"

namespace weir {
namespace {

// Tests run in the root of the repository.
const std::filesystem::path kDeploy = "deploy";

// Every "weir*.yaml" in deploy/ is a configuration; manifests have other names.
std::vector<std::string> Examples() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kDeploy)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("weir") && name.ends_with(".yaml")) paths.push_back(entry.path().string());
  }
  return paths;
}

absl::Status AskRegistry(std::string_view name, const StringMap<std::string>& params) {
  return CreateFilter(name, params).status();
}

TEST(ConfigExamplesTest, EveryExampleIsAConfiguration) {
  EXPECT_FALSE(Examples().empty());
  for (const std::string& path : Examples()) {
    const auto config = LoadConfig(path, AskRegistry);
    EXPECT_TRUE(config.ok()) << config.status().ToString();
  }
}

void AddPaths(const YamlNode& node, const std::string& prefix, std::vector<std::string>& paths) {
  for (const YamlNode::Member& member : node.members) {
    paths.push_back(prefix + member.key);
    AddPaths(member.value, paths.back() + ".", paths);
  }
  for (const YamlNode& item : node.items) AddPaths(item, prefix, paths);
}

// weir.yaml with its keys that are commented out ("#context: dev") put in.
std::string WholeExample() {
  const std::string text = ReadSmallFile((kDeploy / "weir.yaml").string(), 1 << 20).value();
  std::string whole;
  for (const std::string_view line : Split(text, '\n')) {
    const size_t hash = line.find_first_not_of(' ');
    const bool commented_key = hash != std::string_view::npos && line[hash] == '#' &&
                               hash + 1 < line.size() && line[hash + 1] != ' ';
    StrAppend(whole, line.substr(0, commented_key ? hash : line.size()),
              commented_key ? line.substr(hash + 1) : "", "\n");
  }
  return whole;
}

TEST(ConfigExamplesTest, TheExampleShowsEveryKey) {
  const auto root = ParseYaml("weir.yaml", WholeExample());
  ASSERT_TRUE(root.ok()) << root.status().ToString();
  std::vector<std::string> paths;
  AddPaths(*root, "", paths);
  for (const std::string& key : ConfigKeys()) {
    EXPECT_THAT(paths, testing::Contains(key));
  }
}

TEST(ConfigExamplesTest, TheExampleWithEveryKeyIsAConfiguration) {
  const auto config = ParseConfig("weir.yaml", WholeExample(), AskRegistry);
  EXPECT_TRUE(config.ok()) << config.status().ToString();
}

TEST(ConfigExamplesTest, TheExampleShowsTheDefaults) {
  const Config shown = LoadConfig((kDeploy / "weir.yaml").string()).value();
  const Config defaults;
  EXPECT_EQ(shown.listen, defaults.listen);
  EXPECT_EQ(shown.admin, defaults.admin);
  EXPECT_EQ(shown.client_dir, defaults.client_dir);
  EXPECT_EQ(shown.concurrency, defaults.concurrency);
  EXPECT_EQ(shown.drain_timeout, defaults.drain_timeout);
  EXPECT_EQ(shown.log_level, defaults.log_level);
  EXPECT_EQ(shown.cache.idle_timeout, defaults.cache.idle_timeout);
  EXPECT_EQ(shown.cache.sync_timeout, defaults.cache.sync_timeout);
  EXPECT_EQ(shown.cache.window_events, defaults.cache.window_events);
  EXPECT_EQ(shown.cache.window_bytes, defaults.cache.window_bytes);
  EXPECT_EQ(shown.cache.byte_budget, defaults.cache.byte_budget);
  EXPECT_EQ(shown.cache.secrets, defaults.cache.secrets);
  EXPECT_EQ(shown.cache.initial_sync, defaults.cache.initial_sync);
  EXPECT_EQ(shown.cache.consistent_reads, defaults.cache.consistent_reads);
  EXPECT_EQ(shown.cache.coalesce, defaults.cache.coalesce);
  EXPECT_EQ(shown.cache.exclude, defaults.cache.exclude);
  EXPECT_EQ(shown.downstream.max_header_bytes, defaults.downstream.max_header_bytes);
  EXPECT_EQ(shown.downstream.header_timeout, defaults.downstream.header_timeout);
  EXPECT_EQ(shown.downstream.handshake_timeout, defaults.downstream.handshake_timeout);
  EXPECT_EQ(shown.downstream.idle_timeout, defaults.downstream.idle_timeout);
  EXPECT_EQ(shown.downstream.max_concurrent_streams, defaults.downstream.max_concurrent_streams);
  EXPECT_EQ(shown.downstream.max_connections, defaults.downstream.max_connections);
  EXPECT_EQ(shown.upstream.connect_timeout, defaults.upstream.connect_timeout);
  EXPECT_EQ(shown.upstream.ping_after, defaults.upstream.ping_after);
  EXPECT_EQ(shown.upstream.ping_timeout, defaults.upstream.ping_timeout);
  EXPECT_EQ(shown.upstream.max_event_bytes, defaults.upstream.max_event_bytes);
}

}  // namespace
}  // namespace weir
