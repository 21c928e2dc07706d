// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"

namespace weir {

// What a client of Weir needs, as files: ca.crt, token and namespace (the look-alike of a
// service-account mount, for programs that only know rest.InClusterConfig) and a kubeconfig that
// any Kubernetes tool accepts. Files are replaced atomically (written beside, renamed); token is
// mode 0600, the others hold no secret.
struct ClientDirectoryFiles {
  std::string ca_pem;
  std::string token;  // "" while there is none.
  std::string namespace_name;
  std::string server_url;  // "https://127.0.0.1:6443"
};

class ClientDirectory {
 public:
  explicit ClientDirectory(std::string path) : path_(std::move(path)) {}
  const std::string& path() const { return path_; }

  // Makes the directory if it is not there and writes every file. The error names path and cause.
  absl::Status WriteAll(const ClientDirectoryFiles& files) const;
  // The token has been rotated.
  absl::Status WriteToken(const std::string& token) const;

 private:
  std::string path_;
};

}  // namespace weir
