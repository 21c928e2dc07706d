// SPDX-License-Identifier: Apache-2.0
//
// Http1Parser as a server uses it. What it says does not depend on how its input is cut; what it
// takes for a request is one that Weir can write again and read as the same.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/base/strings.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/http1_writer.h"

namespace {

using weir::Http1Parser;
using Event = Http1Parser::Event;

constexpr size_t kMaxHead = 4096;

void CheckAgain(const weir::Http1RequestHead& request) {
  const std::string text =
      weir::EncodeRequestHead(request.head, weir::Http1BodyWriter::Framing::kNone);
  std::string_view input = text;
  Http1Parser parser(Http1Parser::Kind::kRequests, 4 * kMaxHead);
  WEIR_CHECK(parser.Next(input) == Event::kHead);
  WEIR_CHECK(parser.request().head.method == request.head.method);
  WEIR_CHECK(parser.request().head.target == request.head.target);
  WEIR_CHECK(parser.request().head.authority == request.head.authority);
}

// Everything the parser says, as text.
std::string Read(std::string_view text, size_t piece) {
  Http1Parser parser(Http1Parser::Kind::kRequests, kMaxHead);
  std::string said;
  size_t body = 0;
  while (!text.empty()) {
    std::string_view input = text.substr(0, piece);
    text.remove_prefix(input.size());
    for (Event event; (event = parser.Next(input)) != Event::kNeedMore;) {
      if (event == Event::kError) return said + "error";
      if (event == Event::kBody) body += parser.body().size();
      if (event == Event::kHead) {
        CheckAgain(parser.request());
        weir::StrAppend(said, parser.request().head.method, parser.request().head.target,
                        parser.request().head.headers.bytes(), ";");
      }
      if (event == Event::kEnd) {
        weir::StrAppend(said, body, ".", parser.trailers().bytes(), "\n");
        body = 0;
        parser.StartMessage();
      }
    }
    WEIR_CHECK(input.empty());
  }
  return weir::StrCat(said, body, parser.Finish() == Event::kError ? "cut" : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string whole = Read(text, SIZE_MAX);
  WEIR_CHECK(whole == Read(text, 1));
  WEIR_CHECK(whole == Read(text, std::max<size_t>(1, data[0])));
  return 0;
}
