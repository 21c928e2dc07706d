// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_head.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr std::array<bool, 256> TokenTable() {
  std::array<bool, 256> table = {};
  for (int c = '0'; c <= '9'; ++c) table[c] = true;
  for (int c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (int c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    table[static_cast<unsigned char>(c)] = true;
  return table;
}
constexpr std::array<bool, 256> kToken = TokenTable();

bool IsTargetByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte > 0x20 && byte != 0x7f;
}

bool IsValueByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 ? byte != 0x7f : byte == '\t';
}

std::string_view TrimBlanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// The line at the front of `text`, without its CRLF, taken off it.
std::string_view TakeLine(std::string_view& text) {
  const size_t end = std::min(text.find("\r\n"), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 2, text.size()));
  return line;
}

absl::Status ParseVersion(std::string_view text, bool& http10) {
  http10 = text == "HTTP/1.0";
  if (http10 || text == "HTTP/1.1") return absl::OkStatus();
  return InvalidArgumentError(
      StrCat("HTTP version ", Quoted(text, 20), " is not HTTP/1.1; is this another protocol?"));
}

// "https://host/path" means host and path. Sets nothing for other forms.
absl::Status SplitAbsoluteTarget(RequestHead& head, bool& absolute) {
  const std::string_view target = head.target;
  size_t scheme = 0;
  for (const std::string_view prefix : {"http://", "https://"}) {
    if (EqualsIgnoreCase(target.substr(0, prefix.size()), prefix)) scheme = prefix.size();
  }
  absolute = scheme > 0;
  if (!absolute) return absl::OkStatus();
  const std::string_view rest = target.substr(scheme);
  const size_t path = std::min(rest.find_first_of("/?"), rest.size());
  if (path == 0) return InvalidArgumentError("the request target has no host");
  std::string split(rest.substr(path));
  if (split.empty() || split.front() != '/') split.insert(0, "/");
  head.authority = rest.substr(0, path);
  head.target = std::move(split);
  return absl::OkStatus();
}

absl::Status ParseRequestLine(std::string_view line, Http1RequestHead& out, bool& absolute) {
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == target_end) {
    return InvalidArgumentError("the request line is not METHOD TARGET VERSION");
  }
  const std::string_view method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (!IsHttpToken(method)) return InvalidArgumentError("the method is not a token");
  if (target.empty() || !std::all_of(target.begin(), target.end(), IsTargetByte)) {
    return InvalidArgumentError("the request target is empty or holds blanks or control bytes");
  }
  WEIR_RETURN_IF_ERROR(ParseVersion(line.substr(target_end + 1), out.http10));
  out.head.method = method;
  out.head.target = target;
  WEIR_RETURN_IF_ERROR(SplitAbsoluteTarget(out.head, absolute));
  if (out.head.target.front() == '/' || (target == "*" && method == "OPTIONS")) {
    return absl::OkStatus();
  }
  return InvalidArgumentError("the request target is not a path (CONNECT is not supported)");
}

absl::Status TakeHost(Http1RequestHead& out, bool absolute) {
  HeaderList& headers = out.head.headers;
  const auto hosts =
      std::count_if(headers.fields().begin(), headers.fields().end(),
                    [](const HeaderList::Field& f) { return EqualsIgnoreCase(f.first, "Host"); });
  if (hosts > 1 || (hosts == 0 && !out.http10)) {
    return InvalidArgumentError(hosts > 1 ? "more than one Host header" : "no Host header");
  }
  const std::string_view host = headers.Get("Host");
  if (!std::all_of(host.begin(), host.end(), IsTargetByte)) {
    return InvalidArgumentError("the Host header holds blanks or control bytes");
  }
  if (!absolute) out.head.authority = host;
  headers.Remove("Host");
  return absl::OkStatus();
}

// The one length that all Content-Length headers state; nullopt without any.
absl::Status ContentLength(const HeaderList& headers, std::optional<int64_t>& length) {
  for (const auto& [name, value] : headers.fields()) {
    if (!EqualsIgnoreCase(name, "Content-Length")) continue;
    const bool digits = !value.empty() && std::all_of(value.begin(), value.end(),
                                                      [](char c) { return c >= '0' && c <= '9'; });
    const std::optional<int64_t> parsed = digits ? ParseInt64(value) : std::nullopt;
    if (!parsed) return InvalidArgumentError(StrCat("bad Content-Length ", Quoted(value, 40)));
    if (length && *length != *parsed) return InvalidArgumentError("Content-Length headers differ");
    length = parsed;
  }
  return absl::OkStatus();
}

// Transfer-Encoding and Content-Length of either kind of message; kNone when neither is there.
absl::Status ParseFraming(const HeaderList& headers, bool http10, Http1Framing& framing) {
  std::optional<int64_t> length;
  WEIR_RETURN_IF_ERROR(ContentLength(headers, length));
  int codings = 0;
  for (const auto& [name, value] : headers.fields()) {
    if (!EqualsIgnoreCase(name, "Transfer-Encoding")) continue;
    if (++codings > 1 || !EqualsIgnoreCase(value, "chunked")) {
      return InvalidArgumentError("a Transfer-Encoding other than chunked");
    }
  }
  if (codings > 0 && length) {
    return InvalidArgumentError("both Transfer-Encoding and Content-Length");
  }
  if (codings > 0 && http10) return InvalidArgumentError("Transfer-Encoding with HTTP/1.0");
  if (codings > 0) framing = {Http1Framing::Kind::kChunked, 0};
  if (length) framing = {Http1Framing::Kind::kLength, *length};
  return absl::OkStatus();
}

absl::Status ParseStatusLine(std::string_view line, Http1ResponseHead& out, bool& http10) {
  WEIR_RETURN_IF_ERROR(ParseVersion(line.substr(0, 8), http10));
  const std::string_view code = line.size() >= 12 && line[8] == ' ' ? line.substr(9, 3) : "";
  const std::string_view reason = line.substr(std::min<size_t>(12, line.size()));
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (code.size() != 3 || !std::all_of(code.begin(), code.end(), is_digit) || code < "100" ||
      (!reason.empty() && reason.front() != ' ') ||
      !std::all_of(reason.begin(), reason.end(), IsValueByte)) {
    return InvalidArgumentError(StrCat("bad status line ", Quoted(line, 40)));
  }
  out.head.status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  return absl::OkStatus();
}

}  // namespace

bool IsHttpToken(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(),
                                      [](char c) { return kToken[static_cast<unsigned char>(c)]; });
}

bool IsHeaderValue(std::string_view text) {
  return std::all_of(text.begin(), text.end(), IsValueByte);
}

absl::Status ParseHeaderLines(std::string_view text, size_t max_bytes, HeaderList& out) {
  size_t bytes = 0;
  while (!text.empty()) {
    const std::string_view line = TakeLine(text);
    if (line.empty()) break;
    if (line.front() == ' ' || line.front() == '\t') {
      return InvalidArgumentError("a folded header line");
    }
    const size_t colon = line.find(':');
    const std::string_view name = line.substr(0, std::min(colon, line.size()));
    if (colon == std::string_view::npos || !IsHttpToken(name)) {
      return InvalidArgumentError(StrCat("bad header name ", Quoted(name, 60)));
    }
    const std::string_view value = TrimBlanks(line.substr(colon + 1));
    if (!IsHeaderValue(value)) {
      return InvalidArgumentError(StrCat("control bytes in header ", Quoted(name, 60)));
    }
    bytes += name.size() + value.size() + 32;
    if (bytes > max_bytes) return LimitError("the message's headers are too large");
    out.Add(name, value);
  }
  return absl::OkStatus();
}

absl::Status ParseRequestHead(std::string_view text, size_t max_bytes, Http1RequestHead& out) {
  out = {};
  bool absolute = false;
  WEIR_RETURN_IF_ERROR(ParseRequestLine(TakeLine(text), out, absolute));
  HeaderList& headers = out.head.headers;
  WEIR_RETURN_IF_ERROR(ParseHeaderLines(text, max_bytes, headers));
  WEIR_RETURN_IF_ERROR(TakeHost(out, absolute));
  WEIR_RETURN_IF_ERROR(ParseFraming(headers, out.http10, out.framing));

  const bool has_body = out.framing.kind == Http1Framing::Kind::kChunked || out.framing.length > 0;
  if (out.framing.kind == Http1Framing::Kind::kLength) out.head.content_length = out.framing.length;
  if (!has_body) {
    out.framing = {};
    out.head.content_length = 0;
  }
  out.keep_alive = !out.http10 && !headers.HasToken("Connection", "close");
  out.expects_continue =
      !out.http10 && has_body && EqualsIgnoreCase(headers.Get("Expect"), "100-continue");
  // A tunnel begins where the head ends, so there is no room for a body of the request.
  if (!out.http10 && !has_body && headers.HasToken("Connection", "upgrade")) {
    const std::string_view upgrade = headers.Get("Upgrade");
    // An offer, not a demand: HTTP/2 is to be had by ALPN or its preface.
    if (!EqualsIgnoreCase(upgrade, "h2c")) out.head.upgrade = upgrade;
  }
  out.head.end_of_stream = !has_body && out.head.upgrade.empty();
  return absl::OkStatus();
}

absl::Status ParseResponseHead(std::string_view text, size_t max_bytes, bool to_head_request,
                               Http1ResponseHead& out) {
  out = {};
  bool http10 = false;
  WEIR_RETURN_IF_ERROR(ParseStatusLine(TakeLine(text), out, http10));
  const HeaderList& headers = out.head.headers;
  WEIR_RETURN_IF_ERROR(ParseHeaderLines(text, max_bytes, out.head.headers));
  out.keep_alive = !headers.HasToken("Connection", "close") &&
                   (!http10 || headers.HasToken("Connection", "keep-alive"));
  const int status = out.head.status;
  if (status == 101) {
    out.framing.kind = Http1Framing::Kind::kTunnel;
    return absl::OkStatus();
  }
  WEIR_RETURN_IF_ERROR(ParseFraming(headers, http10, out.framing));
  if (status < 200 || status == 204 || status == 304 || to_head_request) {
    out.framing = {};
  } else if (out.framing.kind == Http1Framing::Kind::kNone) {
    out.framing.kind = Http1Framing::Kind::kUntilClose;
    out.keep_alive = false;
  }
  return absl::OkStatus();
}

}  // namespace weir
