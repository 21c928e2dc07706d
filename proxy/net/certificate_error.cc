// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/certificate_error.h"

#include "openssl/x509v3.h"
#include <netinet/in.h>

#include "proxy/base/strings.h"
#include "proxy/net/address.h"
#include "proxy/net/ssl_error.h"

namespace weir {
namespace {

using NamesPtr = std::unique_ptr<GENERAL_NAMES, SslDeleter<GENERAL_NAMES_free>>;

// A certificate of a large ingress may have a hundred names.
constexpr int kNamesShown = 8;

std::string_view ViewOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

std::string IpOf(std::string_view raw) {
  sockaddr_in v4 = {};
  sockaddr_in6 v6 = {};
  if (raw.size() == sizeof(v4.sin_addr)) {
    v4.sin_family = AF_INET;
    raw.copy(reinterpret_cast<char*>(&v4.sin_addr), raw.size());
    return Address::FromSockaddr(reinterpret_cast<sockaddr*>(&v4), sizeof(v4)).ip();
  }
  if (raw.size() != sizeof(v6.sin6_addr)) return "";
  v6.sin6_family = AF_INET6;
  raw.copy(reinterpret_cast<char*>(&v6.sin6_addr), raw.size());
  return Address::FromSockaddr(reinterpret_cast<sockaddr*>(&v6), sizeof(v6)).ip();
}

std::string NamesIn(const X509* certificate) {
  const NamesPtr names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  std::string text;
  int shown = 0;
  for (int i = 0; i < count && shown <= kNamesShown; ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    std::string one;
    if (name->type == GEN_DNS) one = ViewOf(name->d.dNSName);
    if (name->type == GEN_IPADD) one = IpOf(ViewOf(name->d.iPAddress));
    if (one.empty()) continue;
    if (shown > 0) text.append(", ");
    text.append(++shown > kNamesShown ? "..." : Quoted(one));
  }
  return text.empty() ? "it names no host" : "it is for " + text;
}

std::string TimeOf(const ASN1_TIME* time) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (time == nullptr || ASN1_TIME_print(bio.get(), time) != 1) return "an unreadable date";
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

}  // namespace

std::string DescribeCertificateError(const X509* certificate, int error) {
  std::string reason = Lower(X509_verify_cert_error_string(error));
  if (certificate == nullptr) return reason;
  switch (error) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return StrCat(reason, "; ", NamesIn(certificate));
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return StrCat(reason, " on ", TimeOf(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return StrCat(reason, " before ", TimeOf(X509_get0_notBefore(certificate)),
                    "; is the clock right?");
    default:
      return reason;
  }
}

}  // namespace weir
