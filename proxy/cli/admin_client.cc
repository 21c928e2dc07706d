// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/admin_client.h"

#include <cerrno>
#include <cstring>
#include <memory>

#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

constexpr size_t kMaxAnswerBytes = 64 << 20;

class Connection {
 public:
  Connection(const Address& address, absl::Duration timeout)
      : fd_(socket(address.sockaddr_ptr()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const timeval limit = absl::ToTimeval(timeout);
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  }
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Failed(const Address& admin, std::string_view what) {
  return UnavailableError(StrCat("cannot read from ", admin.ToString(), ": ", what));
}

// The request is small: one send takes it.
absl::StatusOr<std::string> Exchange(const Address& admin, const std::string& request,
                                     absl::Duration timeout) {
  const Connection connection(admin, timeout);
  if (connect(connection.fd(), admin.sockaddr_ptr(), admin.sockaddr_size()) != 0) {
    return UnavailableError(StrCat("cannot connect to ", admin.ToString(), ": ",
                                   std::strerror(errno),
                                   "; is weir running, with this --admin address?"));
  }
  if (send(connection.fd(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return Failed(admin, std::strerror(errno));
  }
  std::string answer;
  char buffer[16 << 10];
  for (;;) {
    const ssize_t got = recv(connection.fd(), buffer, sizeof(buffer), 0);
    if (got == 0) return answer;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return Failed(admin, errno == EAGAIN ? "no answer in time" : std::strerror(errno));
    }
    answer.append(buffer, static_cast<size_t>(got));
    if (answer.size() > kMaxAnswerBytes) return Failed(admin, "the answer is too large");
  }
}

}  // namespace

absl::StatusOr<std::string> GetAdminPage(const Address& admin, std::string_view path,
                                         absl::Duration timeout) {
  const std::string request = StrCat("GET ", path, " HTTP/1.1\r\nHost: ", admin.ToString(),
                                     "\r\nConnection: close\r\n\r\n");
  WEIR_ASSIGN_OR_RETURN(const std::string answer, Exchange(admin, request, timeout));
  const size_t head_end = answer.find("\r\n\r\n");
  if (head_end == std::string::npos || answer.compare(0, 9, "HTTP/1.1 ") != 0) {
    return Failed(admin, "what listens there is no admin port of weir");
  }
  const std::string body = answer.substr(head_end + 4);
  if (answer.compare(9, 4, "200 ") != 0) {
    return Failed(admin, StrCat(path, " was answered ",
                                Quoted(std::string_view(answer).substr(9, answer.find('\r') - 9))));
  }
  // The admin port always says how long a page is.
  const std::string head = Lower(std::string_view(answer).substr(0, head_end + 2));
  if (head.find(StrCat("\r\ncontent-length: ", body.size(), "\r\n")) == std::string::npos) {
    return Failed(admin, StrCat("the answer to ", path, " was cut off"));
  }
  return body;
}

}  // namespace weir
