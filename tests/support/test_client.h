// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "proxy/http/message.h"
#include "proxy/kube/media_type.h"
#include "tests/support/test_loop.h"

namespace weir {

// How long a test waits for what must come. Far more than it takes, also under sanitizers.
inline constexpr absl::Duration kTestDeadline = absl::Seconds(30);

using TestHeaders = std::vector<std::pair<std::string, std::string>>;

struct TestEvent;

struct TestClientOptions {
  std::string host = "127.0.0.1";
  uint16_t port = 0;
  std::string ca_pem = {};  // "": plain HTTP.
  std::string token = "owner-token";
  std::string user_agent = "test-client/1.0";
  std::vector<std::string> alpn = {"h2", "http/1.1"};
  uint32_t stream_window = 1 << 20;
  bool paused = false;  // Every answer is, from its first byte on: see TestWatch::Pause().
  // Events that watches do not show: of objects that are not the test's.
  std::function<bool(const TestEvent&)> hides = nullptr;
};

struct TestResponse {
  absl::Status failure = absl::OkStatus();  // Not OK: no whole answer came.
  int status = 0;
  HeaderList headers = {};
  std::string body = {};
};

// One event of a watch.
struct TestEvent {
  std::string type;   // "ADDED", ...; "" for what cannot be decoded.
  std::string frame;  // Its bytes.
  std::string namespace_name, name, uid;
  uint64_t version = 0;
  bool initial_events_end = false;
  int error_code = 0;
  std::string error_reason;

  // "ADDED default/a@1001", "BOOKMARK @1002", "BOOKMARK @1002 end", "ERROR 410 Expired".
  std::string ToString() const;
};

// A watch as a client sees it. Destroying it aborts the request.
class TestWatch {
 public:
  enum class State { kOpen, kEnded, kFailed };

  ~TestWatch();
  // Waits for the head. 0: none came.
  int status();
  std::string Header(std::string_view name);
  // The next event; nullopt when the stream is over or nothing came in time.
  std::optional<TestEvent> Next(absl::Duration wait = kTestDeadline);
  // Events up to the first bookmark that ends the initial ones, that one included.
  std::vector<TestEvent> UntilInitialEnd();
  // Events up to one with at least this version, that one included.
  std::vector<TestEvent> UntilVersion(uint64_t version);
  // Waits until it is over; what came before stays to be read.
  State WaitForEnd(absl::Duration wait = kTestDeadline);
  State state();
  absl::Status failure();
  // Takes no more from the connection than its windows hold.
  void Pause();
  void Resume();
  size_t bytes_received();
  // Of an upgrade: bytes into the tunnel, and no more of them.
  void SendBody(std::string_view bytes);
  void EndBody();
  // The whole body so far, if it is not a watch.
  std::string Body();

 private:
  friend class TestClient;
  class Exchange;
  TestWatch(std::unique_ptr<Exchange> exchange, std::function<bool(const TestEvent&)> hides);
  std::unique_ptr<Exchange> exchange_;
  const std::function<bool(const TestEvent&)> hides_;
};

// An HTTP client of tests: asks and waits. One per caller identity; all share a thread that does
// the work.
class TestClient {
 public:
  explicit TestClient(TestClientOptions options);
  ~TestClient();

  TestResponse Get(std::string_view target, const TestHeaders& headers = {});
  TestResponse Send(std::string_view method, std::string_view target, std::string_view body = {},
                    const TestHeaders& headers = {});
  std::unique_ptr<TestWatch> Watch(std::string_view target, const TestHeaders& headers = {});
  // As Watch, but with any method and a body, or an upgrade.
  std::unique_ptr<TestWatch> Open(RequestHead head, std::string_view body = {});
  RequestHead HeadOf(std::string_view method, std::string_view target, const TestHeaders& headers);

 private:
  class Pool;
  const TestClientOptions options_;
  std::shared_ptr<TestLoop> loop_;
  std::shared_ptr<Pool> pool_;  // Watches keep it, too.
};

// Protobuf where the kind has it.
inline constexpr std::string_view kProtobufAccept = "application/vnd.kubernetes.protobuf";
TestHeaders Accept(Representation representation);

}  // namespace weir
