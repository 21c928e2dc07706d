// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <nghttp2/nghttp2.h>
#include <openssl/ssl.h>

#include "tests/bench/bare_content.h"

namespace weir::bench {

struct BareCounters {
  uint64_t requests = 0;
  uint64_t posts = 0;
  uint64_t body_bytes = 0;
};

// One connection of the bare server: what OpenSSL and nghttp2 cost and nothing else. Frames are
// put straight into one buffer (one copy of each byte) that goes out in large writes, and a new
// one is only filled when all of the last is out.
class BareConnection {
 public:
  using Clock = std::chrono::steady_clock;

  // Takes the socket, which does not block.
  BareConnection(int fd, SSL_CTX* tls, const BareContent& content, BareCounters& counters);
  ~BareConnection();
  BareConnection(const BareConnection&) = delete;
  BareConnection& operator=(const BareConnection&) = delete;

  // The socket may have become readable or writable (edge-triggered). False: it is over.
  bool OnReady();
  // Ends the watches whose time is up. False: it is over.
  bool EndWatches(Clock::time_point now);

 private:
  struct Request {
    std::string method;
    std::string target;
    BareAnswer answer;
    size_t offset = 0;
    bool over = false;  // Nothing follows what is answered.
    Clock::time_point ends_at = Clock::time_point::max();
  };

  static nghttp2_session_callbacks* Callbacks();
  static int OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                      size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                      void* self);
  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self);
  static int OnStreamClosed(nghttp2_session*, int32_t id, uint32_t, void* self);
  static ssize_t OnSend(nghttp2_session*, const uint8_t* data, size_t size, int, void* self);
  static ssize_t OnRead(nghttp2_session*, int32_t, uint8_t*, size_t size, uint32_t* flags,
                        nghttp2_data_source* source, void*);
  static int OnSendData(nghttp2_session*, nghttp2_frame*, const uint8_t* header, size_t size,
                        nghttp2_data_source* source, void* self);

  bool Handshake();
  void StartSession();
  void Respond(int32_t id, Request& request);
  bool Receive();
  bool Send();
  bool Flush();

  // Set once.
  const int fd_;
  const BareContent& content_;
  BareCounters& counters_;
  SSL* const ssl_;
  nghttp2_session* session_ = nullptr;

  std::unordered_map<int32_t, std::unique_ptr<Request>> requests_;
  std::vector<uint8_t> out_;
  size_t sent_ = 0;  // Of out_.
};

}  // namespace weir::bench
