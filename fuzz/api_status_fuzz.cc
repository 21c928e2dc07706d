// SPDX-License-Identifier: Apache-2.0
//
// ApiStatus::Decode: the first byte chooses the representation, the rest is a body. What is read
// is a failure, and survives both encodings.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/kube/api_status.h"
#include "proxy/kube/deletion_status.h"

namespace {

using weir::ApiStatus;
using weir::Representation;

bool operator==(const ApiStatus& a, const ApiStatus& b) {
  return a.code == b.code && a.reason == b.reason && a.message == b.message &&
         a.retry_after_seconds == b.retry_after_seconds && a.cause_reason == b.cause_reason &&
         a.cause_message == b.cause_message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto representation = data[0] % 2 == 0 ? Representation::kProtobuf : Representation::kJson;
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ApiStatus status = ApiStatus::Decode(representation, body);
  weir::DeletedUid(representation, body);
  WEIR_CHECK(status.code > 0 && status.retry_after_seconds >= 0);
  WEIR_CHECK(!weir::FromApiStatus(status).ok());
  const auto again = [](const ApiStatus& s, Representation r) {
    return ApiStatus::Decode(r, s.Encode(r));
  };
  WEIR_CHECK(again(status, Representation::kProtobuf) == status);
  // JSON mends invalid UTF-8, once.
  const ApiStatus mended = again(status, Representation::kJson);
  WEIR_CHECK(mended.code == status.code);
  WEIR_CHECK(again(mended, Representation::kJson) == mended);
  return 0;
}
