// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

typedef struct ssl_ctx_st SSL_CTX;

namespace weir {

struct TlsServerOptions {
  std::string certificate_pem = {};  // Leaf first.
  std::string private_key_pem = {};
  std::vector<std::string> alpn = {"h2", "http/1.1"};  // In order of preference.
};

struct TlsClientOptions {
  std::string ca_pem = {};           // "" with insecure=false: the system's store.
  std::string ca_source = {};        // For messages: where ca_pem came from, e.g. a file name.
  bool insecure = false;             // insecure-skip-tls-verify of a kubeconfig.
  std::string certificate_pem = {};  // Leaf first; "" for none.
  std::string private_key_pem = {};
  std::vector<std::string> alpn = {"h2", "http/1.1"};
};

// Shared settings of TLS connections: TLS 1.2 and 1.3. Thread-safe once made (OpenSSL counts
// references atomically); one per worker is kept all the same.
class TlsContext {
 public:
  // The error names what does not parse or match.
  static absl::StatusOr<std::shared_ptr<TlsContext>> NewServer(const TlsServerOptions& options);
  static absl::StatusOr<std::shared_ptr<TlsContext>> NewClient(const TlsClientOptions& options);
  ~TlsContext();

  SSL_CTX* get() const { return context_; }
  const std::string& ca_source() const { return ca_source_; }
  bool insecure() const { return insecure_; }

 private:
  TlsContext() = default;
  SSL_CTX* context_ = nullptr;
  std::string ca_source_;
  bool insecure_ = false;
  std::string alpn_wire_;
};

}  // namespace weir
