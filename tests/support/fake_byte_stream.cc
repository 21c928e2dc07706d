// SPDX-License-Identifier: Apache-2.0
#include "tests/support/fake_byte_stream.h"

#include <algorithm>
#include <cstring>

#include "proxy/base/check.h"
#include "proxy/base/status.h"

namespace weir {

// One direction.
struct FakeByteStream::Pipe {
  size_t Room() const { return capacity > bytes.size() ? capacity - bytes.size() : 0; }

  std::string bytes;
  size_t capacity = 0;
  bool ended = false;    // The writer sends no more.
  bool blocked = false;  // The writer waits for room.
  absl::Status broken;
  FakeByteStream* reader = nullptr;
  FakeByteStream* writer = nullptr;
};

FakeByteStream::Pair FakeByteStream::Connect(Dispatcher& dispatcher,
                                             const FakeByteStreamOptions& options) {
  auto there = std::make_shared<Pipe>();
  auto back = std::make_shared<Pipe>();
  there->capacity = back->capacity = options.capacity;
  Pair pair;
  pair.first.reset(new FakeByteStream(dispatcher, options, "10.0.0.2:443", back, there));
  pair.second.reset(new FakeByteStream(dispatcher, options, "10.0.0.1:40000", there, back));
  return pair;
}

FakeByteStream::FakeByteStream(Dispatcher& dispatcher, const FakeByteStreamOptions& options,
                               std::string peer, std::shared_ptr<Pipe> in,
                               std::shared_ptr<Pipe> out)
    : options_(options),
      peer_(std::move(peer)),
      in_(std::move(in)),
      out_(std::move(out)),
      soon_(dispatcher.CreateTimer([this] { OnSoon(); })) {
  in_->reader = this;
  out_->writer = this;
}

FakeByteStream::~FakeByteStream() {
  in_->reader = nullptr;
  in_->bytes.clear();
  out_->writer = nullptr;
  out_->ended = true;
  if (out_->reader != nullptr) out_->reader->Soon(true, true);
}

void FakeByteStream::SetCallbacks(Callbacks callbacks) {
  WEIR_CHECK(!has_callbacks_);
  callbacks_ = std::move(callbacks);
  has_callbacks_ = true;
  Soon(true, true);
}

void FakeByteStream::Soon(bool readable, bool writable) {
  if (!has_callbacks_) return;
  readable_soon_ |= readable;
  writable_soon_ |= writable;
  if (!soon_->enabled()) soon_->Enable(absl::ZeroDuration());
}

void FakeByteStream::OnSoon() {
  if (failed_) return;
  if (!connected_) {
    failed_ = !options_.connect_result.ok();
    connected_ = !failed_;
    soon_->Enable(absl::ZeroDuration());
    if (callbacks_.on_connected) callbacks_.on_connected(options_.connect_result);
    return;
  }
  const bool readable = std::exchange(readable_soon_, false);
  const bool writable = std::exchange(writable_soon_, false);
  if (readable && callbacks_.on_readable) callbacks_.on_readable();
  if (writable && callbacks_.on_writable) callbacks_.on_writable();
}

// An end without callbacks is used directly by a test and counts as connected.
bool FakeByteStream::NotYetConnected(Result& result) const {
  if (!has_callbacks_ || connected_) return false;
  result.would_block = !failed_;
  if (failed_) result.status = options_.connect_result;
  return true;
}

ByteStream::Result FakeByteStream::Read(char* buffer, size_t size) {
  Result result;
  if (NotYetConnected(result)) return result;
  if (!in_->broken.ok()) {
    result.status = in_->broken;
    return result;
  }
  const size_t count = std::min({size, in_->bytes.size(), options_.max_chunk});
  std::memcpy(buffer, in_->bytes.data(), count);
  in_->bytes.erase(0, count);
  result.bytes = count;
  result.end = in_->bytes.empty() && in_->ended && count == 0;
  result.would_block = in_->bytes.empty() && !in_->ended && count < size;
  if (in_->blocked && in_->Room() > 0 && in_->writer != nullptr) {
    in_->blocked = false;
    in_->writer->Soon(false, true);
  }
  return result;
}

ByteStream::Result FakeByteStream::Write(std::string_view bytes) {
  Result result;
  if (NotYetConnected(result)) return result;
  if (!out_->broken.ok()) {
    result.status = out_->broken;
    return result;
  }
  if (out_->reader == nullptr || out_->ended) {
    result.status = UnavailableError("cannot write to " + peer_ + ": broken pipe");
    return result;
  }
  result.bytes = std::min({bytes.size(), out_->Room(), options_.max_chunk});
  out_->bytes.append(bytes.substr(0, result.bytes));
  result.would_block = result.bytes < bytes.size();
  out_->blocked = result.would_block && out_->Room() == 0;
  if (result.would_block && !out_->blocked) Soon(false, true);
  if (result.bytes > 0) out_->reader->Soon(true, false);
  return result;
}

std::string_view FakeByteStream::alpn() const {
  return connected_ ? std::string_view(options_.alpn) : "";
}

void FakeByteStream::ReadAgainSoon() { Soon(true, false); }

void FakeByteStream::ShutdownWrite() {
  if (out_->ended) return;
  out_->ended = true;
  if (out_->reader != nullptr) out_->reader->Soon(true, false);
}

void FakeByteStream::Break(absl::Status status) {
  for (const auto& pipe : {in_, out_}) {
    pipe->broken = status;
    pipe->bytes.clear();
    if (pipe->reader != nullptr) pipe->reader->Soon(true, true);
  }
}

std::string FakeByteStream::ReadAll() {
  std::string all(in_->bytes.size(), '\0');
  all.resize(Read(all.data(), all.size()).bytes);
  while (!in_->bytes.empty() && in_->broken.ok()) {
    char more[4096];
    all.append(more, Read(more, sizeof(more)).bytes);
  }
  return all;
}

void FakeByteStream::WriteAll(std::string_view bytes) {
  while (!bytes.empty()) {
    const Result result = Write(bytes);
    WEIR_CHECK(result.status.ok() && result.bytes > 0);
    bytes.remove_prefix(result.bytes);
  }
}

bool FakeByteStream::at_end() const { return in_->ended && in_->bytes.empty(); }
bool FakeByteStream::peer_closed() const { return in_->writer == nullptr; }
size_t FakeByteStream::in_flight() const { return out_->bytes.size(); }

void FakeByteStream::set_capacity(size_t capacity) {
  out_->capacity = capacity;
  if (out_->blocked && out_->Room() > 0) {
    out_->blocked = false;
    Soon(false, true);
  }
}

}  // namespace weir
