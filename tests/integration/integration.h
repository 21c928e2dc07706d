// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/kube/list_decoder.h"
#include "tests/support/fake_api_server.h"
#include "tests/support/test_client.h"
#include "tests/support/weir_under_test.h"

namespace weir {

// What an informer makes of a watch, and what it may expect of one: versions rise, nothing is
// added that is there, nothing changes or goes that is not.
class WatchModel {
 public:
  void Apply(const TestEvent& event) {
    ASSERT_NE(event.type, "") << event.frame;
    ASSERT_NE(event.type, "ERROR") << event.frame;
    if (event.initial_events_end) {
      EXPECT_FALSE(initial_done_) << "a second end of the initial events";
      initial_done_ = true;
      version_ = event.version;
      return;
    }
    if (initial_done_) {
      // Of a difference, several deletions may share a version.
      EXPECT_GE(event.version, version_) << event.ToString();
      version_ = std::max(version_, event.version);
    }
    if (event.type == "BOOKMARK") return;
    const std::string key = StrCat(event.namespace_name, "/", event.name);
    EXPECT_EQ(objects_.contains(key), event.type != "ADDED") << event.ToString();
    objects_.erase(key);
    if (event.type != "DELETED") objects_[key] = {event.uid, event.version};
    ++events_;
  }
  using Objects = std::map<std::string, std::pair<std::string, uint64_t>>;  // uid, version
  const Objects& objects() const { return objects_; }
  uint64_t version() const { return version_; }
  bool initial_done() const { return initial_done_; }
  size_t events() const { return events_; }

 private:
  Objects objects_;
  bool initial_done_ = false;
  uint64_t version_ = 0;
  size_t events_ = 0;
};

// Weir between a client and an API server that misbehaves. The parameter is the number of workers.
class IntegrationTest : public testing::TestWithParam<int> {
 protected:
  static constexpr std::string_view kList = "/api/v1/configmaps?resourceVersion=0";
  static constexpr std::string_view kInformer =
      "/api/v1/configmaps?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
      "&allowWatchBookmarks=true&resourceVersion=0";

  void StartWeir(WeirOptions options = {}) {
    options.workers = GetParam();
    weir_ = std::make_unique<WeirUnderTest>(server_, options);
    client_ = NewClient();
  }
  std::unique_ptr<TestClient> NewClient() {
    return std::make_unique<TestClient>(weir_->client_options());
  }
  std::unique_ptr<TestClient> NewDirectClient() {
    return std::make_unique<TestClient>(TestClientOptions{
        .host = server_.host(), .port = server_.port(), .ca_pem = server_.ca_pem()});
  }

  void Create(std::string_view name, std::string_view value = "0") {
    server_.Create("configmaps", "default", ConfigMapBody(name, {{"v", std::string(value)}}));
  }
  void Set(std::string_view name, std::string_view value) {
    server_.Patch("configmaps", "default", name, StrCat(R"({"data":{"v":")", value, "\"}}"));
  }
  void Delete(std::string_view name) { server_.Delete("configmaps", "default", name); }

  WatchModel::Objects Truth() {
    return server_.With([](FakeApiState& state) {
      WatchModel::Objects objects;
      const FakeKind& kind = *state.store.FindKind("configmaps");
      for (const FakeObjectPtr& object : state.store.ListAt(kind, state.store.version())) {
        objects[StrCat(object->namespace_name, "/", object->name)] = {object->uid, object->version};
      }
      return objects;
    });
  }

  // Waits until every cache has heard of the API server's newest version.
  void CatchUp() {
    ASSERT_TRUE(WaitFor([this] {
      server_.SendBookmarks();
      const ResourceVersion newest(server_.version());
      for (const CacheRow& row : weir_->Caches()) {
        if (row.version < newest) return false;
      }
      return true;
    }));
  }

  // Reads until the initial events have ended and the model is what the API server has.
  void Follow(TestWatch& watch, WatchModel& model) {
    const WatchModel::Objects truth = Truth();
    while (!model.initial_done() || model.objects() != truth) {
      const auto event = watch.Next();
      ASSERT_TRUE(event.has_value())
          << (watch.state() == TestWatch::State::kOpen ? "nothing more came" : "the watch ended")
          << " " << watch.failure();
      model.Apply(*event);
      if (HasFatalFailure()) return;
    }
  }

  FakeApiServer server_;
  std::unique_ptr<WeirUnderTest> weir_;
  std::unique_ptr<TestClient> client_;
};

inline std::string WorkersName(const testing::TestParamInfo<int>& info) {
  return info.param == 1 ? "OneWorker" : "ThreeWorkers";
}

}  // namespace weir
