// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/record/lag_history.h"
#include "proxy/server/worker.h"
#include "tests/support/fake_api_server.h"
#include "tests/support/test_client.h"

namespace weir {

// Weir with the patience of a test: everything that waits, waits briefly.
struct WeirOptions {
  int workers = 1;
  std::string token = "owner-token";  // Weir's own credential; "": clients show a token of Weir's.
  std::vector<std::string> filters = {"stale"};
  // What a filter after those takes for each event, in which the loop does nothing else. Only a
  // filter that blocks could do that to a real Weir, and none is built into it.
  absl::Duration filter_delay = absl::ZeroDuration();
  UpstreamTarget target = {};  // Host, port, CA and token are filled in.
  UpstreamOptions upstream = {};
  AuthenticatorOptions authenticator = {};
  CacherOptions cacher = {
      .retry_unavailable = absl::Milliseconds(100),
      .backoff = {.initial = absl::Milliseconds(10), .max = absl::Milliseconds(200)}};
  RouterOptions router = {.decision = {},
                          .check = {},
                          .version_timeout = absl::Milliseconds(300),
                          .bookmark_interval = absl::Milliseconds(20)};
  ServerSessionOptions session = {};
};

// The workers of a Weir in this process, on real sockets, as server/server.h runs them but
// without signals and files.
class WeirUnderTest {
 public:
  explicit WeirUnderTest(FakeApiServer& upstream, WeirOptions options = {});
  // In front of any other server: `options.target` says all of it but the token.
  explicit WeirUnderTest(WeirOptions options);
  ~WeirUnderTest();

  uint16_t port() const;
  const std::string& ca_pem() const;
  const std::string& weir_token() const;
  // What a client of this Weir connects with.
  TestClientOptions client_options() const;

  // The sum over all workers.
  double Stat(std::string_view name, const StatsLabels& labels = {}) const;
  // What a histogram has observed, of all workers and labels.
  LatencyCounts Latencies(std::string_view name) const;
  // What /lag says, since the start.
  std::vector<StageRow> Stages();
  // Each worker does nothing else for so long, from its next turn on. Does not wait for it.
  void Block(absl::Duration duration);
  // From cache, or forwarded for a reason.
  double FromCache(std::string_view verb) const;
  double Forwarded(std::string_view reason) const;
  std::vector<StreamRow> Streams();
  std::vector<CacheRow> Caches();
  // Ends every stream cleanly; false if connections are left after the deadline.
  bool Drain(absl::Duration deadline = kTestDeadline);
  // Cuts every connection and stops, as a crash does.
  void Stop();

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace weir
