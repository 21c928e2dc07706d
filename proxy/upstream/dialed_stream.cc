// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/dialed_stream.h"

#include <utility>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/http/posted_call.h"
#include "proxy/net/socket.h"
#include "proxy/net/streams.h"

namespace weir {
namespace {

// A stream that has failed and may still be on the stack.
struct Discarded final : public Deferred {
  explicit Discarded(ByteStreamPtr stream) : stream_(std::move(stream)) {}
  ByteStreamPtr stream_;
};

class DialedStream final : public ByteStream {
 public:
  DialedStream(Dispatcher& dispatcher, std::shared_ptr<const DialTarget> target,
               std::shared_ptr<TlsContext> context, std::vector<Address> addresses,
               MonotonicTime deadline);

  void SetCallbacks(Callbacks callbacks) override { callbacks_ = std::move(callbacks); }
  Result Read(char* buffer, size_t size) override {
    return stream_ == nullptr ? NotConnected() : stream_->Read(buffer, size);
  }
  Result Write(std::string_view bytes) override {
    return stream_ == nullptr ? NotConnected() : stream_->Write(bytes);
  }
  void ReadAgainSoon() override {
    if (stream_ != nullptr) stream_->ReadAgainSoon();
  }
  void ShutdownWrite() override {
    if (stream_ != nullptr) stream_->ShutdownWrite();
  }
  std::string_view alpn() const override { return stream_ == nullptr ? "" : stream_->alpn(); }
  std::string peer() const override {
    return stream_ == nullptr ? HostPort(target_->host, target_->port) : stream_->peer();
  }

 private:
  // Begins with the next address that there is a socket for; false when none is left.
  bool TryNext();
  absl::Status TryAddress(const Address& address, absl::Duration timeout);
  void OnConnected(absl::Status status);
  absl::Status Failure() const;
  Result NotConnected() const;

  // Set once.
  Dispatcher& dispatcher_;
  const std::shared_ptr<const DialTarget> target_;
  const std::shared_ptr<TlsContext> context_;
  const std::vector<Address> addresses_;
  const MonotonicTime deadline_;
  Callbacks callbacks_;
  PostedCall report_;  // That not even one socket could be made.

  ByteStreamPtr stream_;  // The attempt under way, then the connection.
  size_t tried_ = 0;
  std::vector<std::string> failures_;
};

DialedStream::DialedStream(Dispatcher& dispatcher, std::shared_ptr<const DialTarget> target,
                           std::shared_ptr<TlsContext> context, std::vector<Address> addresses,
                           MonotonicTime deadline)
    : dispatcher_(dispatcher),
      target_(std::move(target)),
      context_(std::move(context)),
      addresses_(std::move(addresses)),
      deadline_(deadline),
      report_(dispatcher, [this] { callbacks_.on_connected(Failure()); }) {
  if (!TryNext()) report_.Schedule();
}

bool DialedStream::TryNext() {
  while (tried_ < addresses_.size()) {
    const absl::Duration left = deadline_ - dispatcher_.Now();
    if (left <= absl::ZeroDuration()) return false;
    const auto share = left / static_cast<int64_t>(addresses_.size() - tried_);
    const absl::Status begun = TryAddress(addresses_[tried_++], share);
    if (begun.ok()) return true;
    failures_.emplace_back(MessageOf(begun));
  }
  return false;
}

absl::Status DialedStream::TryAddress(const Address& address, absl::Duration timeout) {
  WEIR_ASSIGN_OR_RETURN(Socket socket, Socket::Connect(address));
  stream_ = context_ == nullptr ? NewTcpClientStream(dispatcher_, std::move(socket), timeout)
                                : NewTlsClientStream(dispatcher_, std::move(socket), context_,
                                                     target_->server_name, timeout);
  stream_->SetCallbacks({
      .on_connected = [this](absl::Status status) { OnConnected(std::move(status)); },
      .on_readable = [this] { callbacks_.on_readable(); },
      .on_writable = [this] { callbacks_.on_writable(); },
  });
  return absl::OkStatus();
}

void DialedStream::OnConnected(absl::Status status) {
  if (status.ok()) return callbacks_.on_connected(std::move(status));
  failures_.emplace_back(MessageOf(status));
  dispatcher_.DeferDelete(std::make_unique<Discarded>(std::move(stream_)));
  if (!TryNext()) callbacks_.on_connected(Failure());
}

absl::Status DialedStream::Failure() const {
  std::string reasons = failures_.empty() ? "there was no time left" : Join(failures_, "; then ");
  return UnavailableError(StrCat("cannot connect to the API server at ",
                                 HostPort(target_->host, target_->port), ": ", reasons));
}

ByteStream::Result DialedStream::NotConnected() const {
  Result result;
  if (tried_ < addresses_.size()) {
    result.would_block = true;
  } else {
    result.status = Failure();
  }
  return result;
}

}  // namespace

ByteStreamPtr NewDialedStream(Dispatcher& dispatcher, std::shared_ptr<const DialTarget> target,
                              std::shared_ptr<TlsContext> context, std::vector<Address> addresses,
                              MonotonicTime deadline) {
  return std::make_unique<DialedStream>(dispatcher, std::move(target), std::move(context),
                                        std::move(addresses), deadline);
}

}  // namespace weir
