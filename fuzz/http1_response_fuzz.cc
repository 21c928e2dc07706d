// SPDX-License-Identifier: Apache-2.0
//
// Http1Parser as a client uses it: the first byte says whether the answers are to HEAD requests.
// What it says does not depend on how its input is cut, and a body is never longer than the
// input or than it was announced.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/http/http1_parser.h"

namespace {

using weir::Http1Framing;
using weir::Http1Parser;
using Event = Http1Parser::Event;

void CheckBody(const Http1Parser& parser, const weir::Http1ResponseHead& response, size_t body) {
  WEIR_CHECK(parser.message_complete());
  if (response.framing.kind == Http1Framing::Kind::kNone) WEIR_CHECK(body == 0);
  if (response.framing.kind == Http1Framing::Kind::kLength) {
    WEIR_CHECK(static_cast<int64_t>(body) == response.framing.length);
  }
}

std::string Read(std::string_view text, size_t piece, bool to_head) {
  Http1Parser parser(Http1Parser::Kind::kResponses, 4096);
  parser.StartMessage(to_head);
  std::string said;
  size_t body = 0;
  while (!text.empty()) {
    std::string_view input = text.substr(0, piece);
    text.remove_prefix(input.size());
    for (Event event; (event = parser.Next(input)) != Event::kNeedMore;) {
      if (event == Event::kError) return said + "error";
      if (event == Event::kBody) body += parser.body().size();
      if (event == Event::kHead) {
        weir::StrAppend(said, parser.response().head.status, parser.response().head.headers.bytes(),
                        ";");
      }
      if (event == Event::kEnd) {
        CheckBody(parser, parser.response(), body);
        weir::StrAppend(said, body, "\n");
        body = 0;
        parser.StartMessage(to_head);
      }
    }
    WEIR_CHECK(input.empty());
  }
  return weir::StrCat(said, body, parser.Finish() == Event::kError ? "cut" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool to_head = data[0] % 2 == 1;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = Read(text, SIZE_MAX, to_head);
  WEIR_CHECK(whole == Read(text, 1, to_head));
  WEIR_CHECK(whole == Read(text, std::max<size_t>(1, data[0]), to_head));
  return 0;
}
