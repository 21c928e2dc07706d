// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/http2_server_exchange.h"

#include <utility>
#include <vector>

#include "proxy/base/check.h"
#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/http/http1_writer.h"

namespace weir {

std::vector<Http2Session::Field> Http2Server::Exchange::EncodeHead(const ResponseHead& head) {
  status_ = StrCat(head.status);
  std::vector<Field> fields;
  fields.reserve(head.headers.fields().size() + 1);
  fields.push_back(MakeField(":status", status_));
  AppendFields(head.headers, fields);
  return fields;
}

void Http2Server::Exchange::SendInformational(const ResponseHead& head) {
  if (reset || head_sent_) return;
  WEIR_DCHECK(head.status >= 100 && head.status < 200 && head.status != 101);
  const std::vector<Field> fields = EncodeHead(head);
  nghttp2_submit_headers(server_.session(), NGHTTP2_FLAG_NONE, id, nullptr, fields.data(),
                         fields.size(), nullptr);
  server_.connection().FlushSoon();
}

void Http2Server::Exchange::SendHead(const ResponseHead& head) {
  if (reset || head_sent_) return;
  if (head.status < 200) return Reset();  // There is no 101 here.
  head_sent_ = true;
  bodiless_ = request.method == "HEAD" || head.status == 204 || head.status == 304;
  if (!bodiless_) owed_ = DeclaredLength(head.headers).value_or(-1);
  const std::vector<Field> fields = EncodeHead(head);
  const nghttp2_data_provider body = BodyProvider(*this);
  nghttp2_submit_response(server_.session(), id, fields.data(), fields.size(),
                          bodiless_ ? nullptr : &body);
  server_.connection().FlushSoon();
}

void Http2Server::Exchange::SendBody(Bytes bytes) {
  if (reset || out->ended() || bodiless_) return;
  if (owed_ >= 0) {
    if (static_cast<int64_t>(bytes.size()) > owed_) return Reset();
    owed_ -= static_cast<int64_t>(bytes.size());
  }
  out->Append(std::move(bytes));
  server_.ResumeBody(*this);
}

void Http2Server::Exchange::End(HeaderList trailers) {
  if (reset || out->ended()) return;
  if (!head_sent_ || owed_ > 0) {
    LogWarning("an answer does not have the length it announced", {{"client", peer()}});
    return Reset();
  }
  out->End(std::move(trailers));
  server_.ResumeBody(*this);
}

void Http2Server::Exchange::Reset() { server_.ResetStream(*this, NGHTTP2_INTERNAL_ERROR); }

void Http2Server::Exchange::ConsumeBody(size_t count) {
  if (!reset) server_.Consume(*this, count);
}

}  // namespace weir
