// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http1_server_stream.h"

#include <algorithm>
#include <utility>

#include "proxy/base/check.h"

namespace weir {

Http1Server::Stream::Stream(Http1Server& server, const Http1RequestHead& request)
    : keep_alive(request.keep_alive),
      waits_for_tunnel(!request.head.upgrade.empty()),
      server_(server),
      upgrade_(request.head.upgrade),
      to_head_(request.head.method == "HEAD"),
      http10_(request.http10),
      expects_continue_(request.expects_continue) {}

bool Http1Server::Stream::window_full() const {
  return unconsumed >= server_.context_.options.initial_stream_window;
}

void Http1Server::Stream::SendInformational(const ResponseHead& head) {
  if (reset || head_sent || http10_) return;
  WEIR_DCHECK(head.status >= 100 && head.status < 200 && head.status != 101);
  continue_sent_ |= head.status == 100;
  head_text += EncodeInformational(head);
  server_.context_.connection.FlushSoon();
}

// A client that was not told to go on may or may not send its body: nobody knows where the next
// request would begin.
bool Http1Server::Stream::ReusableAfter(const ResponseHead& head) const {
  const bool body_in_doubt = expects_continue_ && !continue_sent_ && !request_done;
  return keep_alive && !server_.draining_ && !server_.peer_ended_ && !body_in_doubt &&
         !head.headers.HasToken("Connection", "close");
}

void Http1Server::Stream::SendHead(const ResponseHead& head) {
  using Framing = Http1BodyWriter::Framing;
  if (reset || head_sent) return;
  if (head.status == 101 && upgrade_.empty()) return Reset();
  head_sent = true;
  if (head.status == 101) {
    tunnel = true;
    keep_alive = false;
    head_text += EncodeSwitchingProtocols(head, upgrade_);
    body_writer = Http1BodyWriter(Framing::kUntilClose, 0);
    server_.parser_.StartTunnel();
    server_.context_.connection.FlushSoon();
    return;
  }
  const std::optional<int64_t> length = DeclaredLength(head.headers);
  Framing framing = Framing::kChunked;
  if (to_head_ || head.status == 204 || head.status == 304) {
    framing = Framing::kNone;
  } else if (length) {
    framing = Framing::kLength;
  } else if (http10_) {
    framing = Framing::kUntilClose;
  }
  keep_alive = ReusableAfter(head);
  head_text += EncodeResponseHead(head, framing, keep_alive);
  body_writer = Http1BodyWriter(framing, length.value_or(0));
  server_.context_.connection.FlushSoon();
}

void Http1Server::Stream::SendBody(Bytes bytes) {
  if (reset || out.ended()) return;
  out.Append(std::move(bytes));
  server_.context_.connection.FlushSoon();
}

void Http1Server::Stream::End(HeaderList trailers) {
  if (reset || out.ended()) return;
  if (!head_sent) return Reset();
  out.End(std::move(trailers));
  server_.context_.connection.FlushSoon();
}

void Http1Server::Stream::Reset() {
  if (std::exchange(reset, true)) return;
  server_.Abort();
}

void Http1Server::Stream::ConsumeBody(size_t count) {
  const bool was_full = window_full();
  unconsumed -= std::min(count, unconsumed);
  if (was_full && !window_full() && !reset) server_.context_.connection.ResumeReading();
}

}  // namespace weir
