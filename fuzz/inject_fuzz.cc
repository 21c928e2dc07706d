// SPDX-License-Identifier: Apache-2.0
//
// InjectManifests: any text. What it makes is YAML that it would not change again.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/cli/inject.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const weir::InjectOptions options{.image = "weir", .run_as_user = std::nullopt};
  const auto once = weir::InjectManifests("in", text, options);
  if (once.ok()) {
    const auto twice = weir::InjectManifests("out", once->text, options);
    WEIR_CHECK(twice.ok());
    WEIR_CHECK(twice->text == once->text);
  } else {
    WEIR_CHECK(weir::IsInvalidArgument(once.status()));
    WEIR_CHECK(weir::MessageOf(once.status()).starts_with("in:"));
  }
  return 0;
}
