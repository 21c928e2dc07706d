// SPDX-License-Identifier: Apache-2.0
//
// The fields that proxy/admin/README.md names are those that the pages have.
#include <fstream>
#include <set>
#include <string>

#include <nlohmann/json.hpp>

#include "proxy/admin/admin_handler.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using Names = std::set<std::string>;

void CollectNames(const nlohmann::json& json, Names& names) {
  for (const auto& [name, value] : json.items()) {
    if (json.is_object()) names.insert(name);
    if (value.is_structured()) CollectNames(value, names);
  }
}

Names Shown(const std::string& page) {
  Names names;
  CollectNames(nlohmann::json::parse(page), names);
  return names;
}

// What stands in backquotes in the first column of the table below a page's heading.
Names Documented(const std::string& path) {
  std::ifstream file("proxy/admin/README.md");
  EXPECT_TRUE(file.good()) << "tests run in the project's own folder";
  Names names;
  bool here = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("#")) here = line == StrCat("### `", path, "`");
    if (!here || !line.starts_with("| `")) continue;
    const std::string field = line.substr(0, line.find('|', 1));
    for (size_t at = field.find('`'); at != std::string::npos; at = field.find('`', at)) {
      const size_t end = field.find('`', at + 1);
      names.insert(field.substr(at + 1, end - at - 1));
      at = end + 1;
    }
  }
  return names;
}

TEST(DocumentedFieldsTest, Streams) {
  EXPECT_EQ(Documented("/streams"), Shown(RenderStreams({StreamRow{}})));
}

TEST(DocumentedFieldsTest, Caches) {
  EXPECT_EQ(Documented("/caches"), Shown(RenderCaches({CacheRow{}})));
}

TEST(DocumentedFieldsTest, Clients) {
  EXPECT_EQ(Documented("/clients"),
            Shown(RenderClients({ClientRow{.user_agent = "a", .resource = "pods"}})));
}

TEST(DocumentedFieldsTest, Lag) {
  const StageRow row{.resource = "pods", .stage = Stage::kDispatch, .all = {}, .recent = {}};
  const StageSeries series{.resource = "pods", .stage = Stage::kDispatch, .points = {{}}};
  EXPECT_EQ(Documented("/lag"), Shown(RenderLag({row}, {series})));
}

TEST(DocumentedFieldsTest, Objects) {
  EXPECT_EQ(Documented("/objects/stuck"), Shown(RenderStuck({StuckObject{}}, absl::Seconds(10))));
  EXPECT_EQ(Documented("/objects/busy"), Shown(RenderBusy({BusyObject{}})));
}

TEST(DocumentedFieldsTest, Changes) {
  ChangeRow row;
  row.changed = ChangedPaths{.paths = {"spec"}, .more = true};
  row.filter = "stale";
  row.decision = "withheld";
  EXPECT_EQ(Documented("/changes"), Shown(RenderChanges({row})));
}

TEST(DocumentedFieldsTest, Profiles) {
  EXPECT_EQ(Documented("/profiles"),
            Shown(RenderProfiles({std::make_shared<Profile>()}, absl::UnixEpoch())));
}

}  // namespace
}  // namespace weir
