// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/connection.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr size_t kReadBytes = 64 << 10;
// Moved in one round before other connections get their turn.
constexpr size_t kReadBudget = 256 << 10;
constexpr size_t kWriteBudget = 512 << 10;
// Gathered before the socket is asked: past 128 KB system calls and records no longer dominate.
constexpr size_t kOutputBytes = 128 << 10;
// A frame that begins below the limit may end above it.
constexpr size_t kOutputCapacity = kOutputBytes + (17 << 10);
// A closing peer that goes on sending is cut off after this much and this long.
constexpr size_t kLingerBytes = 1 << 20;
constexpr absl::Duration kLingerTime = absl::Seconds(1);

// One buffer per thread is enough: it is needed by one connection at a time, unless a socket is
// full, and then a new one is made.
thread_local std::string spare_output;

void TakeOutput(std::string& out) {
  if (out.capacity() < kOutputCapacity) out.swap(spare_output);
  out.clear();
  out.reserve(kOutputCapacity);
}

void ReturnOutput(std::string& out) {
  out.clear();
  if (spare_output.capacity() < out.capacity()) spare_output.swap(out);
  out = std::string();
}

void Count(Counter* counter, size_t bytes) {
  if (counter != nullptr && bytes > 0) counter->Add(bytes);
}

}  // namespace

Connection::Connection(Dispatcher& dispatcher, ByteStreamPtr stream, const Options& options,
                       Hooks hooks)
    : dispatcher_(dispatcher),
      stream_(std::move(stream)),
      options_(options),
      hooks_(std::move(hooks)),
      peer_(stream_->peer()),
      flush_soon_(dispatcher, [this] { OnFlush(); }),
      last_received_(dispatcher.Now()) {
  stream_->SetCallbacks({.on_connected = [this](absl::Status s) { OnConnected(std::move(s)); },
                         .on_readable = [this] { OnReadable(); },
                         .on_writable = [this] { OnWritable(); }});
}

Connection::~Connection() = default;

void Connection::SetCodec(Codec& codec) {
  WEIR_CHECK(codec_ == nullptr);
  codec_ = &codec;
}

void Connection::ResumeReading() {
  if (std::exchange(paused_, false) && !over()) stream_->ReadAgainSoon();
}

void Connection::Close(const absl::Status& reason) {
  if (over() || busy_) return Fail(reason);
  busy_ = true;
  Fail(reason);
  Settle();
}

void Connection::Abandon() {
  closed_ = true;
  if (codec_ != nullptr) codec_->Abandon();
  flush_soon_.Cancel();
  if (linger_timer_ != nullptr) linger_timer_->Disable();
}

void Connection::Fail(absl::Status reason) {
  if (over()) return;
  failed_ = true;
  failure_ = std::move(reason);
}

// Whatever comes from the dispatcher: users are called back, then everything they have queued is
// written, then what has ended is destroyed.
void Connection::BeginRound() {
  busy_ = true;
  flush_coming_ = true;
}

void Connection::EndRound() {
  Flush();
  flush_coming_ = flush_wanted_ = false;
  Settle();
}

void Connection::OnConnected(absl::Status status) {
  if (over()) return;
  BeginRound();
  connected_ = status.ok();
  last_received_ = dispatcher_.Now();
  if (!connected_) Fail(status);
  if (hooks_.connected) hooks_.connected(std::move(status));
  if (!over()) ReadSome();
  EndRound();
}

void Connection::OnReadable() {
  if (over() || !connected_) return;
  BeginRound();
  lingering_ ? Discard() : ReadSome();
  EndRound();
}

void Connection::OnWritable() {
  if (over() || !connected_) return;
  const bool was_blocked = std::exchange(blocked_, false);
  if (!was_blocked) return;
  OnFlush();
}

void Connection::OnFlush() {
  if (over() || !connected_) return;
  BeginRound();
  EndRound();
}

void Connection::ReadSome() {
  char buffer[kReadBytes];
  for (size_t total = 0; !over() && !peer_ended_;) {
    if (codec_ != nullptr && !codec_->wants_bytes()) {
      paused_ = true;
      return;
    }
    const ByteStream::Result result = stream_->Read(buffer, sizeof(buffer));
    if (result.bytes > 0) {
      Count(options_.bytes_received, result.bytes);
      last_received_ = dispatcher_.Now();
      ++reads_;
      const std::string_view bytes(buffer, result.bytes);
      codec_ != nullptr ? codec_->Receive(bytes) : hooks_.sniff(bytes);
      if (over() || (codec_ != nullptr && codec_->state() == Codec::State::kAborted)) return;
    }
    if (!result.status.ok()) return Fail(result.status);
    if (result.end) {
      peer_ended_ = true;
      if (codec_ == nullptr) return Fail(UnavailableError(StrCat(peer_, " closed the connection")));
      return codec_->ReceiveEnd();
    }
    if (result.would_block) return;
    total += result.bytes;
    if (total >= kReadBudget) return stream_->ReadAgainSoon();
  }
}

void Connection::Discard() {
  char buffer[kReadBytes];
  while (true) {
    const ByteStream::Result result = stream_->Read(buffer, sizeof(buffer));
    discarded_ += result.bytes;
    if (!result.status.ok() || result.end || discarded_ > kLingerBytes) return Fail(failure_);
    if (result.would_block) return;
  }
}

void Connection::Flush() {
  if (codec_ == nullptr || lingering_) return;
  flush_soon_.Cancel();
  size_t budget = kWriteBudget;
  while (!over() && !blocked_) {
    flush_wanted_ = false;
    const bool more = WriteSome(budget);
    if (over()) return;
    codec_->Relieve();
    if (more) return flush_soon_.Schedule();
    if (!flush_wanted_) break;
  }
  if (!over() && !blocked_) EndWriting();
}

// True if the budget did not suffice.
bool Connection::WriteSome(size_t& budget) {
  while (true) {
    if (written_ == out_.size()) {
      written_ = 0;
      out_.clear();
      if (budget == 0) return true;
      TakeOutput(out_);
      codec_->Fill(out_, kOutputBytes);
      if (out_.empty() || over()) {
        ReturnOutput(out_);
        return false;
      }
    }
    const ByteStream::Result result = stream_->Write(std::string_view(out_).substr(written_));
    Count(options_.bytes_sent, result.bytes);
    if (result.bytes > 0) last_sent_ = dispatcher_.Now();
    written_ += result.bytes;
    budget -= std::min(budget, result.bytes);
    if (!result.status.ok()) {
      OnWriteFailed(result.status);
      return false;
    }
    if (result.would_block) {
      blocked_ = true;
      KeepRest();
      return false;
    }
  }
}

// The socket is full, perhaps for long: what is kept is less than twice what waits for it.
void Connection::KeepRest() {
  if (2 * (out_.size() - written_) > out_.capacity()) return;
  std::string rest = out_.substr(written_);
  written_ = 0;
  ReturnOutput(out_);
  out_ = std::move(rest);
}

// The peer may have answered before it closed: that answer is worth more than the reason.
void Connection::OnWriteFailed(absl::Status status) {
  written_ = 0;
  ReturnOutput(out_);
  ReadSome();
  Fail(std::move(status));
}

void Connection::EndWriting() {
  const Codec::State state = codec_->state();
  if (state == Codec::State::kOpen || state == Codec::State::kAborted) return;
  if (!std::exchange(write_ended_, true)) stream_->ShutdownWrite();
  if (state != Codec::State::kClosing) return;
  failure_ = UnavailableError(StrCat("the connection to ", peer_, " was closed"));
  if (!options_.linger || peer_ended_) return Fail(failure_);
  lingering_ = true;
  linger_timer_ = dispatcher_.CreateTimer([this] { Close(failure_); });
  linger_timer_->Enable(kLingerTime);
  Discard();
}

void Connection::Settle() {
  if (codec_ != nullptr && !closed_) {
    codec_->CleanUp();
    if (codec_->state() == Codec::State::kAborted) {
      Fail(UnavailableError(StrCat("the connection to ", peer_, " was closed")));
    }
  }
  if (failed_ && !closed_) {
    Finish(failure_);
  } else if (!closed_ && hooks_.settled) {
    hooks_.settled();
  }
  busy_ = false;
}

void Connection::Finish(const absl::Status& reason) {
  if (codec_ != nullptr) {
    codec_->Lost(reason);
    codec_->CleanUp();
  }
  if (std::exchange(closed_, true)) return;  // Abandoned by one of those it told.
  flush_soon_.Cancel();
  if (linger_timer_ != nullptr) linger_timer_->Disable();
  if (hooks_.closed) hooks_.closed(reason);
}

}  // namespace weir
