// SPDX-License-Identifier: Apache-2.0
//
// ParseConfig: any text. Every line of the error names the file.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/server/config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = weir::ParseConfig("weir.yaml", text);
  if (config.ok()) {
    WEIR_CHECK(config->concurrency >= 1 && config->concurrency <= 64);
    WEIR_CHECK(config->cache.window_bytes <= config->cache.byte_budget);
    for (const weir::FilterConfig& filter : config->filters) WEIR_CHECK(!filter.name.empty());
  } else {
    WEIR_CHECK(weir::IsInvalidArgument(config.status()));
    WEIR_CHECK(weir::MessageOf(config.status()).starts_with("weir.yaml:"));
  }
  return 0;
}
