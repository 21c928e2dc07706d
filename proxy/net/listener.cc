// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/listener.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr absl::Duration kPauseWithoutDescriptors = absl::Milliseconds(100);

// Connections taken in one turn: a storm of them must not stop the streams that are there.
constexpr int kAcceptsPerTurn = 64;

bool OutOfResources(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

Listener::Listener(Dispatcher& dispatcher, Socket socket, AcceptCallback accepted,
                   std::function<void(absl::Status)> failed)
    : dispatcher_(dispatcher),
      socket_(std::move(socket)),
      accepted_(std::move(accepted)),
      failed_(std::move(failed)),
      retry_(dispatcher_.CreateTimer([this] { OnReadable(); })) {
  if (auto address = socket_.LocalAddress(); address.ok()) local_address_ = *address;
  event_ = dispatcher_.CreateFileEvent(socket_.fd(), [this](uint32_t events) {
    if ((events & FileEvent::kReadable) != 0) OnReadable();
  });
}

Listener::~Listener() = default;

void Listener::Stop() {
  retry_->Disable();
  event_.reset();
  socket_.Close();
}

// `accepted_` may call Stop().
void Listener::OnReadable() {
  for (int taken = 0; socket_.valid(); ++taken) {
    if (taken == kAcceptsPerTurn) return event_->Activate(FileEvent::kReadable);
    Socket connection(accept4(socket_.fd(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (connection.valid()) {
      connection.Prepare();
      accepted_(std::move(connection));
      continue;
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return;
    if (OutOfResources(error)) {
      retry_->Enable(kPauseWithoutDescriptors);
      failed_(
          LimitError(StrCat("cannot accept a connection on ", local_address_.ToString(), ": ",
                            Lower(std::strerror(error)), "; is the limit of open files too low?")));
      return;
    }
    // The rest are errors of the one connection that was waiting, and it is gone.
  }
}

}  // namespace weir
