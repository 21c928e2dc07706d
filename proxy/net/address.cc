// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/address.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

std::optional<in6_addr> ParseIp6(const std::string& text) {
  in6_addr ip;
  if (inet_pton(AF_INET6, text.c_str(), &ip) != 1) return std::nullopt;
  return ip;
}

// The number of the interface in "fe80::1%eth0"; 0 when there is none of that name.
uint32_t ScopeOf(const std::string& name) {
  if (const auto number = ParseUint64(name); number.has_value() && *number <= UINT32_MAX) {
    return static_cast<uint32_t>(*number);
  }
  return if_nametoindex(name.c_str());
}

}  // namespace

absl::StatusOr<Address> Address::FromIp(std::string_view ip, uint16_t port) {
  Address result;
  const std::string text(ip);
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&result.storage_);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&result.storage_);
  // A NUL inside would end the text for inet_pton alone.
  const bool plain = text.find('\0') == std::string::npos;
  if (plain && inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    result.size_ = sizeof(sockaddr_in);
    return result;
  }
  const size_t percent = text.find('%');
  if (const auto parsed = plain ? ParseIp6(text.substr(0, percent)) : std::nullopt) {
    v6->sin6_family = AF_INET6;
    v6->sin6_addr = *parsed;
    v6->sin6_port = htons(port);
    result.size_ = sizeof(sockaddr_in6);
    if (percent == std::string::npos) return result;
    v6->sin6_scope_id = ScopeOf(text.substr(percent + 1));
    if (v6->sin6_scope_id != 0) return result;
  }
  return InvalidArgumentError(StrCat(Quoted(ip), " is not an IP address"));
}

absl::StatusOr<Address> Address::Parse(std::string_view host_port) {
  WEIR_ASSIGN_OR_RETURN(const auto parts, SplitHostPort(host_port));
  return FromIp(parts.first, parts.second);
}

Address Address::FromSockaddr(const sockaddr* address, socklen_t size) {
  Address result;
  result.size_ = std::min<socklen_t>(size, sizeof(result.storage_));
  std::memcpy(&result.storage_, address, result.size_);
  return result;
}

uint16_t Address::port() const {
  if (storage_.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<const sockaddr_in*>(&storage_)->sin_port);
  }
  if (storage_.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_port);
  }
  return 0;
}

bool Address::is_loopback() const {
  if (storage_.ss_family == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(&storage_);
    return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
  }
  if (storage_.ss_family != AF_INET6) return false;
  const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(&storage_)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

std::string Address::ip() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (storage_.ss_family == AF_INET) {
    const auto& v4 = *reinterpret_cast<const sockaddr_in*>(&storage_);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof(text));
    return text;
  }
  if (storage_.ss_family != AF_INET6) return "unknown";
  const auto& v6 = *reinterpret_cast<const sockaddr_in6*>(&storage_);
  inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof(text));
  return v6.sin6_scope_id == 0 ? text : StrCat(text, "%", v6.sin6_scope_id);
}

std::string Address::ToString() const {
  if (storage_.ss_family == AF_INET6) return StrCat("[", ip(), "]:", port());
  return StrCat(ip(), ":", port());
}

absl::StatusOr<std::pair<std::string, uint16_t>> SplitHostPort(std::string_view host_port) {
  const auto mistake = [host_port](std::string_view what) {
    return InvalidArgumentError(StrCat("address ", Quoted(host_port), " ", what,
                                       R"(; write "host:port" or "[ipv6]:port")"));
  };
  const size_t colon = host_port.rfind(':');
  const size_t bracket = host_port.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
    return mistake("has no port");
  }
  const std::optional<uint64_t> port = ParseUint64(host_port.substr(colon + 1));
  if (!port.has_value() || *port > UINT16_MAX) return mistake("has no valid port");
  std::string_view host = host_port.substr(0, colon);
  if (!host.empty() && host.front() == '[') {
    if (host.back() != ']') return mistake("has no closing bracket");
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return mistake("has more than one colon and no brackets");
  }
  if (host.empty()) return mistake("has no host");
  return std::make_pair(std::string(host), static_cast<uint16_t>(*port));
}

bool IsIpLiteral(std::string_view host) { return Address::FromIp(host, 0).ok(); }

}  // namespace weir
