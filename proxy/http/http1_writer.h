// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/http/outgoing_body.h"

// The heads and bodies of HTTP/1.1 messages as bytes. Framing headers (Connection, Keep-Alive,
// Transfer-Encoding, and Content-Length where it would lie) are replaced by what is true of this
// connection; all others go out as they are, name case kept.

namespace weir {

// How a body is delimited on its way out, and how much of it is still owed.
class Http1BodyWriter {
 public:
  enum class Framing { kNone, kLength, kChunked, kUntilClose };
  Http1BodyWriter() = default;
  Http1BodyWriter(Framing framing, int64_t length) : framing_(framing), remaining_(length) {}

  // Moves about `limit` bytes of `body` into `out`, framed, with its end if that has come.
  void Fill(OutgoingBody& body, std::string& out, size_t limit);
  // The end of the body has been written.
  bool done() const { return done_; }
  // What was given is not what the head announced: the receiver must not take it for whole.
  bool broken() const { return broken_; }
  Framing framing() const { return framing_; }

 private:
  Framing framing_ = Framing::kNone;
  int64_t remaining_ = 0;  // kLength.
  bool done_ = false;
  bool broken_ = false;
};

// `keep_alive` false adds "Connection: close".
std::string EncodeInformational(const ResponseHead& head);
std::string EncodeResponseHead(const ResponseHead& head, Http1BodyWriter::Framing framing,
                               bool keep_alive);
// The 101: `upgrade` is named if the head does not name a protocol.
std::string EncodeSwitchingProtocols(const ResponseHead& head, std::string_view upgrade);
std::string EncodeRequestHead(const RequestHead& head, Http1BodyWriter::Framing framing);

// A Content-Length header's value; nullopt without one, or if it is not a number.
std::optional<int64_t> DeclaredLength(const HeaderList& headers);
std::string_view ReasonPhrase(int status);

}  // namespace weir
