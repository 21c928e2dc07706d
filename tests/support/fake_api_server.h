// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "proxy/net/address.h"
#include "tests/support/fake_api_server_state.h"

namespace weir {

struct FakeApiServerOptions {
  std::string listen = "127.0.0.1:0";
  std::vector<std::string> alpn = {"h2", "http/1.1"};
  std::vector<std::string> certificate_names = {"127.0.0.1", "localhost"};
};

// An API server in memory: objects, one version counter and their history behind LIST, WATCH
// (with stream-list and bookmarks), writes and reviews, over TLS on a loopback port, with every
// misbehaviour a real one is known for. It runs on a thread of its own; the methods here may be
// called from any other and return when they have taken effect.
class FakeApiServer {
 public:
  // Listens at once. Knows the token "owner-token" of user "owner" and "other-token" of "other".
  explicit FakeApiServer(FakeApiServerOptions options = {});
  ~FakeApiServer();

  std::string host() const { return address_.ip(); }
  uint16_t port() const { return address_.port(); }
  const std::string& ca_pem() const;

  // Runs `work` on the server's thread.
  template <typename Work>
  auto With(Work work) -> std::invoke_result_t<Work, FakeApiState&>;

  // Objects, by plural name of their kind. They must succeed.
  FakeObjectPtr Create(std::string_view plural, std::string_view namespace_name,
                       std::string_view body);
  FakeObjectPtr Patch(std::string_view plural, std::string_view namespace_name,
                      std::string_view name, std::string_view patch);
  FakeObjectPtr Delete(std::string_view plural, std::string_view namespace_name,
                       std::string_view name);
  uint64_t version();

  uint64_t Count(FakeRequestMatch match);
  void ClearCounts();
  size_t OpenWatches(FakeRequestMatch match = {});  // By resource.
  size_t Connections();

  void Inject(FakeFault fault);
  void ClearFaults();
  void Deny(std::string_view user, std::string_view verb, std::string_view resource);
  void AllowAll();
  void SendBookmarks();
  // Every watch: a clean end, a reset stream, an inline 410, any bytes.
  void EndWatches();
  void ResetWatches();
  void ExpireWatches();
  void FailWatches(const FakeStatus& status);
  void SendRawToWatches(std::string_view bytes);
  // History up to now is gone.
  void Compact();
  void CutConnections();
  // GOAWAY on every connection; watches go on or end cleanly.
  void GoAway(bool end_watches);
  // Nobody is listening and every connection is cut; then again, at the same port.
  void Stop();
  void Start();

 private:
  class Core;
  FakeApiState& state();
  void Run(std::function<void()> work);

  Address address_;
  std::unique_ptr<Core> core_;
};

template <typename Work>
auto FakeApiServer::With(Work work) -> std::invoke_result_t<Work, FakeApiState&> {
  // Shared: the server's thread may still be leaving set_value() when get() has returned.
  auto result = std::make_shared<std::promise<std::invoke_result_t<Work, FakeApiState&>>>();
  Run([&work, &state = state(), result] {
    if constexpr (std::is_void_v<std::invoke_result_t<Work, FakeApiState&>>) {
      work(state);
      result->set_value();
    } else {
      result->set_value(work(state));
    }
  });
  return result->get_future().get();
}

}  // namespace weir
