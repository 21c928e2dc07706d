// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "openssl/err.h"
#include "openssl/ssl.h"
#include "openssl/x509v3.h"
#include <sys/socket.h>

#include "proxy/base/check.h"
#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/certificate_error.h"
#include "proxy/net/socket_stream.h"
#include "proxy/net/ssl_error.h"
#include "proxy/net/streams.h"

namespace weir {
namespace {

// The most that one TLS record holds.
constexpr size_t kRecordSize = 16384;

// What is worth checking after a failed handshake, "" when nothing in particular.
std::string_view HandshakeHint(unsigned long code) {
  switch (ERR_GET_LIB(code) == ERR_LIB_SSL ? ERR_GET_REASON(code) : 0) {
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_PACKET_LENGTH_TOO_LONG:
    case SSL_R_HTTP_REQUEST:
    case SSL_R_HTTPS_PROXY_REQUEST:
      return "; does it speak TLS?";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
      return "; the peer does not trust this side's certificate";
    default:
      return "";
  }
}

// OpenSSL on the socket itself, driven by edges.
class TlsStream final : public SocketStream {
 public:
  TlsStream(Dispatcher& dispatcher, Socket socket, bool client, std::shared_ptr<TlsContext> context,
            std::string server_name, absl::Duration timeout);

  Result Read(char* buffer, size_t size) override;
  Result Write(std::string_view bytes) override;
  void ShutdownWrite() override;
  std::string_view alpn() const override;

 private:
  static int OnVerify(int verified, X509_STORE_CTX* store);

  absl::StatusOr<bool> Handshake() override;
  void OnEdge(uint32_t& events) override;
  absl::Status PrepareClient();
  absl::Status HandshakeError(int error, int system_error) const;
  absl::Status TransferError(int error, int system_error) const;
  void SendCloseNotify();

  // Set once.
  const std::shared_ptr<TlsContext> context_;
  const std::string server_name_;  // "" at the server's end.
  const SslPtr ssl_;
  absl::Status prepared_;  // Not OK: the handshake must not begin.
  std::string certificate_error_;

  // Key updates may make one direction wait for the other's edge.
  bool read_wants_write_ = false;
  bool write_wants_read_ = false;
  bool read_ended_ = false;
  bool shutdown_started_ = false;
  bool close_notify_blocked_ = false;
};

TlsStream::TlsStream(Dispatcher& dispatcher, Socket socket, bool client,
                     std::shared_ptr<TlsContext> context, std::string server_name,
                     absl::Duration timeout)
    : SocketStream(dispatcher, std::move(socket), /*connecting=*/client, timeout),
      context_(std::move(context)),
      server_name_(std::move(server_name)),
      ssl_(SSL_new(context_->get())) {
  WEIR_CHECK(ssl_ != nullptr && SSL_set_fd(ssl_.get(), fd()) == 1);
  if (client) {
    prepared_ = PrepareClient();
    SSL_set_connect_state(ssl_.get());
  } else {
    SSL_set_accept_state(ssl_.get());
  }
}

absl::Status TlsStream::PrepareClient() {
  std::string name = server_name_;
  if (!name.empty() && name.back() == '.') name.pop_back();
  const bool ip = IsIpLiteral(name);
  if (!ip && !name.empty() && SSL_set_tlsext_host_name(ssl_.get(), name.c_str()) != 1) {
    ERR_clear_error();
    return InvalidArgumentError(StrCat("not a server name: ", Quoted(server_name_)));
  }
  if (context_->insecure()) return absl::OkStatus();
  X509_VERIFY_PARAM* const verify = SSL_get0_param(ssl_.get());
  // As Go verifies: names are in the SAN only, and "*" stands for a whole label.
  X509_VERIFY_PARAM_set_hostflags(
      verify, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  const bool set = ip ? X509_VERIFY_PARAM_set1_ip_asc(verify, name.c_str()) == 1
                      : X509_VERIFY_PARAM_set1_host(verify, name.data(), name.size()) == 1;
  // An empty name would be accepted and match any certificate.
  if (!set || name.empty()) {
    ERR_clear_error();
    return InvalidArgumentError(
        StrCat("no server name to verify the certificate of ", peer(), " by: ", Quoted(name)));
  }
  SSL_set_app_data(ssl_.get(), this);
  SSL_set_verify(ssl_.get(), SSL_VERIFY_PEER, &TlsStream::OnVerify);
  return absl::OkStatus();
}

// Remembers what OpenSSL forgets: which certificate it was that failed.
int TlsStream::OnVerify(int verified, X509_STORE_CTX* store) {
  if (verified == 1) return 1;
  const auto* const ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto* const self = static_cast<TlsStream*>(SSL_get_app_data(ssl));
  self->certificate_error_ = DescribeCertificateError(X509_STORE_CTX_get_current_cert(store),
                                                      X509_STORE_CTX_get_error(store));
  return 0;
}

absl::StatusOr<bool> TlsStream::Handshake() {
  if (!prepared_.ok()) return prepared_;
  ERR_clear_error();
  errno = 0;
  const int done = SSL_do_handshake(ssl_.get());
  if (done == 1) return true;
  const int system_error = errno;
  const int error = SSL_get_error(ssl_.get(), done);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return false;
  return HandshakeError(error, system_error);
}

absl::Status TlsStream::HandshakeError(int error, int system_error) const {
  if (!certificate_error_.empty()) {
    ERR_clear_error();
    return UnavailableError(StrCat("certificate of ", peer(), " does not verify for ",
                                   Quoted(server_name_), ": ", certificate_error_, " (CA from ",
                                   context_->ca_source(), ")"));
  }
  const unsigned long code = ERR_peek_error();
  if (error == SSL_ERROR_ZERO_RETURN ||
      (error == SSL_ERROR_SYSCALL && code == 0 && system_error == 0)) {
    return UnavailableError(StrCat(peer(), " closed the connection during the TLS handshake"));
  }
  const std::string reason = code == 0 ? Lower(std::strerror(system_error)) : Lower(TakeSslError());
  return UnavailableError(
      StrCat("TLS handshake with ", peer(), " failed: ", reason, HandshakeHint(code)));
}

absl::Status TlsStream::TransferError(int error, int system_error) const {
  if (error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0) {
    return Broken(system_error == 0 ? "closed by the peer" : std::strerror(system_error));
  }
  return Broken(TakeSslError());
}

void TlsStream::OnEdge(uint32_t& events) {
  const uint32_t edges = events;
  if ((edges & FileEvent::kWritable) != 0 && std::exchange(read_wants_write_, false)) {
    events |= FileEvent::kReadable;
  }
  if ((edges & FileEvent::kReadable) != 0 && std::exchange(write_wants_read_, false)) {
    events |= FileEvent::kWritable;
  }
  if ((edges & FileEvent::kWritable) != 0 && close_notify_blocked_) SendCloseNotify();
}

ByteStream::Result TlsStream::Read(char* buffer, size_t size) {
  Result result;
  if (!MayRead(result)) return result;
  while (result.bytes < size && !read_ended_) {
    ERR_clear_error();
    errno = 0;
    size_t count = 0;
    const int done = SSL_read_ex(ssl_.get(), buffer + result.bytes, size - result.bytes, &count);
    if (done == 1) {
      result.bytes += count;
      continue;
    }
    const int system_error = errno;
    const int error = SSL_get_error(ssl_.get(), done);
    if (error == SSL_ERROR_ZERO_RETURN) {
      read_ended_ = true;
    } else if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) {
      read_wants_write_ = error == SSL_ERROR_WANT_WRITE;
      result.would_block = true;
      return result;
    } else {
      FailRead(TransferError(error, system_error), result);
      return result;
    }
  }
  result.end = read_ended_ && result.bytes == 0;
  return result;
}

ByteStream::Result TlsStream::Write(std::string_view bytes) {
  Result result;
  if (!MayWrite(result)) {
    write_blocked_ = true;
    return result;
  }
  while (result.bytes < bytes.size()) {
    ERR_clear_error();
    errno = 0;
    const std::string_view record = bytes.substr(result.bytes, kRecordSize);
    size_t count = 0;
    const int done = SSL_write_ex(ssl_.get(), record.data(), record.size(), &count);
    if (done == 1) {
      result.bytes += count;
      continue;
    }
    const int system_error = errno;
    const int error = SSL_get_error(ssl_.get(), done);
    if (error == SSL_ERROR_WANT_WRITE || error == SSL_ERROR_WANT_READ) {
      write_wants_read_ = error == SSL_ERROR_WANT_READ;
      write_blocked_ = result.would_block = true;
      return result;
    }
    FailWrite(TransferError(error, system_error), result);
    return result;
  }
  return result;
}

void TlsStream::ShutdownWrite() {
  if (std::exchange(shutdown_started_, true)) return;
  SendCloseNotify();
}

void TlsStream::SendCloseNotify() {
  close_notify_blocked_ = false;
  if (up()) {
    ERR_clear_error();
    const int done = SSL_shutdown(ssl_.get());
    if (done < 0 && SSL_get_error(ssl_.get(), done) == SSL_ERROR_WANT_WRITE) {
      close_notify_blocked_ = true;
      return;
    }
    ERR_clear_error();
  }
  shutdown(fd(), SHUT_WR);
}

std::string_view TlsStream::alpn() const {
  const unsigned char* selected = nullptr;
  unsigned size = 0;
  if (up()) SSL_get0_alpn_selected(ssl_.get(), &selected, &size);
  return {reinterpret_cast<const char*>(selected), size};
}

}  // namespace

ByteStreamPtr NewTlsServerStream(Dispatcher& dispatcher, Socket socket,
                                 std::shared_ptr<TlsContext> context, absl::Duration timeout) {
  return std::make_unique<TlsStream>(dispatcher, std::move(socket), /*client=*/false,
                                     std::move(context), "", timeout);
}

ByteStreamPtr NewTlsClientStream(Dispatcher& dispatcher, Socket connecting,
                                 std::shared_ptr<TlsContext> context, std::string server_name,
                                 absl::Duration timeout) {
  return std::make_unique<TlsStream>(dispatcher, std::move(connecting), /*client=*/true,
                                     std::move(context), std::move(server_name), timeout);
}

}  // namespace weir
