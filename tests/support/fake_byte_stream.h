// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "proxy/event/dispatcher.h"
#include "proxy/net/byte_stream.h"

namespace weir {

struct FakeByteStreamOptions {
  size_t capacity = 64 * 1024;  // What each direction holds before Write would block.
  size_t max_chunk = SIZE_MAX;  // One Read or Write moves no more than this.
  std::string alpn = "h2";
  absl::Status connect_result = absl::OkStatus();  // What both ends get as on_connected.
};

// One end of a connection in memory that behaves as a socket does: bounded, edge-triggered,
// half-closable. What happens at one end is reported at the other in the next turn of the
// dispatcher. Destroying an end is a close: the other reads what is in the pipe and then the
// end, and its writes fail.
class FakeByteStream final : public ByteStream {
 public:
  using Pair = std::pair<std::unique_ptr<FakeByteStream>, std::unique_ptr<FakeByteStream>>;
  static Pair Connect(Dispatcher& dispatcher, const FakeByteStreamOptions& options = {});
  ~FakeByteStream() override;

  // For tests. The connection breaks: what is in the pipes is lost, both ends get `status`.
  void Break(absl::Status status);
  // For tests without a session at this end: all there is to read, without callbacks.
  std::string ReadAll();
  // REQUIRES: there is room for `bytes`.
  void WriteAll(std::string_view bytes);
  // The peer has closed its side and everything it sent has been read.
  bool at_end() const;
  // The other end was destroyed.
  bool peer_closed() const;
  // Written by this end, not yet read by the other.
  size_t in_flight() const;
  // How much more this end may write: shrink to 0 to block it, grow to let it go on.
  void set_capacity(size_t capacity);

  void SetCallbacks(Callbacks callbacks) override;
  Result Read(char* buffer, size_t size) override;
  Result Write(std::string_view bytes) override;
  void ReadAgainSoon() override;
  void ShutdownWrite() override;
  std::string_view alpn() const override;
  std::string peer() const override { return peer_; }

 private:
  struct Pipe;

  FakeByteStream(Dispatcher& dispatcher, const FakeByteStreamOptions& options, std::string peer,
                 std::shared_ptr<Pipe> in, std::shared_ptr<Pipe> out);
  void Soon(bool readable, bool writable);
  void OnSoon();
  bool NotYetConnected(Result& result) const;

  // Set once.
  const FakeByteStreamOptions options_;
  const std::string peer_;
  const std::shared_ptr<Pipe> in_;
  const std::shared_ptr<Pipe> out_;
  const TimerPtr soon_;
  Callbacks callbacks_;

  bool has_callbacks_ = false;
  bool connected_ = false;
  bool failed_ = false;
  bool readable_soon_ = false;
  bool writable_soon_ = false;
};

}  // namespace weir
