// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "proxy/base/status.h"

namespace weir {
namespace {

// A chunk's size and its extensions, which nobody uses.
constexpr size_t kMaxChunkLine = 4096;
// Chunk lines may cost this much more than 16 bytes each plus the body itself.
constexpr int64_t kMaxChunkExcess = 16 << 10;
// 2^56 bytes are not a chunk.
constexpr size_t kMaxChunkDigits = 14;

std::optional<int64_t> ParseChunkLength(std::string_view line) {
  int64_t value = 0;
  size_t digits = 0;
  for (; digits < line.size(); ++digits) {
    const char c = line[digits];
    int digit;
    if (c >= '0' && c <= '9') {
      digit = c - '0';
    } else if (c >= 'a' && c <= 'f') {
      digit = c - 'a' + 10;
    } else if (c >= 'A' && c <= 'F') {
      digit = c - 'A' + 10;
    } else {
      break;
    }
    if (digits == kMaxChunkDigits) return std::nullopt;
    value = value * 16 + digit;
  }
  const std::string_view extension = line.substr(digits);
  const size_t mark = extension.find_first_not_of(" \t");
  const bool plain = mark == std::string_view::npos ? extension.empty() : extension[mark] == ';';
  if (digits == 0 || !plain || !IsHeaderValue(extension)) return std::nullopt;
  return value;
}

}  // namespace

void Http1Parser::StartMessage(bool to_head_request) {
  if (state_ == State::kFailed) return;
  state_ = State::kHead;
  to_head_request_ = to_head_request;
  trailers_ = {};
  framing_ = {};
  chunk_excess_ = 0;
  ResetScan();
}

void Http1Parser::StartTunnel() {
  state_ = State::kBody;
  framing_.kind = Http1Framing::Kind::kTunnel;
}

Http1Parser::Event Http1Parser::Fail(absl::Status error) {
  state_ = State::kFailed;
  error_ = std::move(error);
  partial_ = std::string();
  return Event::kError;
}

Http1Parser::Event Http1Parser::Next(std::string_view& input) {
  if (state_ == State::kEnding) {
    state_ = State::kDone;
    return Event::kEnd;
  }
  while (!input.empty()) {
    Event event = Event::kNeedMore;
    switch (state_) {
      case State::kHead:
        event = ParseHead(input);
        break;
      case State::kBody:
      case State::kChunk:
        event = ParseBody(input);
        break;
      case State::kChunkSize:
        event = ParseChunkSize(input);
        break;
      case State::kChunkEnd:
        event = ParseChunkEnd(input);
        break;
      case State::kTrailers:
        event = ParseTrailers(input);
        break;
      case State::kEnding:
      case State::kDone:
        return Event::kNeedMore;
      case State::kFailed:
        return Event::kError;
    }
    if (event != Event::kNeedMore) return event;
  }
  return state_ == State::kFailed ? Event::kError : Event::kNeedMore;
}

Http1Parser::Event Http1Parser::Finish() {
  if (state_ == State::kFailed) return Event::kError;
  if (state_ == State::kDone || between_messages()) return Event::kNeedMore;
  const bool until_close = framing_.kind == Http1Framing::Kind::kUntilClose ||
                           framing_.kind == Http1Framing::Kind::kTunnel;
  if (state_ == State::kEnding || (state_ == State::kBody && until_close)) {
    state_ = State::kDone;
    return Event::kEnd;
  }
  return Fail(InvalidArgumentError("the connection ended in the middle of a message"));
}

void Http1Parser::ResetScan() {
  partial_.clear();
  if (partial_.capacity() > (16 << 10)) std::string().swap(partial_);
  line_start_ = scanned_ = section_end_ = 0;
}

// Looks at whole lines from scanned_ on; true when section_end_ is known. May fail.
bool Http1Parser::ScanLines(std::string_view text, bool one_line) {
  while (true) {
    const size_t newline = text.find('\n', scanned_);
    if (newline == std::string_view::npos) {
      scanned_ = text.size();
      return false;
    }
    if (newline == line_start_ || text[newline - 1] != '\r') {
      Fail(InvalidArgumentError("a line that does not end in CRLF"));
      return false;
    }
    const bool empty = newline == line_start_ + 1;
    line_start_ = scanned_ = newline + 1;
    if (one_line || empty) {
      section_end_ = line_start_;
      return true;
    }
  }
}

bool Http1Parser::CollectLines(std::string_view& input, bool one_line, size_t limit) {
  const bool fresh = partial_.empty();
  const size_t before = partial_.size();
  if (!fresh) partial_.append(input.substr(0, limit + 1 - std::min(before, limit)));
  const std::string_view text = fresh ? input : std::string_view(partial_);
  const bool found = ScanLines(text, one_line);
  if (state_ == State::kFailed) return false;
  if ((found ? section_end_ : text.size()) > limit) {
    Fail(LimitError("the message's head is too large"));
    return false;
  }
  if (!found) {
    if (fresh) partial_.assign(input);
    input = {};
    return false;
  }
  section_ = text.substr(0, section_end_);
  input.remove_prefix(section_end_ - before);
  return true;
}

Http1Parser::Event Http1Parser::ParseHead(std::string_view& input) {
  if (!CollectLines(input, false, max_head_bytes_)) {
    return state_ == State::kFailed ? Event::kError : Event::kNeedMore;
  }
  // An empty line before a request is left over from a sloppy client's last body.
  if (kind_ == Kind::kRequests && section_.size() == 2) {
    ResetScan();
    return Event::kNeedMore;
  }
  return OnHead(section_);
}

Http1Parser::Event Http1Parser::OnHead(std::string_view head) {
  const bool request = kind_ == Kind::kRequests;
  absl::Status parsed = request
                            ? ParseRequestHead(head, max_head_bytes_, request_)
                            : ParseResponseHead(head, max_head_bytes_, to_head_request_, response_);
  if (!parsed.ok()) return Fail(std::move(parsed));
  ResetScan();
  framing_ = request ? request_.framing : response_.framing;
  remaining_ = framing_.length;
  // An informational answer is followed by another head.
  const bool informational =
      !request && response_.head.status < 200 && response_.head.status != 101;
  if (informational) return Event::kHead;
  switch (framing_.kind) {
    case Http1Framing::Kind::kNone:
      state_ = State::kEnding;
      break;
    case Http1Framing::Kind::kLength:
      state_ = remaining_ > 0 ? State::kBody : State::kEnding;
      break;
    case Http1Framing::Kind::kChunked:
      state_ = State::kChunkSize;
      break;
    case Http1Framing::Kind::kUntilClose:
    case Http1Framing::Kind::kTunnel:
      state_ = State::kBody;
      break;
  }
  return Event::kHead;
}

Http1Parser::Event Http1Parser::ParseBody(std::string_view& input) {
  const bool counted = state_ == State::kChunk || framing_.kind == Http1Framing::Kind::kLength;
  size_t size = input.size();
  if (counted) {
    size = static_cast<size_t>(std::min<int64_t>(remaining_, static_cast<int64_t>(size)));
    remaining_ -= static_cast<int64_t>(size);
    if (remaining_ == 0) state_ = state_ == State::kChunk ? State::kChunkEnd : State::kEnding;
  }
  body_ = input.substr(0, size);
  input.remove_prefix(size);
  return Event::kBody;
}

Http1Parser::Event Http1Parser::ParseChunkSize(std::string_view& input) {
  if (!CollectLines(input, true, kMaxChunkLine)) {
    return state_ == State::kFailed ? Event::kError : Event::kNeedMore;
  }
  const auto line_bytes = static_cast<int64_t>(section_.size());
  const std::optional<int64_t> length = ParseChunkLength(section_.substr(0, section_.size() - 2));
  ResetScan();
  if (!length) return Fail(InvalidArgumentError("a bad chunk size"));
  chunk_excess_ = std::max<int64_t>(0, chunk_excess_ + line_bytes - 16 - 2 * *length);
  if (chunk_excess_ > kMaxChunkExcess) {
    return Fail(InvalidArgumentError("chunk extensions larger than the chunks"));
  }
  remaining_ = *length;
  state_ = remaining_ > 0 ? State::kChunk : State::kTrailers;
  return Event::kNeedMore;
}

Http1Parser::Event Http1Parser::ParseChunkEnd(std::string_view& input) {
  if (!CollectLines(input, true, kMaxChunkLine)) {
    return state_ == State::kFailed ? Event::kError : Event::kNeedMore;
  }
  const bool empty = section_.size() == 2;
  ResetScan();
  if (!empty) return Fail(InvalidArgumentError("a chunk that is longer than its size says"));
  state_ = State::kChunkSize;
  return Event::kNeedMore;
}

Http1Parser::Event Http1Parser::ParseTrailers(std::string_view& input) {
  if (!CollectLines(input, false, max_head_bytes_)) {
    return state_ == State::kFailed ? Event::kError : Event::kNeedMore;
  }
  absl::Status parsed = ParseHeaderLines(section_, max_head_bytes_, trailers_);
  if (!parsed.ok()) return Fail(std::move(parsed));
  ResetScan();
  // What would change the framing has no meaning here.
  for (const std::string_view name : {"Transfer-Encoding", "Content-Length", "Host"}) {
    trailers_.Remove(name);
  }
  state_ = State::kDone;
  return Event::kEnd;
}

}  // namespace weir
