// SPDX-License-Identifier: Apache-2.0
#include "proxy/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace weir::internal {

void CheckFailed(const char* file, int line, const char* expression) {
  std::fprintf(stderr, "level=error msg=\"check failed\" at=%s:%d expression=\"%s\"\n", file, line,
               expression);
  std::fflush(stderr);
  std::abort();
}

}  // namespace weir::internal
