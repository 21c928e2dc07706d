// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace weir {

// page.html, in which NONCE stands for what the Content-Security-Policy names.
extern const std::string_view kPageTemplate;

struct Page {
  std::string html;
  // Nothing runs or is loaded that is not in the page itself, whatever a name in it says.
  std::string content_security_policy;
};
// With a nonce of its own.
Page MakePage();

}  // namespace weir
