// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

#include "proxy/event/dispatcher.h"
#include "proxy/net/address.h"

namespace weir {

// Turns host names into addresses without blocking the loop: getaddrinfo on one thread of its
// own. IP literals answer in the next turn without it. Thread-safe; destroyed after the
// dispatchers have stopped.
class Resolver {
 public:
  using Callback = std::function<void(absl::StatusOr<std::vector<Address>>)>;
  // Blocks; called on the resolver's thread.
  using LookUp =
      std::function<absl::StatusOr<std::vector<Address>>(const std::string& host, uint16_t port)>;
  // By the system's resolver, or else by `look_up`.
  explicit Resolver(LookUp look_up = nullptr);
  ~Resolver();
  // `done` runs on `dispatcher`'s thread. REQUIRES: called on that thread.
  [[nodiscard]] RequestHandle Resolve(Dispatcher& dispatcher, const std::string& host,
                                      uint16_t port, Callback done);

 private:
  class Worker;
  std::shared_ptr<Worker> worker_;
};

}  // namespace weir
