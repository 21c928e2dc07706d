// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

#include "proxy/base/strings.h"
#include "proxy/net/tls_context.h"

namespace weir {

// Where the PEM of TlsClientOptions comes from; "" for what is not from a file.
struct TlsFiles {
  std::string ca, certificate, private_key;
};

// How connections towards the API server are secured. What comes from files follows them: a
// cluster's CA and client certificates are rotated while Weir runs. Not thread-safe: one per worker
// and pool.
class ClientTls {
 public:
  // The error says which of `options`, which were read from `files`, does not parse or match. The
  // files are read again at most every `reread`, and only when somebody asks.
  static absl::StatusOr<std::shared_ptr<ClientTls>> New(TlsClientOptions options,
                                                        TlsFiles files = {},
                                                        absl::Duration reread = absl::Seconds(10));

  // For a new connection. `alpn` narrows what is offered; {} for all.
  absl::StatusOr<std::shared_ptr<TlsContext>> ContextFor(const std::vector<std::string>& alpn);
  // Another number whenever the files have become others that can be used; until then the last
  // good ones are used, which is logged.
  uint64_t generation();

 private:
  ClientTls(TlsClientOptions options, TlsFiles files, absl::Duration reread);
  void Reread();
  absl::StatusOr<TlsClientOptions> ReadFiles() const;
  absl::Status Use(TlsClientOptions options);
  void Complain(const absl::Status& reason);

  const TlsFiles files_;
  const absl::Duration reread_;
  TlsClientOptions options_;
  StringMap<std::shared_ptr<TlsContext>> contexts_;  // Of options_, by the protocols they offer.
  std::chrono::steady_clock::time_point read_at_ = std::chrono::steady_clock::now();
  uint64_t generation_ = 0;
  bool failing_ = false;  // Has been logged.
};

}  // namespace weir
