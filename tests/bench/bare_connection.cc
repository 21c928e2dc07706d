// SPDX-License-Identifier: Apache-2.0
#include "tests/bench/bare_connection.h"

#include <algorithm>
#include <string_view>

#include <unistd.h>

namespace weir::bench {
namespace {

// How much is put together before it is written: many TLS records, yet it stays in the L2 cache.
constexpr size_t kFlushBytes = 256 << 10;
constexpr size_t kFrameBytes = 16 << 10;
constexpr size_t kReadBytes = 32 << 10;
constexpr size_t kFrameHeaderBytes = 9;

nghttp2_nv Field(std::string_view name, std::string_view value) {
  return {reinterpret_cast<uint8_t*>(const_cast<char*>(name.data())),
          reinterpret_cast<uint8_t*>(const_cast<char*>(value.data())), name.size(), value.size(),
          NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

bool WouldBlock(SSL* ssl, int result) {
  const int error = SSL_get_error(ssl, result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

}  // namespace

BareConnection::BareConnection(int fd, SSL_CTX* tls, const BareContent& content,
                               BareCounters& counters)
    : fd_(fd), content_(content), counters_(counters), ssl_(SSL_new(tls)) {
  SSL_set_fd(ssl_, fd_);
  SSL_set_accept_state(ssl_);
}

BareConnection::~BareConnection() {
  nghttp2_session_del(session_);
  SSL_free(ssl_);
  close(fd_);
}

nghttp2_session_callbacks* BareConnection::Callbacks() {
  static nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* made = nullptr;
    nghttp2_session_callbacks_new(&made);
    nghttp2_session_callbacks_set_on_begin_headers_callback(made, OnBeginHeaders);
    nghttp2_session_callbacks_set_on_header_callback(made, OnHeader);
    nghttp2_session_callbacks_set_on_frame_recv_callback(made, OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(made, OnStreamClosed);
    nghttp2_session_callbacks_set_send_callback(made, OnSend);
    nghttp2_session_callbacks_set_send_data_callback(made, OnSendData);
    return made;
  }();
  return callbacks;
}

bool BareConnection::OnReady() {
  if (session_ == nullptr) {
    if (!Handshake()) return false;
    if (session_ == nullptr) return true;
  }
  if (!Receive() || !Send()) return false;
  return nghttp2_session_want_read(session_) != 0 || nghttp2_session_want_write(session_) != 0 ||
         !out_.empty();
}

bool BareConnection::EndWatches(Clock::time_point now) {
  bool any = false;
  for (auto& [id, request] : requests_) {
    if (request->over || request->ends_at > now) continue;
    any = request->over = true;
    nghttp2_session_resume_data(session_, id);
  }
  return !any || Send();
}

bool BareConnection::Handshake() {
  const int result = SSL_do_handshake(ssl_);
  if (result != 1) return WouldBlock(ssl_, result);
  StartSession();
  return true;
}

void BareConnection::StartSession() {
  nghttp2_session_server_new(&session_, Callbacks(), this);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000}};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  out_.reserve(kFlushBytes + kFrameBytes + kFrameHeaderBytes);
}

bool BareConnection::Receive() {
  static uint8_t buffer[kReadBytes];
  for (;;) {
    const int size = SSL_read(ssl_, buffer, sizeof(buffer));
    if (size <= 0) return WouldBlock(ssl_, size);
    if (nghttp2_session_mem_recv(session_, buffer, size) < 0) return false;
  }
}

bool BareConnection::Send() {
  for (;;) {
    if (!Flush()) return false;
    if (!out_.empty()) return true;  // The socket is full.
    if (nghttp2_session_send(session_) != 0) return false;
    if (out_.empty()) return true;
  }
}

bool BareConnection::Flush() {
  while (sent_ < out_.size()) {
    const int size = SSL_write(ssl_, out_.data() + sent_, static_cast<int>(out_.size() - sent_));
    if (size <= 0) return WouldBlock(ssl_, size);
    sent_ += size;
  }
  out_.clear();
  sent_ = 0;
  return true;
}

int BareConnection::OnBeginHeaders(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  if (frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    static_cast<BareConnection*>(self)->requests_[frame->hd.stream_id] =
        std::make_unique<Request>();
  }
  return 0;
}

int BareConnection::OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name,
                             size_t name_size, const uint8_t* value, size_t value_size, uint8_t,
                             void* self) {
  auto& requests = static_cast<BareConnection*>(self)->requests_;
  const auto request = requests.find(frame->hd.stream_id);
  if (request == requests.end()) return 0;
  const std::string_view field(reinterpret_cast<const char*>(name), name_size);
  const std::string_view text(reinterpret_cast<const char*>(value), value_size);
  if (field == ":path") request->second->target = text;
  if (field == ":method") request->second->method = text;
  return 0;
}

int BareConnection::OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
  if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
  if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
  auto& connection = *static_cast<BareConnection*>(self);
  const auto request = connection.requests_.find(frame->hd.stream_id);
  if (request != connection.requests_.end()) connection.Respond(request->first, *request->second);
  return 0;
}

void BareConnection::Respond(int32_t id, Request& request) {
  ++counters_.requests;
  if (request.method == "POST") ++counters_.posts;
  request.answer = content_.Answer(request.method, request.target);
  request.over = !request.answer.stays_open;
  if (request.answer.data.empty()) request.answer.repeats = 0;
  if (request.answer.seconds > 0) {
    request.ends_at = Clock::now() + std::chrono::seconds(request.answer.seconds);
  }
  nghttp2_data_provider body;
  body.source.ptr = &request;
  body.read_callback = OnRead;
  const nghttp2_nv head[] = {Field(":status", request.answer.status == 201 ? "201" : "200"),
                             Field("content-type", "application/json"),
                             Field("cache-control", "no-cache, private"),
                             Field("audit-id", "0d4c8d2e-4b0e-4f2b-9f54-111111111111")};
  nghttp2_submit_response(session_, id, head, std::size(head), &body);
}

int BareConnection::OnStreamClosed(nghttp2_session*, int32_t id, uint32_t, void* self) {
  static_cast<BareConnection*>(self)->requests_.erase(id);
  return 0;
}

ssize_t BareConnection::OnSend(nghttp2_session*, const uint8_t* data, size_t size, int,
                               void* self) {
  auto& out = static_cast<BareConnection*>(self)->out_;
  if (out.size() >= kFlushBytes) return NGHTTP2_ERR_WOULDBLOCK;
  out.insert(out.end(), data, data + size);
  return static_cast<ssize_t>(size);
}

ssize_t BareConnection::OnRead(nghttp2_session*, int32_t, uint8_t*, size_t size, uint32_t* flags,
                               nghttp2_data_source* source, void*) {
  const auto& request = *static_cast<Request*>(source->ptr);
  const uint64_t repeats = request.answer.repeats;
  const size_t left = repeats == 0 ? 0 : request.answer.data.size() - request.offset;
  if (left == 0 && !request.over) return NGHTTP2_ERR_DEFERRED;
  const size_t length = std::min({left, size, kFrameBytes});
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (request.over && repeats <= 1 && length == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
  return static_cast<ssize_t>(length);
}

int BareConnection::OnSendData(nghttp2_session*, nghttp2_frame*, const uint8_t* header, size_t size,
                               nghttp2_data_source* source, void* self) {
  auto& connection = *static_cast<BareConnection*>(self);
  auto& out = connection.out_;
  if (out.size() >= kFlushBytes) return NGHTTP2_ERR_WOULDBLOCK;
  auto& request = *static_cast<Request*>(source->ptr);
  BareAnswer& answer = request.answer;
  const auto* data = reinterpret_cast<const uint8_t*>(answer.data.data()) + request.offset;
  out.insert(out.end(), header, header + kFrameHeaderBytes);
  out.insert(out.end(), data, data + size);
  connection.counters_.body_bytes += size;
  request.offset += size;
  if (request.offset == answer.data.size() && answer.repeats > 0) {
    --answer.repeats;
    request.offset = 0;
  }
  return 0;
}

}  // namespace weir::bench
