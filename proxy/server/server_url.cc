// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/server_url.h"

#include <algorithm>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/address.h"

namespace weir {
namespace {

bool IsHostName(std::string_view host) {
  return !host.empty() && host.size() <= 253 && std::all_of(host.begin(), host.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
  });
}

absl::StatusOr<uint16_t> ParsePort(std::string_view text) {
  const auto port = ParseUint64(text);
  if (port && *port > 0 && *port <= 65535) return static_cast<uint16_t>(*port);
  return InvalidArgumentError(
      StrCat("has no port from 1 to 65535 after the colon: ", Quoted(text)));
}

// "host", "host:port", "[v6]", "[v6]:port".
absl::Status ReadAuthority(std::string_view authority, ServerUrl& url) {
  std::string_view host = authority, port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const size_t end = authority.find(']');
    if (end == std::string_view::npos) return InvalidArgumentError("has a [ without a ]");
    host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    has_port = !port.empty();
    if (has_port && port.front() != ':') return InvalidArgumentError("has text after the ]");
    if (has_port) port.remove_prefix(1);
    if (!IsIpLiteral(host) || host.find(':') == std::string_view::npos) {
      return InvalidArgumentError(StrCat("has no IPv6 address in brackets: ", Quoted(host)));
    }
  } else {
    const size_t colon = authority.find(':');
    has_port = colon != std::string_view::npos;
    host = authority.substr(0, colon);
    if (has_port) port = authority.substr(colon + 1);
    if (!IsHostName(host)) {
      return InvalidArgumentError(StrCat("has no valid host name: ", Quoted(host)));
    }
  }
  url.host = host;
  if (has_port) {
    WEIR_ASSIGN_OR_RETURN(url.port, ParsePort(port));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ServerUrl> ServerUrl::Parse(std::string_view url) {
  ServerUrl result;
  std::string_view rest = url;
  const size_t scheme_end = url.find("://");
  const std::string scheme =
      Lower(url.substr(0, scheme_end == std::string_view::npos ? 0 : scheme_end));
  if (scheme != "https" && scheme != "http") {
    return InvalidArgumentError("must begin with https:// (or http:// for a local proxy)");
  }
  result.tls = scheme == "https";
  result.port = result.tls ? 443 : 80;
  rest.remove_prefix(scheme_end + 3);
  if (rest.find_first_of("?#") != std::string_view::npos) {
    return InvalidArgumentError("must have no query and no fragment");
  }
  const size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  if (authority.find('@') != std::string_view::npos) {
    return InvalidArgumentError("must have no user name in it; use a user entry with a token");
  }
  WEIR_RETURN_IF_ERROR(ReadAuthority(authority, result));
  std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  const bool printable =
      std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7f; });
  if (!printable) return InvalidArgumentError("has a blank or a control character in its path");
  result.path = path;
  return result;
}

}  // namespace weir
