// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"

#include "proxy/base/stats.h"
#include "proxy/event/dispatcher.h"
#include "proxy/http/codec.h"
#include "proxy/http/posted_call.h"
#include "proxy/net/byte_stream.h"

namespace weir {

// Moves bytes between a ByteStream and a Codec: the one path by which anything is written. What
// the streams queue in a turn is gathered once, at its end, in a buffer that belongs to the
// thread and is kept here only while the socket does not take it. An idle connection holds none.
class Connection {
 public:
  struct Hooks {
    // The stream is up, or failed.
    std::function<void(absl::Status)> connected;
    // Bytes came before there was a codec (no ALPN): the callee may SetCodec().
    std::function<void(std::string_view)> sniff;
    // The end of each round of events: timers, waiting requests.
    std::function<void()> settled;
    // Once, as the last act; every stream has ended by then.
    std::function<void(absl::Status)> closed;
  };
  struct Options {
    bool linger = false;  // Closing waits for the peer's FIN, so that it can read the last answer.
    Counter* bytes_sent = nullptr;
    Counter* bytes_received = nullptr;
  };

  Connection(Dispatcher& dispatcher, ByteStreamPtr stream, const Options& options, Hooks hooks);
  ~Connection();

  // REQUIRES: called once, from `connected` or `sniff`; `codec` outlives the connection's events.
  void SetCodec(Codec& codec);
  // At the end of this round of events, or in the next turn.
  void FlushSoon() { flush_coming_ ? void(flush_wanted_ = true) : flush_soon_.Schedule(); }
  // Codec::wants_bytes() has become true.
  void ResumeReading();
  // Ends every stream with `reason` and closes. Not from a codec.
  void Close(const absl::Status& reason);
  // No hook or user is called any more.
  void Abandon();

  // A callback may be on the stack: destroy later.
  bool busy() const { return busy_; }
  bool closed() const { return closed_; }
  MonotonicTime last_received() const { return last_received_; }
  MonotonicTime last_sent() const { return last_sent_; }
  uint64_t reads() const { return reads_; }  // That brought bytes.
  std::string_view alpn() const { return stream_->alpn(); }
  const std::string& peer() const { return peer_; }
  Dispatcher& dispatcher() { return dispatcher_; }

 private:
  void OnConnected(absl::Status status);
  void OnReadable();
  void OnWritable();
  void BeginRound();
  void EndRound();
  void OnFlush();
  void ReadSome();
  void Discard();
  void Fail(absl::Status reason);
  void Flush();
  bool WriteSome(size_t& budget);
  void KeepRest();
  void EndWriting();
  void OnWriteFailed(absl::Status status);
  void Settle();
  void BeginLinger();
  void Finish(const absl::Status& reason);
  bool over() const { return closed_ || failed_; }

  // Set once.
  Dispatcher& dispatcher_;
  const ByteStreamPtr stream_;
  const Options options_;
  Hooks hooks_;
  const std::string peer_;
  Codec* codec_ = nullptr;

  PostedCall flush_soon_;
  TimerPtr linger_timer_;
  std::string out_;  // Gathered, not yet taken by the socket from `written_` on.
  size_t written_ = 0;
  size_t discarded_ = 0;
  MonotonicTime last_received_, last_sent_;
  uint64_t reads_ = 0;
  absl::Status failure_;
  bool connected_ = false;
  bool busy_ = false;
  bool flush_coming_ = false;  // This round has not flushed yet.
  bool flush_wanted_ = false;
  bool blocked_ = false;  // The socket is full.
  bool paused_ = false;   // The codec wants no bytes.
  bool peer_ended_ = false;
  bool write_ended_ = false;  // FIN sent.
  bool lingering_ = false;
  bool failed_ = false;  // `failure_` says why; Settle() closes.
  bool closed_ = false;
};

}  // namespace weir
