// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/net/streams.h"
#include "tests/support/test_client.h"
#include "tests/support/test_loop.h"

namespace weir {

// A connection whose bytes the test writes and reads itself; TLS if there is a CA.
class RawConnection {
 public:
  RawConnection(uint16_t port, const std::string& ca_pem, const std::vector<std::string>& alpn)
      : loop_(TestLoop::Shared()) {
    loop_->Run([&] {
      const Address address = Address::FromIp("127.0.0.1", port).value();
      Socket socket = Socket::Connect(address).value();
      if (ca_pem.empty()) {
        stream_ = NewTcpClientStream(loop_->dispatcher(), std::move(socket), kTestDeadline);
      } else {
        stream_ = NewTlsClientStream(
            loop_->dispatcher(), std::move(socket),
            TlsContext::NewClient({.ca_pem = ca_pem, .ca_source = "test", .alpn = alpn}).value(),
            "127.0.0.1", kTestDeadline);
      }
      stream_->SetCallbacks({.on_connected = [this](absl::Status s) { OnConnected(s); },
                             .on_readable = [this] { Read(); },
                             .on_writable = [this] { Flush(); }});
    });
  }
  ~RawConnection() {
    loop_->Run([this] { stream_.reset(); });
  }

  void Write(std::string_view bytes) {
    loop_->Run([&] {
      unsent_.append(bytes);
      if (connected_) Flush();
    });
  }
  // What comes until the other side closes, or nothing comes any more.
  std::string ReadToEnd() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(kTestDeadline), [this] { return ended_; });
    return received_;
  }
  std::string ReadUntil(std::string_view text) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, absl::ToChronoMilliseconds(kTestDeadline),
                      [&] { return ended_ || received_.find(text) != std::string::npos; });
    return received_;
  }

 private:
  void OnConnected(const absl::Status& status) {
    if (!status.ok()) return End();
    connected_ = true;
    Flush();
  }
  void Flush() {
    while (!unsent_.empty()) {
      const ByteStream::Result written = stream_->Write(unsent_);
      unsent_.erase(0, written.bytes);
      if (!written.status.ok()) return unsent_.clear();
      if (written.would_block) return;
    }
  }
  void Read() {
    char buffer[16 << 10];
    while (true) {
      const ByteStream::Result read = stream_->Read(buffer, sizeof(buffer));
      {
        const std::lock_guard lock(mutex_);
        received_.append(buffer, read.bytes);
        changed_.notify_all();
      }
      if (read.end || !read.status.ok()) return End();
      if (read.would_block) return;
    }
  }
  void End() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  const std::shared_ptr<TestLoop> loop_;
  // On the loop's thread.
  ByteStreamPtr stream_;
  std::string unsent_;
  bool connected_ = false;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::string received_;  // Guarded by mutex_, as is ended_.
  bool ended_ = false;
};

}  // namespace weir
