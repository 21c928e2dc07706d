// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_writer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "proxy/base/strings.h"

namespace weir {
namespace {

using Framing = Http1BodyWriter::Framing;

bool IsFraming(std::string_view name) {
  for (const std::string_view framing :
       {"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Content-Length"}) {
    if (EqualsIgnoreCase(name, framing)) return true;
  }
  return false;
}

void AppendField(std::string& out, std::string_view name, std::string_view value) {
  StrAppend(out, name, ": ", value, "\r\n");
}

void AppendHeaders(std::string& out, const HeaderList& headers, bool keep_upgrade) {
  for (const auto& [name, value] : headers.fields()) {
    if (IsFraming(name)) continue;
    if (!keep_upgrade && EqualsIgnoreCase(name, "Upgrade")) continue;
    AppendField(out, name, value);
  }
}

void AppendFraming(std::string& out, const HeaderList& headers, Framing framing) {
  if (framing == Framing::kChunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  } else if (const std::optional<int64_t> length = DeclaredLength(headers);
             length && framing != Framing::kUntilClose) {
    // With kNone it tells what a HEAD's or a 304's body would have been.
    AppendField(out, "Content-Length", StrCat(*length));
  }
}

std::string StatusLine(int status) {
  return StrCat("HTTP/1.1 ", status, " ", ReasonPhrase(status), "\r\n");
}

void AppendChunkSize(std::string& out, size_t size) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), size, 16).ptr;
  out.append(digits.data(), end);
  out.append("\r\n");
}

}  // namespace

void Http1BodyWriter::Fill(OutgoingBody& body, std::string& out, size_t limit) {
  if (done_ || broken_) return;
  switch (framing_) {
    case Framing::kNone:
      body.Clear();
      done_ = body.ended();
      return;
    case Framing::kLength: {
      // Too much: stop before the announced part looks whole.
      broken_ = static_cast<int64_t>(body.size()) > remaining_;
      if (broken_) return;
      remaining_ -= static_cast<int64_t>(body.MoveTo(out, limit));
      if (!body.ended() || !body.empty()) return;
      broken_ = remaining_ != 0;
      done_ = !broken_;
      return;
    }
    case Framing::kUntilClose:
      body.MoveTo(out, limit);
      done_ = body.ended() && body.empty();
      return;
    case Framing::kChunked:
      if (const size_t size = std::min(limit, body.size()); size > 0) {
        AppendChunkSize(out, size);
        body.MoveTo(out, size);
        out.append("\r\n");
      }
      if (!body.ended() || !body.empty()) return;
      out.append("0\r\n");
      for (const auto& [name, value] : body.trailers().fields()) {
        if (!IsFraming(name)) AppendField(out, name, value);
      }
      out.append("\r\n");
      done_ = true;
      return;
  }
}

std::optional<int64_t> DeclaredLength(const HeaderList& headers) {
  const std::string_view value = headers.Get("Content-Length");
  const std::optional<int64_t> length = ParseInt64(value);
  return length && *length >= 0 ? length : std::nullopt;
}

std::string EncodeInformational(const ResponseHead& head) {
  std::string out = StatusLine(head.status);
  AppendHeaders(out, head.headers, false);
  out.append("\r\n");
  return out;
}

std::string EncodeResponseHead(const ResponseHead& head, Framing framing, bool keep_alive) {
  std::string out = StatusLine(head.status);
  AppendHeaders(out, head.headers, false);
  AppendFraming(out, head.headers, framing);
  if (!keep_alive) AppendField(out, "Connection", "close");
  out.append("\r\n");
  return out;
}

std::string EncodeSwitchingProtocols(const ResponseHead& head, std::string_view upgrade) {
  std::string out = StatusLine(head.status);
  AppendHeaders(out, head.headers, true);
  if (!head.headers.Has("Upgrade")) AppendField(out, "Upgrade", upgrade);
  AppendField(out, "Connection", "Upgrade");
  out.append("\r\n");
  return out;
}

std::string EncodeRequestHead(const RequestHead& head, Framing framing) {
  std::string out =
      StrCat(head.method, " ", head.target, " HTTP/1.1\r\nHost: ", head.authority, "\r\n");
  AppendHeaders(out, head.headers, false);
  if (framing == Framing::kChunked) {
    AppendField(out, "Transfer-Encoding", "chunked");
  } else if (framing == Framing::kLength) {
    const std::optional<int64_t> declared = DeclaredLength(head.headers);
    AppendField(out, "Content-Length", StrCat(declared ? *declared : head.content_length));
  } else if (head.headers.Has("Content-Length") || head.method == "POST" || head.method == "PUT" ||
             head.method == "PATCH") {
    AppendField(out, "Content-Length", "0");
  }
  if (!head.upgrade.empty()) {
    AppendField(out, "Connection", "Upgrade");
    AppendField(out, "Upgrade", head.upgrade);
  }
  out.append("\r\n");
  return out;
}

std::string_view ReasonPhrase(int status) {
  struct Phrase {
    int status;
    std::string_view text;
  };
  static constexpr Phrase kPhrases[] = {
      {100, "Continue"},
      {101, "Switching Protocols"},
      {103, "Early Hints"},
      {200, "OK"},
      {201, "Created"},
      {202, "Accepted"},
      {204, "No Content"},
      {206, "Partial Content"},
      {301, "Moved Permanently"},
      {302, "Found"},
      {304, "Not Modified"},
      {307, "Temporary Redirect"},
      {308, "Permanent Redirect"},
      {400, "Bad Request"},
      {401, "Unauthorized"},
      {403, "Forbidden"},
      {404, "Not Found"},
      {405, "Method Not Allowed"},
      {406, "Not Acceptable"},
      {408, "Request Timeout"},
      {409, "Conflict"},
      {410, "Gone"},
      {412, "Precondition Failed"},
      {413, "Request Entity Too Large"},
      {415, "Unsupported Media Type"},
      {416, "Requested Range Not Satisfiable"},
      {422, "Unprocessable Entity"},
      {429, "Too Many Requests"},
      {431, "Request Header Fields Too Large"},
      {500, "Internal Server Error"},
      {501, "Not Implemented"},
      {502, "Bad Gateway"},
      {503, "Service Unavailable"},
      {504, "Gateway Timeout"},
  };
  for (const Phrase& phrase : kPhrases) {
    if (phrase.status == status) return phrase.text;
  }
  return "Status";
}

}  // namespace weir
