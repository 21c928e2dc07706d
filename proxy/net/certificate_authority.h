// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace weir {

struct CertificateAndKey {
  std::string certificate_pem;
  std::string private_key_pem;
};

// A certificate authority that lives as long as the process: its key is never written anywhere.
// ECDSA P-256. Valid from an hour ago (clocks differ) for ten years.
class CertificateAuthority {
 public:
  static absl::StatusOr<CertificateAuthority> Create();
  // A server certificate for DNS names and IP addresses (as SANs).
  absl::StatusOr<CertificateAndKey> IssueServer(const std::vector<std::string>& names) const;
  const std::string& certificate_pem() const { return ca_.certificate_pem; }

 private:
  CertificateAndKey ca_;
};

// `bytes` random bytes from the system's generator, hex.
absl::StatusOr<std::string> RandomHex(size_t bytes);
// SHA-256, raw 32 bytes: what tokens are remembered by.
std::string Sha256(std::string_view text);

}  // namespace weir
