// SPDX-License-Identifier: Apache-2.0
#include "proxy/http/refusal.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/http/http1_writer.h"

namespace weir {

ApiStatus RefusalOf(const absl::Status& error) {
  ApiStatus refusal;
  refusal.code = IsLimit(error) ? 431 : 400;
  refusal.reason = IsLimit(error) ? "RequestHeaderFieldsTooLarge" : "BadRequest";
  refusal.message = StrCat("malformed request: ", MessageOf(error));
  return refusal;
}

std::string EncodeHttp1Refusal(const absl::Status& error) {
  const ApiStatus refusal = RefusalOf(error);
  const std::string body = refusal.Encode(Representation::kJson);
  ResponseHead head;
  head.status = refusal.code;
  head.headers.Add("Content-Type", "application/json");
  head.headers.Add("Content-Length", StrCat(body.size()));
  return EncodeResponseHead(head, Http1BodyWriter::Framing::kLength, false) + body;
}

}  // namespace weir
