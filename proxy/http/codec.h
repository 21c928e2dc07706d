// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace weir {

// One version of HTTP at one end of a connection: turns bytes into messages and messages into
// bytes. A Connection drives it and is the only one that calls these methods; all that is called
// on a codec by the streams' users only changes state and asks the Connection to flush soon, so
// users are called back from here and from nowhere else.
class Codec {
 public:
  enum class State {
    kOpen,
    kWriteEnded,  // When all is written: no more will be, but reading goes on (a tunnel).
    kClosing,     // When all is written: close.
    kAborted,     // Close now; what is unsent is dropped.
  };

  virtual ~Codec() = default;

  virtual void Receive(std::string_view bytes) = 0;
  // The peer sends no more.
  virtual void ReceiveEnd() = 0;
  // Whether to read from the socket; when that turns true, Connection::ResumeReading().
  virtual bool wants_bytes() const = 0;
  // Appends what is to be sent, until `out` has about `limit` bytes.
  virtual void Fill(std::string& out, size_t limit) = 0;
  // Output has moved: tells the streams whose queues have room again.
  virtual void Relieve() = 0;
  // The connection is over: every stream left ends with `reason`.
  virtual void Lost(const absl::Status& reason) = 0;
  // Calls nobody any more: the owner goes away while a callback may be running.
  virtual void Abandon() = 0;
  // Destroys what has ended. No callback is running.
  virtual void CleanUp() = 0;
  virtual State state() const = 0;
  // Exchanges under way, and all there have been.
  virtual size_t streams() const = 0;
  virtual uint64_t streams_begun() const = 0;
};

}  // namespace weir
