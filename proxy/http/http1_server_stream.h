// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "proxy/http/http1_server.h"

namespace weir {

// One request of an HTTP/1 connection and its answer.
class Http1Server::Stream final : public ResponseWriter {
 public:
  Stream(Http1Server& server, const Http1RequestHead& request);

  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head) override;
  void SendBody(Bytes bytes) override;
  void End(HeaderList trailers) override;
  void Reset() override;
  bool writable() const override { return out.writable(); }
  size_t queued_bytes() const override { return out.size(); }
  void ConsumeBody(size_t count) override;
  Dispatcher& dispatcher() override { return server_.context_.connection.dispatcher(); }
  std::string peer() const override { return server_.context_.connection.peer(); }

  // The handler may be called.
  bool live() const { return handler != nullptr && !reset && !server_.abandoned_; }
  // More request body may be given to the handler.
  bool wants_body() const { return live() && (tunnel || !out.ended()); }
  bool window_full() const;

  RequestHandlerPtr handler;
  OutgoingBody out;
  Http1BodyWriter body_writer;
  std::string head_text;  // Heads not yet in the output buffer.
  size_t unconsumed = 0;  // Request bytes that the handler is not done with.
  bool head_sent = false;
  bool reset = false;  // By either side: nothing more goes either way.
  bool tunnel = false;
  bool request_done = false;
  bool keep_alive;
  const bool waits_for_tunnel;  // An upgrade: what follows the head belongs to nobody yet.

 private:
  bool ReusableAfter(const ResponseHead& head) const;

  Http1Server& server_;
  const std::string upgrade_;
  const bool to_head_;
  const bool http10_;
  const bool expects_continue_;
  bool continue_sent_ = false;
};

}  // namespace weir
