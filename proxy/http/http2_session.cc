// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_session.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr size_t kFrameHeadBytes = 9;
// What an unsent control frame costs, roughly.
constexpr size_t kControlFrameBytes = 64;
// A peer may cancel this many requests at once, and this many a second for ever (client-go
// cancels watches by RST_STREAM); one that does nothing else is a flood.
constexpr uint64_t kResetBurst = 2000;
constexpr uint64_t kResetRate = 100;
// A header block this much over the limit is an attack on the decoder.
constexpr size_t kHeaderBombFactor = 4;

std::string_view View(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

// nghttp2 calls these; each finds its session and passes on.
struct Http2Session::Callbacks {
  static Http2Session& Of(void* user) { return *static_cast<Http2Session*>(user); }

  static int BeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    return Of(user).OnBeginHeaders(*frame);
  }
  // NOLINTNEXTLINE(readability-function-size): nghttp2's signature.
  static int Header(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                    size_t name_size, const uint8_t* value, size_t value_size, uint8_t /*flags*/,
                    void* user) {
    return Of(user).OnHeaderField(frame->hd.stream_id, View(name, name_size),
                                  View(value, value_size));
  }
  static int FrameReceived(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Of(user).OnFrame(*frame);
    return 0;
  }
  static int FrameSent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
    Of(user).OnFrameSent(*frame);
    return 0;
  }
  static int FrameNotSent(nghttp2_session*, const nghttp2_frame* frame, int /*error*/, void* user) {
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    Http2Session& self = Of(user);
    Stream* stream = self.Find(frame->hd.stream_id);
    if (stream == nullptr) return 0;
    self.OnNotSent(*stream);
    self.CloseStream(frame->hd.stream_id, NGHTTP2_REFUSED_STREAM);
    return 0;
  }
  static int InvalidFrame(nghttp2_session*, const nghttp2_frame* /*frame*/, int /*error*/,
                          void* user) {
    ++Of(user).protocol_errors_;
    return 0;
  }
  static int Data(nghttp2_session* session, uint8_t /*flags*/, int32_t id, const uint8_t* data,
                  size_t size, void* user) {
    Http2Session& self = Of(user);
    nghttp2_session_consume_connection(session, size);
    Stream* stream = self.Find(id);
    if (stream == nullptr || stream->reset) {
      nghttp2_session_consume_stream(session, id, size);
    } else {
      self.OnData(*stream, View(data, size));
    }
    return 0;
  }
  static int StreamClosed(nghttp2_session*, int32_t id, uint32_t error, void* user) {
    Of(user).CloseStream(id, error);
    return 0;
  }
  // NOLINTNEXTLINE(readability-function-size): nghttp2's signature.
  static ssize_t ReadBody(nghttp2_session*, int32_t /*id*/, uint8_t* /*buffer*/, size_t length,
                          uint32_t* flags, nghttp2_data_source* source, void* user) {
    return Of(user).OfferBody(*static_cast<Stream*>(source->ptr), length, *flags);
  }
  static int SendBody(nghttp2_session*, nghttp2_frame* /*frame*/, const uint8_t* head,
                      size_t length, nghttp2_data_source* source, void* user) {
    return Of(user).TakeBody(*static_cast<Stream*>(source->ptr), head, length);
  }

  static nghttp2_session_callbacks* New() {
    nghttp2_session_callbacks* all = nullptr;
    WEIR_CHECK(nghttp2_session_callbacks_new(&all) == 0);
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, BeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(all, Header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, FrameReceived);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, FrameSent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(all, FrameNotSent);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, InvalidFrame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, Data);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, StreamClosed);
    nghttp2_session_callbacks_set_send_data_callback(all, SendBody);
    return all;
  }
};

Http2Session::Http2Session(Connection& connection, const Http2SessionOptions& options)
    : connection_(connection), options_(options) {
  nghttp2_session_callbacks* callbacks = Callbacks::New();
  nghttp2_option* option = nullptr;
  WEIR_CHECK(nghttp2_option_new(&option) == 0);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  nghttp2_option_set_max_send_header_block_length(option, 2 * options.max_header_bytes);
  nghttp2_option_set_max_continuations(option, options.max_header_bytes / 16384 + 8);
  // Go's client and server send such values and take them; a proxy that does not ends the stream.
  nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation(option, 1);
  nghttp2_option_set_stream_reset_rate_limit(option, kResetBurst, kResetRate);
  const auto make = options.server ? nghttp2_session_server_new2 : nghttp2_session_client_new2;
  WEIR_CHECK(make(&session_, callbacks, this, option) == 0);
  nghttp2_option_del(option);
  nghttp2_session_callbacks_del(callbacks);
  SubmitSettings();
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

void Http2Session::SubmitSettings() {
  const nghttp2_settings_entry entries[] = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, options_.stream_window},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<uint32_t>(options_.max_header_bytes)},
      options_.server ? nghttp2_settings_entry{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS,
                                               options_.max_concurrent_streams}
                      : nghttp2_settings_entry{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
  };
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, entries, std::size(entries));
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0,
                                        static_cast<int32_t>(options_.connection_window));
}

Http2Session::Stream* Http2Session::Find(int32_t id) {
  if (last_found_ != nullptr && last_found_->id == id) return last_found_;
  const auto it = streams_.find(id);
  if (it == streams_.end()) return nullptr;
  return last_found_ = it->second.get();
}

std::vector<int32_t> Http2Session::StreamIds() const {
  std::vector<int32_t> ids;
  ids.reserve(streams_.size());
  for (const auto& [id, stream] : streams_) ids.push_back(id);
  return ids;
}

void Http2Session::DestroyStreams() {
  last_found_ = nullptr;
  const auto streams = std::exchange(streams_, {});
  closed_streams_.clear();
}

void Http2Session::Adopt(std::unique_ptr<Stream> stream) {
  const int32_t id = stream->id;
  ++streams_begun_;
  streams_.emplace(id, std::move(stream));
}

void Http2Session::Receive(std::string_view bytes) {
  if (state_ == State::kAborted) return;
  const ssize_t taken = nghttp2_session_mem_recv(
      session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  const size_t backlog = nghttp2_session_get_outbound_queue_size(session_) * kControlFrameBytes;
  if (taken < 0 || backlog > options_.max_control_backlog) {
    ++protocol_errors_;
    return Abort();
  }
  UpdateState();
}

// Neither side of an HTTP/2 connection has a use for half of it.
void Http2Session::ReceiveEnd() { Abort(); }

void Http2Session::UpdateState() {
  if (state_ != State::kOpen) return;
  const bool nghttp2_done =
      nghttp2_session_want_read(session_) == 0 && nghttp2_session_want_write(session_) == 0;
  if (nghttp2_done || (going_away_ && streams_.empty())) state_ = State::kClosing;
}

void Http2Session::Abort() {
  state_ = State::kAborted;
  connection_.FlushSoon();
}

void Http2Session::GoAwayNow(uint32_t error) {
  if (std::exchange(going_away_, true)) return;
  nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE,
                        nghttp2_session_get_last_proc_stream_id(session_), error, nullptr, 0);
  UpdateState();
  connection_.FlushSoon();
}

int Http2Session::OnBeginHeaders(const nghttp2_frame& frame) {
  if (frame.hd.type != NGHTTP2_HEADERS) return 0;
  const int32_t id = frame.hd.stream_id;
  if (frame.headers.cat == NGHTTP2_HCAT_REQUEST) Adopt(NewStream(id));
  Stream* stream = Find(id);
  if (stream == nullptr) return 0;
  stream->headers = {};
  stream->header_bytes = 0;
  block_stream_ = id;
  return 0;
}

int Http2Session::OnHeaderField(int32_t id, std::string_view name, std::string_view value) {
  Stream* stream = Find(id);
  if (stream == nullptr || stream->reset) return 0;
  stream->header_bytes += name.size() + value.size() + 32;
  if (stream->header_bytes > kHeaderBombFactor * options_.max_header_bytes) {
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  if (stream->header_bytes > options_.max_header_bytes) {
    stream->headers_too_large = true;
    stream->headers = {};
  } else {
    OnField(*stream, name, value);
  }
  return 0;
}

void Http2Session::OnFrame(const nghttp2_frame& frame) {
  const bool headers = frame.hd.type == NGHTTP2_HEADERS;
  if (!headers && frame.hd.type != NGHTTP2_DATA) return OnControlFrame(frame);
  if (headers) block_stream_ = 0;
  Stream* stream = Find(frame.hd.stream_id);
  if (stream == nullptr || stream->reset) return;
  stream->remote_ended = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
  if (headers) OnHeaders(*stream);
  if (stream->remote_ended && !stream->reset) OnRemoteEnd(*stream);
}

void Http2Session::OnFrameSent(const nghttp2_frame& frame) {
  const bool message = frame.hd.type == NGHTTP2_HEADERS || frame.hd.type == NGHTTP2_DATA;
  if (!message || (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return;
  Stream* stream = Find(frame.hd.stream_id);
  if (stream == nullptr) return;
  stream->local_ended = true;
  OnLocalEnd(*stream);
}

void Http2Session::CloseStream(int32_t id, uint32_t error) {
  if (block_stream_ == id) block_stream_ = 0;
  auto node = streams_.extract(id);
  if (node.empty()) return;
  last_found_ = nullptr;
  Stream& stream = *node.mapped();
  closed_streams_.push_back(std::move(node.mapped()));
  OnStreamClosed(stream, error);
  UpdateState();
}

void Http2Session::ResetStream(Stream& stream, uint32_t error) {
  if (std::exchange(stream.reset, true)) return;
  if (stream.out != nullptr) stream.out->Clear();
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, stream.id, error);
  connection_.FlushSoon();
}

void Http2Session::Consume(Stream& stream, size_t count) {
  nghttp2_session_consume_stream(session_, stream.id, count);
  if (nghttp2_session_want_write(session_) != 0) connection_.FlushSoon();
}

void Http2Session::ResumeBody(Stream& stream) {
  if (std::exchange(stream.deferred, false)) nghttp2_session_resume_data(session_, stream.id);
  connection_.FlushSoon();
}

nghttp2_data_provider Http2Session::BodyProvider(Stream& stream) {
  nghttp2_data_provider provider = {};
  provider.source.ptr = &stream;
  provider.read_callback = Callbacks::ReadBody;
  return provider;
}

// nghttp2 asks how much of the body goes into the next frame.
ssize_t Http2Session::OfferBody(Stream& stream, size_t length, uint32_t& flags) {
  if (stream.reset || stream.out == nullptr || (stream.out->empty() && !stream.out->ended())) {
    stream.deferred = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  const OutgoingBody& body = *stream.out;
  const size_t count = std::min(length, body.size());
  flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (body.ended() && count == body.size()) {
    flags |= NGHTTP2_DATA_FLAG_EOF;
    std::vector<Field> fields;
    AppendFields(body.trailers(), fields);
    if (!fields.empty() &&
        nghttp2_submit_trailer(session_, stream.id, fields.data(), fields.size()) == 0) {
      flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    }
  }
  return static_cast<ssize_t>(count);
}

// The frame that was just offered.
int Http2Session::TakeBody(Stream& stream, const uint8_t* frame_head, size_t length) {
  if (stream.out == nullptr || stream.out->size() < length) {
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  out_->append(View(frame_head, kFrameHeadBytes));
  const bool full = !stream.out->writable();
  stream.out->MoveTo(*out_, length);
  body_bytes_ += length;
  if (full) relieved_.push_back(stream.id);
  return out_->size() < limit_ ? 0 : NGHTTP2_ERR_PAUSE;
}

void Http2Session::Fill(std::string& out, size_t limit) {
  if (state_ == State::kAborted) return;
  out_ = &out;
  limit_ = limit;
  while (out.size() < limit) {
    const uint8_t* data = nullptr;
    const ssize_t size = nghttp2_session_mem_send(session_, &data);
    if (size < 0) state_ = State::kAborted;
    if (size <= 0) break;
    out.append(View(data, static_cast<size_t>(size)));
  }
  out_ = nullptr;
  UpdateState();
}

void Http2Session::Relieve() {
  for (const int32_t id : std::exchange(relieved_, {})) {
    Stream* stream = Find(id);
    if (stream == nullptr || stream->reset || stream->out == nullptr) continue;
    if (stream->out->TakeRelief()) OnRelief(*stream);
  }
}

void Http2Session::Lost(const absl::Status& reason) {
  state_ = State::kAborted;
  last_found_ = nullptr;
  for (auto& [id, stream] : std::exchange(streams_, {})) {
    closed_streams_.push_back(std::move(stream));
    OnLost(*closed_streams_.back(), reason);
  }
}

Http2Session::Field Http2Session::MakeField(std::string_view name, std::string_view value) {
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<uint8_t*>(const_cast<char*>(text.data()));
  };
  return {bytes(name), bytes(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

void Http2Session::AppendFields(const HeaderList& headers, std::vector<Field>& out) {
  for (const auto& [name, value] : headers.fields()) {
    const auto is = [&name = name](std::string_view other) {
      return EqualsIgnoreCase(name, other);
    };
    if (is("connection") || is("keep-alive") || is("proxy-connection") || is("upgrade") ||
        is("transfer-encoding") || is("host") || (is("te") && value != "trailers")) {
      continue;
    }
    out.push_back(MakeField(name, value));
  }
}

}  // namespace weir
