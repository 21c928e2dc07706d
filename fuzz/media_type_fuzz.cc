// SPDX-License-Identifier: Apache-2.0
//
// NegotiateAccept and RepresentationOf: any header value, for a list and for what is none.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/kube/media_type.h"

namespace {

using Kind = weir::Negotiated::Kind;

void Check(std::string_view header, bool list) {
  const weir::Negotiated negotiated = weir::NegotiateAccept(header, list);
  if (negotiated.fallback) {
    WEIR_CHECK(negotiated.kind != Kind::kOther);
    WEIR_CHECK(negotiated.preferred == weir::Representation::kProtobuf);
    WEIR_CHECK(*negotiated.fallback == weir::Representation::kJson);
  }
  if (negotiated.kind == Kind::kOther || header.empty()) return;
  // What nobody serves does not change the choice, while the clauses are few.
  const weir::Negotiated again = weir::NegotiateAccept(std::string(header) + ",x/y;q=0.001", list);
  if (again.kind != Kind::kOther) {
    WEIR_CHECK(again.kind == negotiated.kind && again.preferred == negotiated.preferred);
  }
  // The two forms of metadata exclude each other; for whole objects it makes no difference.
  const weir::Negotiated other = weir::NegotiateAccept(header, !list);
  if (negotiated.kind == Kind::kMetadata) WEIR_CHECK(other.kind == Kind::kOther);
  if (negotiated.kind == Kind::kObjects) WEIR_CHECK(other.kind == Kind::kObjects);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view header(reinterpret_cast<const char*>(data), size);
  weir::RepresentationOf(header);
  Check(header, true);
  Check(header, false);
  return 0;
}
