// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <list>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "absl/time/time.h"

#include "proxy/event/dispatcher.h"
#include "proxy/http/message.h"
#include "tests/support/fake_store.h"

namespace weir {

struct FakeUser {
  std::string username = {};
  std::string uid = {};
  std::vector<std::string> groups = {"system:authenticated"};
};

// A request of a fault or a count: "" is any. `user_agent` is a prefix.
struct FakeRequestMatch {
  std::string verb = {};
  std::string resource = {};  // Plural.
  std::string user_agent = {};

  bool Matches(std::string_view verb, std::string_view resource, std::string_view agent) const;
};

// What happens to the next requests that match instead of an answer, or before it.
struct FakeFault {
  FakeRequestMatch match = {};
  int times = 1;  // Then it is over; -1: until ClearFaults().
  enum class Kind {
    kStatus,      // `status` as a Status, with Retry-After if it says so.
    kTextStatus,  // Its code and message as text/plain, as a proxy or priority-and-fairness does.
    kCut,         // The connection breaks.
    kReset,       // The stream is reset.
    kSilence,     // No answer ever.
    kDelay,       // The answer comes after `delay`.
    kBody,        // 200 with `body` as JSON.
    kHalfBody,    // The answer's body breaks off in the middle; the connection goes.
  } kind = Kind::kStatus;
  FakeStatus status = {};
  std::string body = {};
  absl::Duration delay = absl::ZeroDuration();
};

class FakeWatch;

// What the requests of a fake API server share. On its dispatcher's thread only.
struct FakeApiState {
  using RequestCounts = std::map<std::tuple<std::string, std::string, std::string>, uint64_t>;

  explicit FakeApiState(Dispatcher& d) : dispatcher(d) {}

  // What the watch cache has: the store's version, or less while the server lags.
  uint64_t served_version() const;
  // Takes the first fault that matches, once.
  std::optional<FakeFault> TakeFault(std::string_view verb, std::string_view resource,
                                     std::string_view agent);
  // nullopt: 401.
  std::optional<FakeUser> Authenticate(std::string_view authorization) const;
  // As an API server warns of a deprecated version, whatever is asked of it.
  void AddWarnings(const std::string& resource, HeaderList& headers) const;
  bool Allowed(const FakeUser& user, std::string_view verb, std::string_view resource) const;

  Dispatcher& dispatcher;
  FakeStore store;
  std::map<std::string, FakeUser> users;  // By token.
  std::optional<FakeUser> without_token;  // Who a request without Authorization is.
  std::set<std::tuple<std::string, std::string, std::string>> denied;  // User, verb, resource.
  std::list<FakeFault> faults;
  std::map<std::string, std::vector<std::string>> warnings;  // By resource.
  RequestCounts counts;                                      // By verb, resource and user agent.
  bool stream_list = true;
  std::optional<uint64_t> lag;
  bool watches_paused = false;
  bool end_watches_on_drain = true;
  absl::Duration too_large_wait = absl::Milliseconds(100);  // 3 s in a real one.
  std::set<FakeWatch*> watches;
};

}  // namespace weir
