// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "proxy/event/dispatcher.h"
#include "proxy/net/socket.h"

namespace weir {

// Accepts connections on a listening socket and hands them out. Out of descriptors: pauses for
// 100 ms and goes on (a metric's owner sees the count through `failed`).
class Listener {
 public:
  using AcceptCallback = std::function<void(Socket)>;
  // Takes a listening socket (Socket::Listen).
  Listener(Dispatcher& dispatcher, Socket socket, AcceptCallback accepted,
           std::function<void(absl::Status)> failed);
  ~Listener();
  const Address& local_address() const { return local_address_; }
  void Stop();  // Closes the socket.

 private:
  void OnReadable();

  Dispatcher& dispatcher_;
  Socket socket_;
  AcceptCallback accepted_;
  std::function<void(absl::Status)> failed_;
  Address local_address_;
  FileEventPtr event_;
  TimerPtr retry_;
};

}  // namespace weir
