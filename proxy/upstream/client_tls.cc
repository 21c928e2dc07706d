// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/client_tls.h"

#include <utility>

#include "proxy/base/file.h"
#include "proxy/base/log.h"
#include "proxy/base/status.h"

namespace weir {
namespace {

// Of a bundle of many authorities, too.
constexpr size_t kMaxPemBytes = 1 << 20;

// Nothing where the CA was would mean the system's.
absl::Status ReadPem(const std::string& path, std::string& pem) {
  if (path.empty()) return absl::OkStatus();
  WEIR_ASSIGN_OR_RETURN(std::string text, ReadSmallFile(path, kMaxPemBytes));
  if (Trim(text).empty()) return InvalidArgumentError(StrCat(Quoted(path), " is empty"));
  pem = std::move(text);
  return absl::OkStatus();
}

std::string AlpnKey(const std::vector<std::string>& alpn) { return Join(alpn, ","); }

}  // namespace

ClientTls::ClientTls(TlsClientOptions options, TlsFiles files, absl::Duration reread)
    : files_(std::move(files)), reread_(reread), options_(std::move(options)) {}

absl::StatusOr<std::shared_ptr<ClientTls>> ClientTls::New(TlsClientOptions options, TlsFiles files,
                                                          absl::Duration reread) {
  std::shared_ptr<ClientTls> made(new ClientTls({}, std::move(files), reread));
  WEIR_RETURN_IF_ERROR(made->Use(std::move(options)));
  return made;
}

absl::Status ClientTls::Use(TlsClientOptions options) {
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<TlsContext> context, TlsContext::NewClient(options));
  options_ = std::move(options);
  contexts_.clear();
  contexts_.emplace(AlpnKey(options_.alpn), std::move(context));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<TlsContext>> ClientTls::ContextFor(
    const std::vector<std::string>& alpn) {
  Reread();
  const std::vector<std::string>& offered = alpn.empty() ? options_.alpn : alpn;
  std::shared_ptr<TlsContext>& context = contexts_[AlpnKey(offered)];
  if (context == nullptr) {
    TlsClientOptions options = options_;
    options.alpn = offered;
    WEIR_ASSIGN_OR_RETURN(context, TlsContext::NewClient(options));
  }
  return context;
}

uint64_t ClientTls::generation() {
  Reread();
  return generation_;
}

absl::StatusOr<TlsClientOptions> ClientTls::ReadFiles() const {
  TlsClientOptions options = options_;
  WEIR_RETURN_IF_ERROR(ReadPem(files_.ca, options.ca_pem));
  WEIR_RETURN_IF_ERROR(ReadPem(files_.certificate, options.certificate_pem));
  WEIR_RETURN_IF_ERROR(ReadPem(files_.private_key, options.private_key_pem));
  return options;
}

// Whatever the files' times say: a kubelet that swaps a symbolic link may leave them as they were.
void ClientTls::Reread() {
  if (files_.ca.empty() && files_.certificate.empty() && files_.private_key.empty()) return;
  const auto now = std::chrono::steady_clock::now();
  if (absl::FromChrono(now - read_at_) < reread_) return;
  read_at_ = now;
  absl::StatusOr<TlsClientOptions> read = ReadFiles();
  if (!read.ok()) return Complain(read.status());
  const bool same = read->ca_pem == options_.ca_pem &&
                    read->certificate_pem == options_.certificate_pem &&
                    read->private_key_pem == options_.private_key_pem;
  if (!same) {
    // A certificate and its key are written one after the other.
    if (const absl::Status used = Use(*std::move(read)); !used.ok()) return Complain(used);
    ++generation_;
    LogInfo("towards the API server another CA or client certificate is used from now on");
  }
  failing_ = false;
}

void ClientTls::Complain(const absl::Status& reason) {
  if (std::exchange(failing_, true)) return;
  LogWarning("goes on with the last CA and client certificate that could be used",
             {{"reason", MessageOf(reason)}});
}

}  // namespace weir
