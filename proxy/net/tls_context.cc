// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/tls_context.h"

#include <utility>

#include "openssl/err.h"
#include "openssl/pem.h"

#include "proxy/base/log.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/ssl_error.h"

namespace weir {
namespace {

BioPtr ReadOnly(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Without this OpenSSL would ask the terminal for the password of an encrypted key.
int NoPassword(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

struct Certificates {
  std::vector<CertificatePtr> parsed;
  int broken = 0;
  std::string reason;  // Of the last broken one.
};

// All CERTIFICATE blocks of a PEM text; whatever stands between them is skipped.
Certificates ParseCertificates(const std::string& pem) {
  Certificates result;
  const BioPtr bio = ReadOnly(pem);
  while (true) {
    ERR_clear_error();
    CertificatePtr one(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (one != nullptr) {
      result.parsed.push_back(std::move(one));
      continue;
    }
    const bool no_more = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    std::string reason = TakeSslError();
    if (no_more) return result;
    ++result.broken;
    result.reason = std::move(reason);
  }
}

absl::Status UseCertificate(SSL_CTX* context, const std::string& pem) {
  const Certificates chain = ParseCertificates(pem);
  if (chain.broken > 0) {
    return InvalidArgumentError(StrCat("the certificate does not parse: ", chain.reason));
  }
  if (chain.parsed.empty()) {
    return InvalidArgumentError("the certificate has no PEM block \"BEGIN CERTIFICATE\"");
  }
  if (SSL_CTX_use_certificate(context, chain.parsed.front().get()) != 1) {
    return InvalidArgumentError(StrCat("the certificate is not usable: ", TakeSslError()));
  }
  for (size_t i = 1; i < chain.parsed.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, chain.parsed[i].get()) != 1) {
      return InvalidArgumentError(
          StrCat("certificate ", i + 1, " of the chain is not usable: ", TakeSslError()));
    }
  }
  return absl::OkStatus();
}

absl::Status UsePrivateKey(SSL_CTX* context, const std::string& pem) {
  bool password_asked = false;
  const BioPtr bio = ReadOnly(pem);
  const PrivateKeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassword, &password_asked));
  if (password_asked) {
    ERR_clear_error();
    return InvalidArgumentError("the private key is encrypted; it must be without a password");
  }
  if (key == nullptr) {
    return InvalidArgumentError(StrCat("the private key does not parse: ", TakeSslError()));
  }
  const X509* const certificate = SSL_CTX_get0_certificate(context);
  if (X509_check_private_key(certificate, key.get()) != 1) {
    ERR_clear_error();
    return InvalidArgumentError("the private key does not match the certificate");
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) == 1) return absl::OkStatus();
  return InvalidArgumentError(StrCat("the private key is not usable: ", TakeSslError()));
}

absl::Status UseTrusted(SSL_CTX* context, const std::string& ca_pem, std::string_view source) {
  if (ca_pem.empty()) {
    if (SSL_CTX_set_default_verify_paths(context) == 1) return absl::OkStatus();
    return InternalError(StrCat("cannot use the system's certificates: ", TakeSslError()));
  }
  const Certificates trusted = ParseCertificates(ca_pem);
  if (trusted.parsed.empty()) {
    return InvalidArgumentError(StrCat("no CA certificate in ", source, ": ",
                                       trusted.broken > 0 ? std::string_view(trusted.reason)
                                                          : R"(no PEM block "BEGIN CERTIFICATE")"));
  }
  // As Go does: what cannot be read is not trusted, and the rest is.
  if (trusted.broken > 0) {
    LogWarning("CA certificate does not parse and is ignored",
               {{"source", source}, {"count", trusted.broken}, {"reason", trusted.reason}});
  }
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  for (const CertificatePtr& certificate : trusted.parsed) {
    X509_STORE_add_cert(store, certificate.get());
  }
  // As in Go: whatever is in the bundle is trusted, a self-signed root above it is not needed.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  ERR_clear_error();
  return absl::OkStatus();
}

absl::StatusOr<std::string> AlpnWire(const std::vector<std::string>& protocols) {
  std::string wire;
  for (const std::string& protocol : protocols) {
    if (protocol.empty() || protocol.size() > 255) {
      return InvalidArgumentError(StrCat("not an ALPN protocol: ", Quoted(protocol)));
    }
    wire.push_back(static_cast<char>(protocol.size()));
    wire.append(protocol);
  }
  return wire;
}

const unsigned char* Unsigned(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// The first of ours that the client has, too; without one the connection goes on as HTTP/1.1.
int SelectAlpn(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
               const unsigned char* offered, unsigned int offered_size, void* wire) {
  const auto& own = *static_cast<const std::string*>(wire);
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, Unsigned(own), static_cast<unsigned>(own.size()),
                            offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

SSL_CTX* NewContext(const SSL_METHOD* method) {
  SSL_CTX* const context = SSL_CTX_new(method);
  if (context == nullptr) return nullptr;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  // An idle connection keeps no buffers (16 KB instead of 50 KB each); a write that blocked may
  // be tried again from other memory and counts what it has done.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One system call for a record's header and body.
  SSL_CTX_set_read_ahead(context, 1);
  // A bare FIN ends the stream as close_notify does: HTTP's framing tells a truncated message.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Sessions are resumed by tickets; none is kept here.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  return context;
}

}  // namespace

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::NewServer(const TlsServerOptions& options) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->context_ = NewContext(TLS_server_method());
  if (made->context_ == nullptr) {
    return InternalError(StrCat("cannot make a TLS context: ", TakeSslError()));
  }
  WEIR_RETURN_IF_ERROR(UseCertificate(made->context_, options.certificate_pem));
  WEIR_RETURN_IF_ERROR(UsePrivateKey(made->context_, options.private_key_pem));
  WEIR_ASSIGN_OR_RETURN(made->alpn_wire_, AlpnWire(options.alpn));
  if (!made->alpn_wire_.empty()) {
    SSL_CTX_set_alpn_select_cb(made->context_, &SelectAlpn, &made->alpn_wire_);
  }
  SSL_CTX_set_num_tickets(made->context_, 1);
  return made;
}

absl::StatusOr<std::shared_ptr<TlsContext>> TlsContext::NewClient(const TlsClientOptions& options) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  made->ca_source_ = !options.ca_source.empty() ? options.ca_source
                     : options.ca_pem.empty()   ? "the system's store"
                                                : "the configuration";
  made->insecure_ = options.insecure;
  made->context_ = NewContext(TLS_client_method());
  if (made->context_ == nullptr) {
    return InternalError(StrCat("cannot make a TLS context: ", TakeSslError()));
  }
  if (!options.insecure)
    WEIR_RETURN_IF_ERROR(UseTrusted(made->context_, options.ca_pem, made->ca_source_));
  SSL_CTX_set_verify(made->context_, options.insecure ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nullptr);
  if (options.certificate_pem.empty() != options.private_key_pem.empty()) {
    return InvalidArgumentError(options.certificate_pem.empty()
                                    ? "a client key needs its client certificate"
                                    : "a client certificate needs its client key");
  }
  if (!options.certificate_pem.empty()) {
    WEIR_RETURN_IF_ERROR(UseCertificate(made->context_, options.certificate_pem));
    WEIR_RETURN_IF_ERROR(UsePrivateKey(made->context_, options.private_key_pem));
  }
  WEIR_ASSIGN_OR_RETURN(made->alpn_wire_, AlpnWire(options.alpn));
  SSL_CTX_set_alpn_protos(made->context_, Unsigned(made->alpn_wire_),
                          static_cast<unsigned>(made->alpn_wire_.size()));
  return made;
}

}  // namespace weir
