// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>

#include "proxy/cache/event_view.h"
#include "proxy/cache/watch_window.h"

namespace weir {

// What leads a reader that has seen all of `before` to the newest Revision of `window`: at most
// one event per object, or two where its uid is another. In version order, but for deletions whose
// version is no longer known: those come first, with the version of `before`. Where the window
// still has the last event by which an object left the view, its deletion stands at that version: a
// reader that breaks off before is told of it by whoever it resumes at, and one that breaks off
// behind never sees the object return. The events are to be Shown: what they hold
// is what was cached, no copies.
std::deque<EventView::Event> WatchDifference(const EventView& view, const Revision& before,
                                             const WatchWindow& window);

}  // namespace weir
