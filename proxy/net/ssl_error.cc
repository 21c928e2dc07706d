// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/ssl_error.h"

#include "openssl/err.h"

namespace weir {

std::string TakeSslError() {
  const unsigned long code = ERR_peek_error();
  ERR_clear_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  return reason == nullptr ? "unknown reason" : reason;
}

}  // namespace weir
