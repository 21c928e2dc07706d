// SPDX-License-Identifier: Apache-2.0
//
// What always holds of watches, whatever is written: order, completeness, and agreement with lists.
#include <map>
#include <set>

#include "tests/conformance/contract.h"

namespace weir {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

TEST_P(WatchContractTest, EveryWatchGetsTheSameSequence) {
  Create("default", "a");
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  std::vector<std::unique_ptr<TestClient>> clients;
  std::vector<std::unique_ptr<TestWatch>> watches;
  for (int i = 0; i < 8; ++i) {
    clients.push_back(NewClient());
    watches.push_back(clients.back()->Watch(Url("watch=1&" + query), Accepting()));
    EXPECT_EQ(watches.back()->status(), 200);
  }
  uint64_t last = 0;
  for (int i = 0; i < 50; ++i) {
    last = i % 5 == 4 ? Delete("default", StrCat("x", i - 1)) : Create("default", StrCat("x", i));
  }
  const std::string frames = Frames(WatchDirectly(query)->UntilVersion(last));
  for (const auto& watch : watches) EXPECT_EQ(Frames(watch->UntilVersion(last)), frames);
}

TEST_P(WatchContractTest, FoldingTheEventsGivesTheList) {
  std::set<std::string> names;
  for (int i = 0; i < 5; ++i) {
    names.insert(StrCat("o", i));
    Create("default", StrCat("o", i));
  }
  Warm("resourceVersion=0", "default");
  const TestResponse before = List("resourceVersion=0", "default");
  const auto watch = Watch(StrCat("resourceVersion=", Decode(before).version), "default");
  std::map<std::string, uint64_t> state;
  for (const ObjectPtr& item : Decode(before).items) {
    state[std::string(item->name())] = ParseUint64(item->version().ToString()).value();
  }
  uint32_t random = 12345;
  uint64_t last = 0;
  for (int i = 0; i < 200; ++i) {
    random = random * 1664525 + 1013904223;
    const std::string name = StrCat("o", random >> 16 & 15);
    if (names.insert(name).second) {
      last = Create("default", name);
    } else if ((random >> 24) % 3 == 0) {
      last = Delete("default", name);
      names.erase(name);
    } else {
      last = Set("default", name, StrCat(i));
    }
  }
  uint64_t seen = 0;
  for (const TestEvent& event : watch->UntilVersion(last)) {
    EXPECT_GT(event.version, seen);
    seen = event.version;
    EXPECT_EQ(state.contains(event.name), event.type != "ADDED") << event.ToString();
    state.erase(event.name);
    if (event.type != "DELETED") state[event.name] = event.version;
  }
  std::map<std::string, uint64_t> want;
  for (const ObjectPtr& item : Decode(direct_->Get(Path("default"), Accepting())).items) {
    want[std::string(item->name())] = ParseUint64(item->version().ToString()).value();
  }
  EXPECT_EQ(state, want);
}

TEST_P(WatchContractTest, WatchContinuesAList) {
  Create("default", "a");
  for (int round = 0; round < 3; ++round) {
    const TestResponse list = List("resourceVersion=0");
    ASSERT_EQ(list.status, 200);
    const size_t listed = Keys(list).size();
    const uint64_t last = Create("default", StrCat("b", round));
    const auto watch = Watch(StrCat("resourceVersion=", Decode(list).version));
    // The list may be older than the newest object, never newer.
    EXPECT_EQ(listed + watch->UntilVersion(last).size(), static_cast<size_t>(round) + 2);
  }
}

TEST_P(WatchContractTest, VersionsOfAWatchRise) {
  Create("default", "a");
  Create("other", "b");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  uint64_t last = 0;
  for (int i = 0; i < 20; ++i) {
    last = i % 2 == 0 ? Set("default", "a", StrCat("x", i)) : Set("other", "b", StrCat("x", i));
  }
  uint64_t seen = 0;
  for (const TestEvent& event : watch->UntilVersion(last)) {
    EXPECT_GT(event.version, seen);
    seen = event.version;
  }
  EXPECT_EQ(seen, last);
}

TEST_P(WatchContractTest, WriteThatChangesNothingIsNoEvent) {
  Create("default", "a");
  const uint64_t set = Set("default", "a", "same");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  EXPECT_EQ(Set("default", "a", "same"), set);
  const uint64_t last = Create("default", "b");
  EXPECT_THAT(Strings(watch->UntilVersion(last)), ElementsAre(StrCat("ADDED default/b@", last)));
}

TEST_P(WatchContractTest, EveryWriteIsAnEventOfItsOwn) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  std::vector<std::string> want;
  for (int i = 0; i < 30; ++i) {
    want.push_back(StrCat("MODIFIED default/a@", Set("default", "a", StrCat("x", i))));
  }
  for (const std::string& event : want) EXPECT_EQ(watch->Next()->ToString(), event);
}

TEST_P(WatchContractTest, ListAfterAnEventHasIt) {
  Create("default", "a");
  Warm();
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  for (int i = 0; i < 5; ++i) {
    Create("default", StrCat("b", i));
    const auto event = watch->Next();
    ASSERT_TRUE(event.has_value());
    const TestResponse list = List(StrCat("resourceVersion=", event->version));
    EXPECT_THAT(Keys(list), testing::Contains(StrCat("default/b", i)));
    EXPECT_GE(Decode(list).version, event->version);
  }
}

TEST_P(WatchContractTest, ListsNeverGoBack) {
  Create("default", "a");
  Warm();
  uint64_t seen = 0;
  for (int i = 0; i < 20; ++i) {
    Set("default", "a", StrCat("x", i));
    const TestResponse list = List(StrCat("resourceVersion=", seen));
    ASSERT_EQ(list.status, 200);
    EXPECT_GE(Decode(list).version, seen);
    seen = Decode(list).version;
  }
}

TEST_P(WatchContractTest, ListIsNotBelowItsObjects) {
  for (const char* name : {"a", "b", "c"}) Create("default", name);
  Warm();
  for (const char* query : {"resourceVersion=0", "", "limit=2"}) {
    SCOPED_TRACE(query);
    const Decoded list = Decode(List(query));
    for (const ObjectPtr& item : list.items) {
      EXPECT_LE(ParseUint64(item->version().ToString()).value(), list.version);
    }
  }
}

TEST_P(WatchContractTest, ListAndStreamListAgree) {
  for (const char* name : {"c", "a", "b"}) Create("default", name, {{"app", name}});
  Create("other", "a");
  Warm();
  const TestResponse list = List("resourceVersion=0");
  std::vector<std::string> streamed;
  for (const TestEvent& event :
       WithoutBookmarks(Watch(StrCat(kStreamList, "&resourceVersion=0"))->UntilInitialEnd())) {
    streamed.push_back(StrCat(event.namespace_name, "/", event.name));
  }
  EXPECT_EQ(streamed, Keys(list));
}

TEST_P(WatchContractTest, WatchesOfPartsAddUpToTheWhole) {
  Create("default", "a");
  Warm();
  const std::string query = StrCat("resourceVersion=", server_.version());
  uint64_t last = 0;
  std::vector<uint64_t> want;
  for (int i = 0; i < 10; ++i) {
    last = Create(i % 2 == 0 ? "default" : "other", StrCat("b", i));
    want.push_back(last);
  }
  std::set<uint64_t> parts;
  for (const char* name : {"default", "other"}) {
    const auto watch = Watch(query, name);
    for (int i = 0; i < 5; ++i) parts.insert(watch->Next()->version);
  }
  EXPECT_EQ(std::vector<uint64_t>(parts.begin(), parts.end()), want);
  EXPECT_THAT(Watch(query)->UntilVersion(last), SizeIs(10));
}

TEST_P(WatchContractTest, DeletedIsOnlyWhatWasThere) {
  Create("default", "a");
  Warm();
  std::set<std::string> there = {"a"};
  const auto watch = Watch(StrCat("resourceVersion=", server_.version()));
  ASSERT_EQ(watch->status(), 200);
  uint64_t last = 0;
  for (int i = 0; i < 10; ++i) {
    Create("default", "b");
    last = Delete("default", "b");
  }
  for (const TestEvent& event : watch->UntilVersion(last)) {
    if (event.type == "ADDED") {
      EXPECT_TRUE(there.insert(event.name).second);
    } else if (event.type == "DELETED") {
      EXPECT_EQ(there.erase(event.name), 1u);
    }
  }
  EXPECT_THAT(there, ElementsAre("a"));
}

}  // namespace
}  // namespace weir
