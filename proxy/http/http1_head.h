// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

#include "proxy/http/message.h"

// The heads of HTTP/1 messages (RFC 9112), read strictly: what two readers could understand in
// two ways (request smuggling) is refused. Pure.

namespace weir {

// How the end of a message's body is found.
struct Http1Framing {
  enum class Kind { kNone, kLength, kChunked, kUntilClose, kTunnel };
  Kind kind = Kind::kNone;
  int64_t length = 0;  // kLength.
};

struct Http1RequestHead {
  RequestHead head;
  Http1Framing framing;
  bool keep_alive = true;  // The connection may be used again.
  bool http10 = false;
  bool expects_continue = false;
};

struct Http1ResponseHead {
  ResponseHead head;
  Http1Framing framing;
  bool keep_alive = true;
};

// `text` is everything up to and with the empty line; each line ends in CRLF (the parser has seen
// to it). `max_bytes` bounds names and values, 32 each on top. IsLimit(): over it.
absl::Status ParseRequestHead(std::string_view text, size_t max_bytes, Http1RequestHead& out);
// `to_head_request`: the answer to a HEAD, which never has a body.
absl::Status ParseResponseHead(std::string_view text, size_t max_bytes, bool to_head_request,
                               Http1ResponseHead& out);
// Field lines only: the head's, or a trailer section. Takes lines off `text`, the empty one too.
absl::Status ParseHeaderLines(std::string_view text, size_t max_bytes, HeaderList& out);

bool IsHttpToken(std::string_view text);
bool IsHeaderValue(std::string_view text);

}  // namespace weir
