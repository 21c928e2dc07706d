// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "proxy/event/dispatcher.h"
#include "proxy/http/client_pool.h"
#include "proxy/net/resolver.h"
#include "proxy/upstream/client_tls.h"

namespace weir {

// Where a connection goes and how it is secured.
struct DialTarget {
  std::string host;  // A name or an IP address, without brackets.
  uint16_t port = 443;
  std::string server_name;                     // What the certificate must name.
  std::shared_ptr<ClientTls> tls;              // nullptr: plain TCP.
  absl::Duration timeout = absl::Seconds(10);  // Name, TCP and TLS together.
};

// "10.0.0.1:443", "[fd00::1]:443": for a Host header and for messages.
std::string HostPort(std::string_view host, uint16_t port);

// Resolves the name, then tries its addresses in turn until one is connected and, with TLS, its
// certificate has verified. They share the time there is.
// REQUIRES: `dispatcher` and `resolver` outlive the connector and its connections.
Connector NewConnector(Dispatcher& dispatcher, Resolver& resolver, DialTarget target);

}  // namespace weir
