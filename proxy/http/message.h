// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

// Header fields in the order of the wire. Names are lower case from HTTP/2 and as sent from
// HTTP/1; look-up ignores case. Never holds pseudo-headers.
class HeaderList {
 public:
  using Field = std::pair<std::string, std::string>;
  void Add(std::string_view name, std::string_view value);
  void Set(std::string_view name, std::string_view value);  // Replaces all of that name.
  void Remove(std::string_view name);
  // The first value, or "".
  std::string_view Get(std::string_view name) const;
  bool Has(std::string_view name) const;
  // Whether a comma-separated list header holds `token`, ignoring case.
  bool HasToken(std::string_view name, std::string_view token) const;
  const std::vector<Field>& fields() const { return fields_; }
  size_t bytes() const;  // Names, values, 32 each: HPACK's measure.

  // Connection and what it names but for Authorization and Impersonate-*, Keep-Alive,
  // Proxy-Connection, Proxy-Authenticate, Proxy-Authorization, TE, Trailer, Transfer-Encoding,
  // Upgrade (RFC 9110 7.6.1).
  void RemoveHopByHop();

 private:
  std::vector<Field> fields_;
};

struct RequestHead {
  std::string method;
  std::string target;     // Path and query, as sent.
  std::string authority;  // Host.
  HeaderList headers;     // Without Host.
  int version_major = 1;  // 1 or 2.
  // An HTTP/1.1 Upgrade request: after 101 both bodies are raw bytes of a tunnel.
  std::string upgrade;  // The Upgrade header, "" if there is none.
  // No body follows.
  bool end_of_stream = false;
  // Known length of the body, -1 if unknown.
  int64_t content_length = -1;
};

struct ResponseHead {
  int status = 200;
  HeaderList headers;
};

}  // namespace weir
