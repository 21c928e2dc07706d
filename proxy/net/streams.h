// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"

#include "proxy/event/dispatcher.h"
#include "proxy/net/byte_stream.h"
#include "proxy/net/socket.h"
#include "proxy/net/tls_context.h"

// Makers of the ByteStreams there are. `timeout` bounds connecting plus handshake; on_connected
// gets a TimeoutError after it.

namespace weir {

ByteStreamPtr NewTcpServerStream(Dispatcher& dispatcher, Socket socket);
ByteStreamPtr NewTcpClientStream(Dispatcher& dispatcher, Socket connecting, absl::Duration timeout);
ByteStreamPtr NewTlsServerStream(Dispatcher& dispatcher, Socket socket,
                                 std::shared_ptr<TlsContext> context, absl::Duration timeout);
// `server_name` is verified against the certificate's SAN (a DNS name or an IP address) and sent
// as SNI when it is a name.
ByteStreamPtr NewTlsClientStream(Dispatcher& dispatcher, Socket connecting,
                                 std::shared_ptr<TlsContext> context, std::string server_name,
                                 absl::Duration timeout);

}  // namespace weir
