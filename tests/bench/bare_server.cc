// SPDX-License-Identifier: Apache-2.0
// The reference of the benchmarks, and the API server behind the proxies they measure: HTTP/2
// over TLS with nghttp2, OpenSSL and epoll in one thread, and content that is ready before the
// first request.
//
//   bare_server --cert FILE --key FILE [--listen PORT] [--objects N] [--object-bytes N]
//
// Listens on 127.0.0.1 and says at which port on its first line; prints its counters on SIGUSR1.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bare_connection.h"
#include "tests/bench/bare_content.h"

namespace weir::bench {
namespace {

constexpr int kTickMs = 50;  // How exact the ends of watches are.

struct Options {
  std::string cert;
  std::string key;
  uint16_t port = 0;
  size_t objects = 0;
  size_t object_bytes = 4096;
};

[[noreturn]] void Die(const std::string& what) {
  std::fprintf(stderr, "bare_server: %s\n", what.c_str());
  std::exit(1);
}

int Checked(int result, const char* what) {
  if (result < 0) Die(std::string(what) + ": " + std::strerror(errno));
  return result;
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view name = argv[i];
    if (name == "--cert") {
      options.cert = argv[i + 1];
    } else if (name == "--key") {
      options.key = argv[i + 1];
    } else if (name == "--listen") {
      options.port = static_cast<uint16_t>(std::strtoul(argv[i + 1], nullptr, 10));
    } else if (name == "--objects") {
      options.objects = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (name == "--object-bytes") {
      options.object_bytes = std::strtoull(argv[i + 1], nullptr, 10);
    } else {
      Die("unknown option " + std::string(name));
    }
  }
  if (options.cert.empty() || options.key.empty()) Die("--cert and --key are needed");
  return options;
}

int SelectHttp2(SSL*, const uint8_t** out, uint8_t* out_size, const uint8_t* in, unsigned in_size,
                void*) {
  static constexpr uint8_t kHttp2[] = {2, 'h', '2'};
  const int result = SSL_select_next_proto(const_cast<uint8_t**>(out), out_size, kHttp2,
                                           sizeof(kHttp2), in, in_size);
  return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

SSL_CTX* MakeTls(const Options& options) {
  SSL_CTX* tls = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  // One cipher, so that each peer pays for the same.
  SSL_CTX_set_ciphersuites(tls, "TLS_AES_128_GCM_SHA256");
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(tls, SelectHttp2, nullptr);
  if (SSL_CTX_use_certificate_chain_file(tls, options.cert.c_str()) != 1) {
    Die("cannot use the certificate in " + options.cert);
  }
  if (SSL_CTX_use_PrivateKey_file(tls, options.key.c_str(), SSL_FILETYPE_PEM) != 1) {
    Die("cannot use the key in " + options.key);
  }
  return tls;
}

class BareServer {
 public:
  explicit BareServer(const Options& options)
      : tls_(MakeTls(options)),
        content_(options.objects, options.object_bytes),
        epoll_(Checked(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")) {
    Listen(options.port);
    sigset_t signals;
    sigemptyset(&signals);
    for (const int signal : {SIGUSR1, SIGTERM, SIGINT}) sigaddset(&signals, signal);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    signals_ = Checked(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC), "signalfd");
    Add(signals_, EPOLLIN);
  }

  ~BareServer() {
    connections_.clear();
    SSL_CTX_free(tls_);
    for (const int fd : {listener_, signals_, epoll_}) close(fd);
  }

  void Run() {
    auto tick = BareConnection::Clock::now();
    while (!stopped_) {
      epoll_event events[64];
      const int ready = epoll_wait(epoll_, events, std::size(events), kTickMs);
      for (int i = 0; i < ready; ++i) OnEvent(events[i].data.fd);
      const auto now = BareConnection::Clock::now();
      if (now - tick < std::chrono::milliseconds(kTickMs)) continue;
      tick = now;
      std::erase_if(connections_, [now](auto& entry) { return !entry.second->EndWatches(now); });
    }
  }

 private:
  void Listen(uint16_t port) {
    listener_ = Checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    Checked(bind(listener_, generic, size), "bind");
    Checked(listen(listener_, 1024), "listen");
    Checked(getsockname(listener_, generic, &size), "getsockname");
    Add(listener_, EPOLLIN);
    std::printf("listening on 127.0.0.1:%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
  }

  void Add(int fd, uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.fd = fd;
    Checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }

  void OnEvent(int fd) {
    if (fd == listener_) return Accept();
    if (fd == signals_) return OnSignal();
    const auto connection = connections_.find(fd);
    if (connection == connections_.end()) return;
    if (!connection->second->OnReady()) connections_.erase(connection);
  }

  void Accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      const int on = 1;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      connections_[fd] = std::make_unique<BareConnection>(fd, tls_, content_, counters_);
      Add(fd, EPOLLIN | EPOLLOUT | EPOLLET);
    }
  }

  void OnSignal() {
    signalfd_siginfo info;
    while (read(signals_, &info, sizeof(info)) == sizeof(info)) {
      if (info.ssi_signo != SIGUSR1) {
        stopped_ = true;
        continue;
      }
      std::printf("requests=%llu posts=%llu body_bytes=%llu\n",
                  static_cast<unsigned long long>(counters_.requests),
                  static_cast<unsigned long long>(counters_.posts),
                  static_cast<unsigned long long>(counters_.body_bytes));
      std::fflush(stdout);
    }
  }

  // Set once.
  SSL_CTX* const tls_;
  const BareContent content_;
  const int epoll_;
  int listener_ = -1;
  int signals_ = -1;

  BareCounters counters_;
  bool stopped_ = false;
  std::unordered_map<int, std::unique_ptr<BareConnection>> connections_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  std::signal(SIGPIPE, SIG_IGN);
  weir::bench::BareServer(weir::bench::ParseOptions(argc, argv)).Run();
  return 0;
}
