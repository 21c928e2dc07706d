// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "proxy/http/http1_head.h"

namespace weir {

// Cuts the bytes of one direction of an HTTP/1 connection into messages. Keeps an unfinished
// head, chunk line or trailer section (bounded by `max_head_bytes`), never a body. Strict: see
// http1_head.h; lines end in CRLF and nothing else.
class Http1Parser {
 public:
  enum class Kind { kRequests, kResponses };
  enum class Event {
    kNeedMore,  // `input` is used up.
    kHead,      // request() or response().
    kBody,      // body(): views `input`, or a part of it.
    kEnd,       // The message is complete: trailers(). Then StartMessage().
    kError,     // error(); nothing can be read any more.
  };

  Http1Parser(Kind kind, size_t max_head_bytes) : kind_(kind), max_head_bytes_(max_head_bytes) {}

  // Takes bytes off the front of `input` until there is something to tell.
  Event Next(std::string_view& input);
  // The peer sends no more: kEnd where that ends a body, kNeedMore between messages, else kError.
  Event Finish();

  // The next message begins. `to_head_request`: it is the answer to a HEAD.
  void StartMessage(bool to_head_request = false);
  // From here all is body, up to the end of the connection (after a 101).
  void StartTunnel();

  // After kHead.
  Http1RequestHead& request() { return request_; }
  Http1ResponseHead& response() { return response_; }
  std::string_view body() const { return body_; }
  HeaderList& trailers() { return trailers_; }
  // IsLimit(): the head is too large. IsInvalidArgument(): everything else.
  const absl::Status& error() const { return error_; }
  // Inside a head: the peer owes the rest.
  bool in_head() const { return state_ == State::kHead && !partial_.empty(); }
  // The next message has not begun.
  bool between_messages() const { return state_ == State::kHead && partial_.empty(); }
  bool message_complete() const { return state_ == State::kDone; }

 private:
  enum class State {
    kHead,
    kBody,       // framing_ says until when.
    kChunkSize,  // The line before a chunk.
    kChunk,
    kChunkEnd,  // The CRLF after it.
    kTrailers,
    kEnding,  // kEnd is next.
    kDone,
    kFailed,
  };

  Event Fail(absl::Status error);
  Event ParseHead(std::string_view& input);
  Event OnHead(std::string_view head);
  Event ParseBody(std::string_view& input);
  Event ParseChunkSize(std::string_view& input);
  Event ParseChunkEnd(std::string_view& input);
  Event ParseTrailers(std::string_view& input);
  // Collects up to and with what ends a section. True when `section_` views all of it.
  bool CollectLines(std::string_view& input, bool one_line, size_t limit);
  bool ScanLines(std::string_view text, bool one_line);
  void ResetScan();

  // Set once.
  const Kind kind_;
  const size_t max_head_bytes_;

  State state_ = State::kHead;
  Http1RequestHead request_;
  Http1ResponseHead response_;
  Http1Framing framing_;
  HeaderList trailers_;
  std::string_view body_;
  absl::Status error_;
  int64_t remaining_ = 0;     // Of the body, or of the chunk.
  int64_t chunk_excess_ = 0;  // Bytes of chunk lines that no body bytes account for.
  bool to_head_request_ = false;

  // The section being collected.
  std::string partial_;
  std::string_view section_;  // Into partial_ or the input.
  size_t line_start_ = 0;
  size_t scanned_ = 0;
  size_t section_end_ = 0;
};

}  // namespace weir
