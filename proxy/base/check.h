// SPDX-License-Identifier: Apache-2.0
#pragma once

// WEIR_CHECK stops the process when a promise inside Weir is broken. Never on a value that came
// from outside: input, network, files and clocks are handled, not checked.

namespace weir::internal {
[[noreturn]] void CheckFailed(const char* file, int line, const char* expression);
}  // namespace weir::internal

#define WEIR_CHECK(condition)             \
  (static_cast<bool>(condition) ? (void)0 \
                                : ::weir::internal::CheckFailed(__FILE__, __LINE__, #condition))

#ifdef NDEBUG
#define WEIR_DCHECK(condition) ((void)sizeof(!(condition)))
#else
#define WEIR_DCHECK(condition) WEIR_CHECK(condition)
#endif
