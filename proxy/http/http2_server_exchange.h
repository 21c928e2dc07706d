// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "proxy/http/http2_server.h"

namespace weir {

// One request on an HTTP/2 connection and its answer.
class Http2Server::Exchange final : public Http2Session::Stream, public ResponseWriter {
 public:
  explicit Exchange(Http2Server& server) : server_(server) { out = &body_; }

  void SendInformational(const ResponseHead& head) override;
  void SendHead(const ResponseHead& head) override;
  void SendBody(Bytes bytes) override;
  void End(HeaderList trailers) override;
  void Reset() override;
  bool writable() const override { return out->writable(); }
  size_t queued_bytes() const override { return out->size(); }
  void ConsumeBody(size_t count) override;
  Dispatcher& dispatcher() override { return server_.connection().dispatcher(); }
  std::string peer() const override { return server_.connection().peer(); }

  // The handler may be called.
  bool live() const { return handler != nullptr && !reset && !server_.abandoned(); }
  bool wants_body() const { return live() && !out->ended(); }

  RequestHead request;
  std::string cookies;  // Of the head that is being received, joined.
  RequestHandlerPtr handler;
  bool drain_told = false;
  bool started = false;  // The request's head is complete; another block holds trailers.

 private:
  std::vector<Field> EncodeHead(const ResponseHead& head);

  Http2Server& server_;
  OutgoingBody body_;
  std::string status_;  // Viewed while a head is being submitted.
  int64_t owed_ = -1;   // Bytes that the head has announced and that have not been given.
  bool head_sent_ = false;
  bool bodiless_ = false;
};

}  // namespace weir
