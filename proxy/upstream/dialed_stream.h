// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/net/byte_stream.h"
#include "proxy/upstream/connector.h"

namespace weir {

// A connection to whichever of a name's addresses answers first, tried one after the other: each
// has its share of the time left until `deadline`. on_connected of the stream says why none did.
// Private to the connector.
ByteStreamPtr NewDialedStream(Dispatcher& dispatcher, std::shared_ptr<const DialTarget> target,
                              std::shared_ptr<TlsContext> context, std::vector<Address> addresses,
                              MonotonicTime deadline);

}  // namespace weir
