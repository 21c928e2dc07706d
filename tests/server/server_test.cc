// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/server.h"

#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <sstream>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "tests/support/fake_api_server.h"
#include "tests/support/test_client.h"

namespace weir {
namespace {

using testing::HasSubstr;

constexpr std::string_view kInformer =
    "/api/v1/configmaps?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    "&allowWatchBookmarks=true&resourceVersion=0";

std::unique_ptr<FilterChain> NoFilters(const GroupVersionResource&, FilterChainStats& stats) {
  return std::make_unique<FilterChain>(std::vector<NamedFilter>(), stats);
}

// Says nothing.
int ConnectTo(uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ? fd : -1;
}

// Holds a worker's loop at the event of the object "hold" until it is let go: only a filter that
// blocks can do that to a running server, and none is built into it.
class Hold {
 public:
  NewFilters Filters() {
    return [this](const GroupVersionResource&, FilterChainStats& stats) {
      std::vector<NamedFilter> filters;
      filters.push_back({"hold", std::make_unique<Filter>(*this)});
      return std::make_unique<FilterChain>(std::move(filters), stats);
    };
  }
  void WaitUntilHeld() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return held_; });
  }
  void LetGo() {
    const std::lock_guard lock(mutex_);
    released_ = true;
    changed_.notify_all();
  }
  // Whether a worker stands still, now.
  bool held() {
    const std::lock_guard lock(mutex_);
    return held_;
  }

 private:
  class Filter : public EventFilter {
   public:
    explicit Filter(Hold& hold) : hold_(hold) {}
    absl::StatusOr<ObjectPtr> Rewrite(ObjectPtr object) override {
      if (object->name() == "hold") hold_.Wait();
      return object;
    }

   private:
    Hold& hold_;
  };
  void Wait() {
    std::unique_lock lock(mutex_);
    held_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return released_; });
    held_ = false;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool held_ = false, released_ = false;
};

// The server as `weir run` runs it, stopped by the signal that a kubelet sends.
class ServerTest : public testing::Test {
 protected:
  ServerTest() {
    SetLogLevel(std::getenv("WEIR_TEST_LOG") != nullptr ? LogLevel::kDebug : LogLevel::kOff);
    std::string pattern = testing::TempDir() + "weir-server-XXXXXX";
    root_ = mkdtemp(pattern.data());
    config_.listen = "127.0.0.1:0";
    config_.admin = "127.0.0.1:0";
    config_.client_dir = root_ + "/clients";
    config_.concurrency = 2;
  }
  ~ServerTest() override {
    if (thread_.joinable()) StopAndWait();
    std::filesystem::remove_all(root_);
    SetLogLevel(LogLevel::kInfo);
  }

  UpstreamTarget Target() {
    UpstreamTarget target;
    target.host = api_.host();
    target.port = api_.port();
    target.ca_pem = api_.ca_pem();
    target.token = "owner-token";
    return target;
  }
  void Start(UpstreamTarget target) {
    auto server = Server::Create(config_, std::move(target), "team-a", new_filters_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    thread_ = std::thread([this] { result_ = server_->Run(); });
    admin_ = std::make_unique<TestClient>(
        TestClientOptions{.port = server_->admin_address().port(), .token = ""});
    // Only a server that runs has taken the signals over.
    ASSERT_TRUE(WaitFor([this] { return admin_->Get("/livez").status == 200; }));
  }
  void StartReady() {
    Start(Target());
    ASSERT_TRUE(WaitFor([this] { return admin_->Get("/readyz").status == 200; }));
  }
  // A client as the client directory makes one.
  std::unique_ptr<TestClient> NewClient() {
    return std::make_unique<TestClient>(TestClientOptions{.port = server_->listen_address().port(),
                                                          .ca_pem = Read("ca.crt"),
                                                          .token = Read("token")});
  }
  void StopAndWait() {
    kill(getpid(), SIGTERM);
    thread_.join();
  }
  std::string Read(const std::string& name) {
    std::ifstream file(config_.client_dir + "/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }

  FakeApiServer api_;
  std::string root_;
  Config config_;
  NewFilters new_filters_ = NoFilters;
  std::unique_ptr<Server> server_;
  std::unique_ptr<TestClient> admin_;
  std::thread thread_;
  absl::Status result_ = UnavailableError("has not run");
};

TEST_F(ServerTest, ServesClientsOfItsClientDirectory) {
  api_.Create("configmaps", "default", ConfigMapBody("a"));
  StartReady();
  EXPECT_EQ(Read("namespace"), "team-a");
  EXPECT_EQ(Read("token"), "owner-token");
  EXPECT_THAT(Read("kubeconfig"),
              HasSubstr(StrCat("https://127.0.0.1:", server_->listen_address().port())));
  const auto client = NewClient();
  const auto watch = client->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  EXPECT_EQ(client->Get("/version").status, 200);
}

TEST_F(ServerTest, TermDrainsAndEnds) {
  api_.Create("configmaps", "default", ConfigMapBody("a"));
  StartReady();
  const auto client = NewClient();
  const auto watch = client->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  StopAndWait();
  EXPECT_TRUE(result_.ok()) << result_;
  EXPECT_EQ(watch->WaitForEnd(), TestWatch::State::kEnded);
}

TEST_F(ServerTest, DrainDoesNotWaitForEver) {
  config_.drain_timeout = absl::Milliseconds(100);
  StartReady();
  api_.Inject({.match = {.verb = "get", .resource = "configmaps"},
               .times = -1,
               .kind = FakeFault::Kind::kSilence});
  const auto client = NewClient();
  const auto stuck = client->Watch("/api/v1/namespaces/default/configmaps/a");
  ASSERT_TRUE(
      WaitFor([this] { return api_.Count({.verb = "get", .resource = "configmaps"}) > 0; }));
  StopAndWait();
  EXPECT_TRUE(result_.ok()) << result_;
  EXPECT_EQ(stuck->WaitForEnd(), TestWatch::State::kFailed);
}

TEST_F(ServerTest, SecondSignalEndsAtOnce) {
  config_.drain_timeout = absl::Minutes(10);
  StartReady();
  api_.Inject({.match = {.verb = "get", .resource = "configmaps"},
               .times = -1,
               .kind = FakeFault::Kind::kSilence});
  const auto client = NewClient();
  const auto stuck = client->Watch("/api/v1/namespaces/default/configmaps/a");
  ASSERT_TRUE(
      WaitFor([this] { return api_.Count({.verb = "get", .resource = "configmaps"}) > 0; }));
  kill(getpid(), SIGTERM);
  // Draining: no longer ready.
  ASSERT_TRUE(WaitFor([this] { return admin_->Get("/readyz").status == 503; }));
  StopAndWait();
  EXPECT_TRUE(result_.ok()) << result_;
}

TEST_F(ServerTest, AdminPagesShowWhatIsGoingOn) {
  api_.Create("configmaps", "default", ConfigMapBody("a", {{"password", "hunter2"}}));
  StartReady();
  const auto client = NewClient();
  const auto watch = client->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  const std::string streams = admin_->Get("/streams").body;
  EXPECT_THAT(streams, HasSubstr(R"("resource": "configmaps")"));
  EXPECT_THAT(streams, HasSubstr("test-client/1.0"));
  const std::string caches = admin_->Get("/caches").body;
  EXPECT_THAT(caches, HasSubstr(R"("state": "synced")"));
  api_.Create("configmaps", "default", ConfigMapBody("b", {{"password", "hunter2"}}));
  std::string changes;
  EXPECT_TRUE(WaitFor([&] {
    changes = admin_->Get("/changes?resource=configmaps&limit=5").body;
    return changes.find(R"("name": "b")") != std::string::npos;
  })) << changes;
  EXPECT_EQ(admin_->Get("/changes?color=red").status, 400);
  const std::string metrics = admin_->Get("/metrics").body;
  EXPECT_THAT(metrics, HasSubstr("weir_downstream_watch_streams 1"));
  const std::string config = admin_->Get("/config").body;
  EXPECT_THAT(config, HasSubstr("concurrency: 2"));
  for (const std::string& page : {streams, caches, changes, metrics, config}) {
    EXPECT_THAT(page, testing::Not(HasSubstr("hunter2")));
    EXPECT_THAT(page, testing::Not(HasSubstr("owner-token")));
  }
}

// What is compared is who comes first, not how long it takes: the worker stands still until the
// last answer is there.
TEST_F(ServerTest, AdminPagesAnswerWhileAWorkerStandsStill) {
  Hold hold;
  const auto let_go = absl::MakeCleanup([&] {
    hold.LetGo();
    StopAndWait();
  });
  new_filters_ = hold.Filters();
  config_.concurrency = 1;
  StartReady();
  const auto client = NewClient();
  const auto watch = client->Watch(kInformer);
  EXPECT_EQ(watch->UntilInitialEnd().size(), 1u);
  api_.Create("configmaps", "default", ConfigMapBody("hold"));
  hold.WaitUntilHeld();

  std::vector<std::pair<std::string, std::unique_ptr<TestWatch>>> asked;
  for (const char* page : {"/streams", "/caches", "/clients", "/changes"}) {
    asked.emplace_back(page, admin_->Watch(page));
  }
  for (const char* page : {"/livez", "/readyz", "/metrics", "/lag", "/objects/stuck", "/"}) {
    EXPECT_EQ(admin_->Get(page).status, 200) << page;
  }
  for (const auto& [page, answer] : asked) {
    EXPECT_EQ(answer->status(), 503) << page;
    EXPECT_EQ(answer->WaitForEnd(), TestWatch::State::kEnded);
    EXPECT_THAT(answer->Body(), HasSubstr("no answer within 5s from worker 0: its loop is busy"))
        << page;
  }
  EXPECT_TRUE(hold.held()) << "all of that while it stood still";

  hold.LetGo();
  const TestResponse streams = admin_->Get("/streams");
  EXPECT_EQ(streams.status, 200);
  EXPECT_THAT(streams.body, HasSubstr("test-client/1.0"));
  EXPECT_EQ(watch->Next()->name, "hold");
}

TEST_F(ServerTest, IsNotReadyBeforeTheApiServerHasAnswered) {
  api_.Stop();
  Start(Target());
  const TestResponse ready = admin_->Get("/readyz");
  EXPECT_EQ(ready.status, 503);
  EXPECT_THAT(ready.body, HasSubstr("[-]api-server-reached"));
  EXPECT_THAT(ready.body, HasSubstr("[+]listening"));
  api_.Start();
  EXPECT_TRUE(WaitFor([this] { return admin_->Get("/readyz").status == 200; }));
}

TEST_F(ServerTest, MakesATokenWhereThereIsOnlyACertificate) {
  api_.With([](FakeApiState& state) { state.without_token = FakeUser{.username = "admin"}; });
  UpstreamTarget target = Target();
  target.token = "";
  Start(target);
  ASSERT_TRUE(WaitFor([this] { return admin_->Get("/readyz").status == 200; }));
  EXPECT_EQ(Read("token").size(), 64u);
  EXPECT_EQ(NewClient()->Get("/api/v1/configmaps").status, 200);
}

TEST_F(ServerTest, TokenOfAFileIsHandedToTheClients) {
  const std::string file = root_ + "/token";
  std::ofstream(file) << "owner-token";
  UpstreamTarget target = Target();
  target.token = "";
  target.token_file = file;
  Start(target);
  EXPECT_EQ(Read("token"), "owner-token");
}

TEST_F(ServerTest, ConnectionsBeyondTheLimitAreRefused) {
  config_.downstream.max_connections = 1;
  StartReady();
  const auto first = NewClient();
  EXPECT_EQ(first->Get("/version").status, 200);
  EXPECT_FALSE(NewClient()->Get("/version").failure.ok());
  EXPECT_EQ(first->Get("/version").status, 200);
}

TEST_F(ServerTest, TheAdminPortHasRoomForWhoComesNow) {
  StartReady();
  std::vector<int> held;
  for (int i = 0; i < 300; ++i) {
    held.push_back(ConnectTo(server_->admin_address().port()));
    ASSERT_GE(held.back(), 0);
  }
  const auto shows = [this](std::string_view text) {
    return admin_->Get("/metrics").body.find(text) != std::string::npos;
  };
  EXPECT_TRUE(WaitFor([&] { return shows("weir_server_admin_evictions_total 4"); }));
  EXPECT_TRUE(WaitFor([&] { return shows("open_connections{listener=\"admin\"} 256\n"); }));
  const auto ended = [](int fd) {
    char byte = 0;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
  };
  EXPECT_TRUE(WaitFor([&] { return ended(held.front()); })) << "the oldest has gone";
  EXPECT_FALSE(ended(held.back())) << "the newest has not";
  for (const int fd : held) close(fd);
  EXPECT_TRUE(WaitFor([&] { return shows("open_connections{listener=\"admin\"} 1\n"); }));
}

TEST_F(ServerTest, AddressThatIsTakenIsNamed) {
  StartReady();
  Config second = config_;
  second.listen = server_->listen_address().ToString();
  const auto server = Server::Create(second, Target(), "x", NoFilters);
  EXPECT_THAT(std::string(MessageOf(server.status())),
              testing::AllOf(HasSubstr("--listen"), HasSubstr(second.listen)));
}

}  // namespace
}  // namespace weir
