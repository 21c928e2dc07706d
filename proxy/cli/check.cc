// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/check.h"

#include <cstdio>

#include "proxy/base/status.h"

namespace weir {

int CheckConfig(const std::string& path, const ValidateFilter& validate) {
  const absl::StatusOr<Config> config = LoadConfig(path, validate);
  if (config.ok()) {
    std::printf("%s: ok\n", path.c_str());
    return kExitOk;
  }
  const std::string_view mistakes = MessageOf(config.status());
  std::fprintf(stderr, "%.*s\n", static_cast<int>(mistakes.size()), mistakes.data());
  return kExitUsage;
}

}  // namespace weir
