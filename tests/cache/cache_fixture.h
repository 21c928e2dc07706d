// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "filters/registry.h"
#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/cache/cacher_map.h"
#include "tests/cache/reader_model.h"
#include "tests/cache/view_of.h"
#include "tests/support/fake_lister_watcher.h"
#include "tests/support/manual_dispatcher.h"

namespace weir {

inline CacheKey ConfigMaps(Representation representation = Representation::kJson) {
  return {.resource = {.group = "", .version = "v1", .resource = "configmaps"},
          .namespace_name = "",
          .label_selector = "",
          .field_selector = "",
          .representation = representation};
}

// With the filters every Cacher has.
inline std::unique_ptr<FilterChain> UsualFilters(FilterChainStats& stats) {
  std::vector<NamedFilter> filters;
  filters.push_back({"stale", CreateFilter("stale", {}).value()});
  return std::make_unique<FilterChain>(std::move(filters), stats);
}

// One worker with a CacherMap whose source is a FakeResource.
class CacheFixture : public testing::Test {
 protected:
  explicit CacheFixture(CacherOptions options = {}) {
    SetLogLevel(LogLevel::kOff);
    options.backoff.jitter = 0;
    map_ = std::make_unique<CacherMap>(CacherMap::Environment{
        .dispatcher = dispatcher_,
        .registry = registry_,
        .new_source =
            [this](const CacheKey& key) {
              return std::make_unique<FakeListerWatcher>(dispatcher_, resource_, key);
            },
        .new_filters = [this](const GroupVersionResource&) { return UsualFilters(filter_stats_); },
        .options = options});
  }
  ~CacheFixture() override { SetLogLevel(LogLevel::kInfo); }

  // Synced, and kept by a subscription.
  CacheReplica& Replica(const CacheKey& key = ConfigMaps()) {
    CacheReplica* const replica = map_->Get(key);
    subscriptions_.push_back(replica->Subscribe({.on_change = [this] { ++changes_; }}));
    dispatcher_.RunReady();
    return *replica;
  }
  static std::map<std::string, std::string> StateOf(const CacheReplica& replica) {
    std::map<std::string, std::string> state;
    replica.newest()->objects.Scan({}, false, [&state](const ObjectPtr& object) {
      state[KeyOf(*object)] = object->raw();
      return true;
    });
    return state;
  }
  // What a watcher of everything is sent from now on.
  static WatchCursor CursorNow(const CacheReplica& replica) {
    const RevisionPtr newest = replica.newest();
    return WatchCursor::After(replica, EventView(), {newest, newest->events.size()},
                              newest->version);
  }
  static std::vector<std::string> ReadAll(WatchCursor& cursor) {
    std::vector<std::string> read;
    while (const auto item = cursor.Next()) {
      if (item->kind == WatchCursor::Item::Kind::kEvent) {
        read.push_back(StrCat(WatchEventTypeName(item->type), " ", item->object->name(), "@",
                              item->version.ToString()));
      } else if (item->kind == WatchCursor::Item::Kind::kExpired) {
        read.push_back("EXPIRED");
        break;
      } else {
        read.push_back(StrCat(item->kind == WatchCursor::Item::Kind::kBookmark ? "BOOKMARK" : "END",
                              "@", item->version.ToString()));
      }
    }
    return read;
  }
  double Stat(std::string_view name) const { return registry_.Sum(StrCat("weir_cache_", name)); }

  StatsRegistry registry_;
  FilterChainStats filter_stats_{registry_};
  ManualDispatcher dispatcher_;
  FakeResource resource_;
  std::unique_ptr<CacherMap> map_;
  std::vector<RequestHandle> subscriptions_;
  int changes_ = 0;
};

}  // namespace weir
