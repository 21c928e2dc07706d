// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/certificate_authority.h"

#include <cstdint>

#include "openssl/ec.h"
#include "openssl/pem.h"
#include "openssl/rand.h"
#include "openssl/sha.h"
#include "openssl/x509v3.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/address.h"
#include "proxy/net/ssl_error.h"

namespace weir {
namespace {

constexpr long kBackdatedSeconds = 3600;
constexpr int kValidDays = 3650;
constexpr size_t kLongestCommonName = 64;

using NamesPtr = std::unique_ptr<GENERAL_NAMES, SslDeleter<GENERAL_NAMES_free>>;

absl::Status Failed(std::string_view what) {
  return InternalError(StrCat("cannot ", what, ": ", TakeSslError()));
}

std::string ToText(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<CertificateAndKey> ToPem(X509* certificate, EVP_PKEY* key) {
  const BioPtr certificate_bio(BIO_new(BIO_s_mem()));
  const BioPtr key_bio(BIO_new(BIO_s_mem()));
  if (PEM_write_bio_X509(certificate_bio.get(), certificate) != 1 ||
      PEM_write_bio_PrivateKey(key_bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return Failed("write a certificate");
  }
  return CertificateAndKey{ToText(certificate_bio.get()), ToText(key_bio.get())};
}

bool AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value);
  if (extension == nullptr) return false;
  const bool added = X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool SetRandomSerial(X509* certificate) {
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7F) | 0x40);  // Positive, never short.
  BIGNUM* const number = BN_bin2bn(bytes, sizeof(bytes), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

// A certificate with everything but extensions and signature.
CertificatePtr NewCertificate(std::string_view common_name, EVP_PKEY* key,
                              const X509_NAME* issuer) {
  CertificatePtr made(X509_new());
  common_name = common_name.substr(0, kLongestCommonName);
  X509_NAME* const subject = X509_get_subject_name(made.get());
  const bool filled =
      X509_set_version(made.get(), X509_VERSION_3) == 1 && SetRandomSerial(made.get()) &&
      X509_gmtime_adj(X509_getm_notBefore(made.get()), -kBackdatedSeconds) != nullptr &&
      X509_time_adj_ex(X509_getm_notAfter(made.get()), kValidDays, 0, nullptr) != nullptr &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) == 1 &&
      X509_set_issuer_name(made.get(), issuer == nullptr ? subject : issuer) == 1 &&
      X509_set_pubkey(made.get(), key) == 1;
  if (!filled) made.reset();
  return made;
}

bool AddName(GENERAL_NAMES* names, const std::string& name) {
  GENERAL_NAME* const entry = GENERAL_NAME_new();
  if (ASN1_OCTET_STRING* const ip = a2i_IPADDRESS(name.c_str()); ip != nullptr) {
    GENERAL_NAME_set0_value(entry, GEN_IPADD, ip);
  } else {
    ASN1_IA5STRING* const dns = ASN1_IA5STRING_new();
    ASN1_STRING_set(dns, name.data(), static_cast<int>(name.size()));
    GENERAL_NAME_set0_value(entry, GEN_DNS, dns);
  }
  return sk_GENERAL_NAME_push(names, entry) > 0;
}

bool AddAlternativeNames(X509* certificate, const std::vector<std::string>& names) {
  const NamesPtr list(sk_GENERAL_NAME_new_null());
  for (const std::string& name : names) {
    if (!AddName(list.get(), name)) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, list.get(), 0, 0) == 1;
}

CertificatePtr ParseCertificate(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return CertificatePtr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

PrivateKeyPtr ParseKey(const std::string& pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return PrivateKeyPtr(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
}

}  // namespace

absl::StatusOr<CertificateAuthority> CertificateAuthority::Create() {
  const PrivateKeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return Failed("make a key");
  // A name of its own, so that a client that trusts two of them picks the right one.
  WEIR_ASSIGN_OR_RETURN(const std::string suffix, RandomHex(4));
  const CertificatePtr made = NewCertificate(StrCat("weir CA ", suffix), key.get(), nullptr);
  X509* const x509 = made.get();
  if (x509 == nullptr ||
      !AddExtension(x509, x509, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
      !AddExtension(x509, x509, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !AddExtension(x509, x509, NID_subject_key_identifier, "hash") ||
      !AddExtension(x509, x509, NID_authority_key_identifier, "keyid:always") ||
      X509_sign(x509, key.get(), EVP_sha256()) == 0) {
    return Failed("make a certificate authority");
  }
  CertificateAuthority authority;
  WEIR_ASSIGN_OR_RETURN(authority.ca_, ToPem(x509, key.get()));
  return authority;
}

absl::StatusOr<CertificateAndKey> CertificateAuthority::IssueServer(
    const std::vector<std::string>& names) const {
  if (names.empty()) return InvalidArgumentError("a server certificate needs at least one name");
  const CertificatePtr issuer = ParseCertificate(ca_.certificate_pem);
  const PrivateKeyPtr issuer_key = ParseKey(ca_.private_key_pem);
  const PrivateKeyPtr key(EVP_EC_gen("P-256"));
  if (issuer == nullptr || issuer_key == nullptr || key == nullptr) return Failed("make a key");
  const CertificatePtr made =
      NewCertificate(names.front(), key.get(), X509_get_subject_name(issuer.get()));
  X509* const x509 = made.get();
  if (x509 == nullptr ||
      !AddExtension(x509, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !AddExtension(x509, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !AddExtension(x509, issuer.get(), NID_ext_key_usage, "serverAuth") ||
      !AddExtension(x509, issuer.get(), NID_subject_key_identifier, "hash") ||
      !AddExtension(x509, issuer.get(), NID_authority_key_identifier, "keyid:always") ||
      !AddAlternativeNames(x509, names) || X509_sign(x509, issuer_key.get(), EVP_sha256()) == 0) {
    return Failed("issue a server certificate");
  }
  return ToPem(x509, key.get());
}

absl::StatusOr<std::string> RandomHex(size_t bytes) {
  std::string raw(bytes, '\0');
  if (RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(bytes)) != 1) {
    return Failed("read random bytes");
  }
  std::string hex;
  for (const char c : raw) {
    const auto byte = static_cast<uint8_t>(c);
    hex.push_back("0123456789abcdef"[byte >> 4]);
    hex.push_back("0123456789abcdef"[byte & 15]);
  }
  return hex;
}

std::string Sha256(std::string_view text) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace weir
