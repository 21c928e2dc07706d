// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include <nghttp2/nghttp2.h>

#include "proxy/http/connection.h"
#include "proxy/http/message.h"
#include "proxy/http/outgoing_body.h"

namespace weir {

struct Http2SessionOptions {
  bool server = false;
  size_t max_header_bytes = 1 << 20;
  uint32_t stream_window = 256 << 10;
  uint32_t connection_window = 16 << 20;
  uint32_t max_concurrent_streams = 250;  // Server only.
  size_t max_control_backlog = 1 << 20;
};

// What both ends of an HTTP/2 connection have in common: nghttp2, its streams, and flow control.
//
// Receiving: the connection's window is given back as bytes come, a stream's only as its reader
// consumes them. So one slow reader never stops the others, and what a connection can have in
// flight or waiting is bounded by (open streams x stream_window). Nothing is buffered here:
// data goes to the stream's reader as it is parsed.
//
// Sending: queues hold bytes by reference; nghttp2 asks for a frame's worth when the connection
// has room for it, and they are copied once, into the connection's output buffer.
class Http2Session : public virtual Codec {
 public:
  // One exchange. Owned by the session from its first frame until the end of the round in which
  // nghttp2 has closed it.
  struct Stream {
    virtual ~Stream() = default;
    int32_t id = 0;
    OutgoingBody* out = nullptr;  // What is to be sent; null once nothing is.
    bool deferred = false;        // nghttp2 asked for `out` when it was empty.
    bool reset = false;           // RST_STREAM has been submitted here.
    bool local_ended = false;     // END_STREAM sent.
    bool remote_ended = false;    // END_STREAM received.
    // The block being received.
    HeaderList headers;
    size_t header_bytes = 0;
    bool headers_too_large = false;
  };

  Http2Session(Connection& connection, const Http2SessionOptions& options);
  ~Http2Session() override;

  void Receive(std::string_view bytes) override;
  void ReceiveEnd() override;
  bool wants_bytes() const override { return true; }
  void Fill(std::string& out, size_t limit) override;
  void Relieve() override;
  void Lost(const absl::Status& reason) override;
  void CleanUp() override { closed_streams_.clear(); }
  State state() const override { return state_; }
  size_t streams() const override { return streams_.size(); }
  uint64_t streams_begun() const override { return streams_begun_; }
  void Abandon() override { abandoned_ = true; }

 protected:
  uint64_t body_bytes() const { return body_bytes_; }  // Sent.
  using Field = nghttp2_nv;

  // --- What the two ends do differently. ---
  virtual std::unique_ptr<Stream> NewStream(int32_t id) = 0;  // Server: a request begins.
  // Pseudo-header or header of the block being received.
  virtual void OnField(Stream& stream, std::string_view name, std::string_view value) = 0;
  virtual void OnHeaders(Stream& stream) = 0;  // The block is complete.
  virtual void OnData(Stream& stream, std::string_view bytes) = 0;
  virtual void OnRemoteEnd(Stream& stream) = 0;
  virtual void OnLocalEnd(Stream& /*stream*/) {}
  // The stream is gone from nghttp2; `error` is its RST_STREAM code.
  virtual void OnStreamClosed(Stream& stream, uint32_t error) = 0;
  virtual void OnRelief(Stream& stream) = 0;
  virtual void OnLost(Stream& stream, const absl::Status& reason) = 0;
  virtual void OnControlFrame(const nghttp2_frame& /*frame*/) {}
  // A request's HEADERS could not be sent (the peer is going away).
  virtual void OnNotSent(Stream& /*stream*/) {}

  // --- For them. ---
  Stream* Find(int32_t id);
  std::vector<int32_t> StreamIds() const;
  // For destructors: streams' users may still call the session while they go.
  void DestroyStreams();
  void Adopt(std::unique_ptr<Stream> stream);
  // nghttp2 will not speak of it again, or need not be listened to.
  void Forget(Stream& stream) { CloseStream(stream.id, NGHTTP2_NO_ERROR); }
  void ResumeBody(Stream& stream);
  void ResetStream(Stream& stream, uint32_t error);
  void Consume(Stream& stream, size_t count);
  void GoAwayNow(uint32_t error);  // Nothing more is accepted; closes when the streams are done.
  void Abort();
  // For requests and answers with a body: reads Stream::out.
  static nghttp2_data_provider BodyProvider(Stream& stream);
  static Field MakeField(std::string_view name, std::string_view value);
  // Appends what HTTP/2 may carry of `headers`, not the connection's own. `headers` must live on.
  static void AppendFields(const HeaderList& headers, std::vector<Field>& out);

  nghttp2_session* session() { return session_; }
  Connection& connection() { return connection_; }
  const Http2SessionOptions& options() const { return options_; }
  bool abandoned() const { return abandoned_; }
  bool in_header_block() const { return block_stream_ != 0; }
  uint64_t protocol_errors() const { return protocol_errors_; }

 private:
  struct Callbacks;

  void SubmitSettings();
  int OnBeginHeaders(const nghttp2_frame& frame);
  int OnHeaderField(int32_t id, std::string_view name, std::string_view value);
  void OnFrame(const nghttp2_frame& frame);
  void OnFrameSent(const nghttp2_frame& frame);
  ssize_t OfferBody(Stream& stream, size_t length, uint32_t& flags);
  int TakeBody(Stream& stream, const uint8_t* frame_head, size_t length);
  void CloseStream(int32_t id, uint32_t error);
  void UpdateState();

  // Set once.
  Connection& connection_;
  const Http2SessionOptions options_;
  nghttp2_session* session_ = nullptr;

  absl::flat_hash_map<int32_t, std::unique_ptr<Stream>> streams_;
  std::vector<std::unique_ptr<Stream>> closed_streams_;  // Destroyed at the end of the round.
  std::vector<int32_t> relieved_;                        // To be told that there is room.
  Stream* last_found_ = nullptr;                         // Frames of one stream come in rows.
  int32_t block_stream_ = 0;                             // Its header block is unfinished.
  uint64_t streams_begun_ = 0;
  uint64_t body_bytes_ = 0;
  uint64_t protocol_errors_ = 0;
  State state_ = State::kOpen;
  bool going_away_ = false;  // Our GOAWAY is final.
  bool abandoned_ = false;

  // During Fill().
  std::string* out_ = nullptr;
  size_t limit_ = 0;
};

}  // namespace weir
