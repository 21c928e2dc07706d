// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "tests/cache/cache_fixture.h"

namespace weir {

// A cache whose window holds four events.
class SmallWindowFixture : public CacheFixture {
 protected:
  SmallWindowFixture()
      : CacheFixture({.window_events = 4, .window_bytes = 1 << 20, .window_min_events = 1}) {}

  // A watch from `since`.
  static WatchCursor CursorAt(const CacheReplica& replica, uint64_t since,
                              EventView view = EventView()) {
    return WatchCursor::After(replica, std::move(view), replica.Find(V(since)).value(), V(since));
  }
  // So many events, five, that the window forgets what came before.
  void FloodWindow(const std::string& name = "flood") {
    for (int i = 0; i < 5; ++i) {
      resource_.Put({.name = name});
      dispatcher_.RunReady();
    }
  }
  static EventView Web() { return ViewOf({.label_selector = "app=web"}); }
};

}  // namespace weir
