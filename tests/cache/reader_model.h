// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "proxy/cache/watch_cursor.h"
#include "tests/support/fake_lister_watcher.h"

namespace weir {

// A client of one watch at a time, which does with its events what client-go does, and checks what
// a watch promises: versions that do not fall, no object that returns from the dead or goes back,
// and a view that is the API server's at every version it is told to be complete to.
class ReaderModel {
 public:
  ReaderModel(const CacheReplica& replica, const FakeResource& resource, EventView view)
      : replica_(replica), resource_(resource), view_(std::move(view)) {}

  // Watch from "0".
  void StartWithInitialEvents() {
    objects_.clear();
    last_ = ResourceVersion();
    initial_ = true;
    fresh_ = true;
    cursor_ = WatchCursor::WithInitialEvents(replica_, view_);
  }
  // A LIST that the API server itself answered, then a watch from there.
  void ListAndWatch() {
    last_ = V(resource_.version());
    objects_ = Expected(last_);
    initial_ = false;
    fresh_ = true;
    if (!Resume()) cursor_.reset();
  }
  // The connection has gone; watches from the last version seen. False: 410.
  bool Resume() {
    std::optional<WatchPosition> position = replica_.Find(last_);
    if (!position.has_value() || initial_) return false;
    cursor_ = WatchCursor::After(replica_, view_, *std::move(position), last_);
    return true;
  }
  // After a break: parts of a batch may come twice.
  void Reconnect() {
    fresh_ = false;
    if (!Resume()) ListAndWatch();
  }

  // One item; false when there is none.
  bool Step() {
    if (!cursor_.has_value()) return false;
    std::optional<WatchCursor::Item> item = cursor_->Next();
    if (!item.has_value()) {
      CheckCompleteAt(cursor_->complete_through());
      return false;
    }
    ++items_;
    Apply(*item);
    return true;
  }
  void ReadAll() {
    while (Step()) {
    }
  }

  void CheckCompleteAt(ResourceVersion version) {
    EXPECT_GE(version, last_);
    const std::map<std::string, ObjectPtr> expected = Expected(version);
    ASSERT_EQ(KeysOf(objects_), KeysOf(expected)) << "at " << version.ToString();
    for (const auto& [key, object] : expected) {
      ASSERT_EQ(objects_[key]->raw(), object->raw()) << "at " << version.ToString();
    }
  }

  bool connected() const { return cursor_.has_value(); }
  const WatchCursor& cursor() const { return *cursor_; }
  ResourceVersion last() const { return last_; }
  const std::map<std::string, ObjectPtr>& objects() const { return objects_; }
  int items() const { return items_; }
  int expired() const { return expired_; }

 private:
  static std::set<std::string> KeysOf(const std::map<std::string, ObjectPtr>& objects) {
    std::set<std::string> keys;
    for (const auto& [key, object] : objects) keys.insert(key);
    return keys;
  }
  std::map<std::string, ObjectPtr> Expected(ResourceVersion version) const {
    std::map<std::string, ObjectPtr> state;
    for (auto& [key, object] : resource_.StateAt(version)) {
      if (view_.Includes(*object)) state[key] = view_.Show(object);
    }
    return state;
  }

  void Apply(const WatchCursor::Item& item) {
    switch (item.kind) {
      case WatchCursor::Item::Kind::kEvent:
        return ApplyEvent(item);
      case WatchCursor::Item::Kind::kInitialEventsEnd:
        initial_ = false;
        last_ = item.version;
        return CheckCompleteAt(item.version);
      case WatchCursor::Item::Kind::kBookmark:
        ASSERT_GE(item.version, last_);
        last_ = item.version;
        return CheckCompleteAt(item.version);
      case WatchCursor::Item::Kind::kNotShowable:
        FAIL();
      case WatchCursor::Item::Kind::kExpired:
        ASSERT_FALSE(initial_);
        ++expired_;
        return ListAndWatch();
    }
  }

  void ApplyEvent(const WatchCursor::Item& item) {
    const Object& object = *item.object;
    const std::string key = KeyOf(object);
    ASSERT_EQ(object.version(), item.version) << "the bytes say another version";
    const auto known = objects_.find(key);
    const bool there = known != objects_.end();
    if (!initial_) {
      ASSERT_GE(item.version, last_) << "versions fall";
      last_ = item.version;
    }
    if (item.type == WatchEventType::kDeleted) {
      if (fresh_) {
        ASSERT_TRUE(there) << "a deletion of what was never there: " << key;
      }
      if (!there) return;
      ASSERT_EQ(known->second->uid(), object.uid()) << "the deletion of another";
      if (view_.everything()) dead_.insert(std::string(object.uid()));
      objects_.erase(known);
      return;
    }
    ASSERT_TRUE(view_.Includes(object));
    ASSERT_FALSE(dead_.contains(std::string(object.uid()))) << key << " returns from the dead";
    if (fresh_) {
      ASSERT_EQ(there, item.type == WatchEventType::kModified) << key;
    }
    if (there && fresh_) {
      ASSERT_EQ(known->second->uid(), object.uid()) << "a change of uid without a deletion";
      ASSERT_GT(object.version(), known->second->version());
    }
    if (item.type == WatchEventType::kModified || !initial_) {
      ResourceVersion& newest = newest_[std::string(object.uid())];
      ASSERT_GE(object.version(), newest) << "an object goes back in time";
      newest = object.version();
    }
    objects_[key] = item.object;
  }

  const CacheReplica& replica_;
  const FakeResource& resource_;
  const EventView view_;
  std::optional<WatchCursor> cursor_;
  std::map<std::string, ObjectPtr> objects_;
  std::map<std::string, ResourceVersion> newest_;  // By uid.
  std::set<std::string> dead_;                     // Uids; only of a reader of everything.
  ResourceVersion last_;
  bool initial_ = false;
  bool fresh_ = true;  // Never broke off in the middle.
  int items_ = 0;
  int expired_ = 0;
};

}  // namespace weir
