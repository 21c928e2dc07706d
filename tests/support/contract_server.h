// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "proxy/upstream/upstream.h"
#include "tests/support/fake_api_server.h"
#include "tests/support/test_client.h"

namespace weir {

// Who asks. Owner and other may do everything, nobody may do nothing.
enum class ContractUser { kOwner, kOwnerAgain, kOther, kNobody };  // The second: another token.

// The API server that a contract case is about: the fake one, in this process, or a real one. What
// a case has written is in the server's watch cache when the call returns, so that a list at
// version "0" has it.
class ContractServer {
 public:
  // A kubeconfig with a context for each user, "owner", "owner-again", "other" and "nobody"; from
  // WEIR_CONFORMANCE_KUBECONFIG. "": there is no real server.
  static std::string RealKubeconfig();

  explicit ContractServer(bool real);
  ~ContractServer();

  bool real() const { return fake_ == nullptr; }
  // REQUIRES: !real().
  FakeApiServer& fake() { return *fake_; }

  UpstreamTarget target(ContractUser user = ContractUser::kOwner) const;
  TestClientOptions client_options(ContractUser user = ContractUser::kOwner) const;

  // Objects, by plural name; their versions. They must succeed.
  uint64_t Create(std::string_view plural, std::string_view namespace_name, std::string_view body);
  uint64_t Patch(std::string_view plural, std::string_view namespace_name, std::string_view name,
                 std::string_view patch);
  // Of an object with finalizers, the version of its being marked.
  uint64_t Delete(std::string_view plural, std::string_view namespace_name, std::string_view name);
  // The newest version of anything.
  uint64_t version();
  // Has the fake send its bookmarks; a real server sends one a minute.
  void SendBookmarks();
  // Makes a namespace, where that matters.
  void NeedNamespace(std::string_view name);

  // What a cluster has of its own, and what a case's fixture has made for itself.
  static bool Hides(std::string_view namespace_name, std::string_view name);
  static constexpr char kMarker[] = "weir-contract-marker";

 private:
  TestResponse Send(std::string_view method, std::string_view target, std::string_view body = {},
                    std::string_view type = "application/json");
  void WaitForCache(std::string_view plural, uint64_t version);
  void RemoveObjects();
  void RemoveObjects(std::string_view plural, const std::string& list_body);

  std::unique_ptr<FakeApiServer> fake_;  // nullptr: real.
  std::map<ContractUser, UpstreamTarget> targets_;
  std::unique_ptr<TestClient> client_;  // Of a real server.
};

// "/api/v1/namespaces/ns/configmaps"; without a namespace of all of them.
std::string ContractPath(std::string_view plural, std::string_view namespace_name = {});
// The body with the kind and apiVersion that a real server wants to see.
std::string WithKind(std::string_view plural, std::string_view body);
// metadata.resourceVersion of a JSON answer; 0 without.
uint64_t VersionOf(const TestResponse& response);

}  // namespace weir
