// SPDX-License-Identifier: Apache-2.0
//
// NegotiateAccept and RepresentationOf: any header value.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/kube/media_type.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using Kind = weir::Negotiated::Kind;
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  weir::RepresentationOf(header);
  const weir::Negotiated negotiated = weir::NegotiateAccept(header);
  if (negotiated.fallback) {
    WEIR_CHECK(negotiated.kind != Kind::kOther);
    WEIR_CHECK(negotiated.preferred == weir::Representation::kProtobuf);
    WEIR_CHECK(*negotiated.fallback == weir::Representation::kJson);
  }
  if (negotiated.kind == Kind::kOther || header.empty()) return 0;
  // What nobody serves does not change the choice, while the clauses are few.
  const weir::Negotiated again = weir::NegotiateAccept(std::string(header) + ",x/y;q=0.001");
  if (again.kind != Kind::kOther) {
    WEIR_CHECK(again.kind == negotiated.kind && again.preferred == negotiated.preferred);
  }
  return 0;
}
