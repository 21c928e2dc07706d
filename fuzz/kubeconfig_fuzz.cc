// SPDX-License-Identifier: Apache-2.0
//
// ParseKubeconfig: any text. Files that it names are looked for beneath a directory that is not
// there.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/server/kubeconfig.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // Files that block or never end are not what is tested.
  if (text.find("/dev") != std::string_view::npos) return 0;
  if (text.find("/proc") != std::string_view::npos) return 0;
  const auto kubeconfig = weir::ParseKubeconfig("/nowhere/config", text, "");
  if (kubeconfig.ok()) {
    WEIR_CHECK(!kubeconfig->target.host.empty() && kubeconfig->target.port != 0);
    WEIR_CHECK(!kubeconfig->namespace_name.empty());
  } else {
    WEIR_CHECK(weir::MessageOf(kubeconfig.status()).starts_with("/nowhere/config:"));
  }
  return 0;
}
