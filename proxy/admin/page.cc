// SPDX-License-Identifier: Apache-2.0
#include "proxy/admin/page.h"

#include <random>

#include "proxy/base/strings.h"

namespace weir {
namespace {

std::string NewNonce() {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::random_device random;
  std::string nonce;
  for (int i = 0; i < 32; ++i) nonce.push_back(kDigits[random() % 16]);
  return nonce;
}

}  // namespace

Page MakePage() {
  constexpr std::string_view kPlace = "NONCE";
  const std::string nonce = NewNonce();
  Page page;
  std::string_view rest = kPageTemplate;
  for (size_t at = rest.find(kPlace); at != std::string_view::npos; at = rest.find(kPlace)) {
    StrAppend(page.html, rest.substr(0, at), nonce);
    rest.remove_prefix(at + kPlace.size());
  }
  page.html.append(rest);
  page.content_security_policy =
      StrCat("default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; ",
             "connect-src 'self'; script-src 'nonce-", nonce, "'; style-src 'nonce-", nonce, "'");
  return page;
}

}  // namespace weir
