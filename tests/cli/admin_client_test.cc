// SPDX-License-Identifier: Apache-2.0
#include "proxy/cli/admin_client.h"

#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/status.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// Answers one connection with the same bytes, whatever it asks.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const Address any = Address::Parse("127.0.0.1:0").value();
    EXPECT_EQ(bind(fd_, any.sockaddr_ptr(), any.sockaddr_size()), 0);
    EXPECT_EQ(listen(fd_, 1), 0);
    sockaddr_storage bound = {};
    socklen_t size = sizeof(bound);
    EXPECT_EQ(getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size), 0);
    address_ = Address::FromSockaddr(reinterpret_cast<sockaddr*>(&bound), size);
    thread_ = std::thread([this, answer = std::move(answer)] {
      const int connection = accept(fd_, nullptr, nullptr);
      char buffer[4096];
      while (asked_.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = recv(connection, buffer, sizeof(buffer), 0);
        if (got <= 0) break;
        asked_.append(buffer, static_cast<size_t>(got));
      }
      send(connection, answer.data(), answer.size(), MSG_NOSIGNAL);
      close(connection);
    });
  }
  ~OneAnswer() {
    if (thread_.joinable()) thread_.join();
    close(fd_);
  }
  const Address& address() const { return address_; }
  const std::string& asked() {
    thread_.join();
    return asked_;
  }

 private:
  const int fd_;
  Address address_;
  std::string asked_;
  std::thread thread_;
};

std::string ErrorOf(const std::string& answer) {
  OneAnswer server(answer);
  const auto page = GetAdminPage(server.address(), "/lag");
  EXPECT_FALSE(page.ok());
  return std::string(MessageOf(page.status()));
}

TEST(AdminClientTest, ReadsAPage) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n");
  const auto page = GetAdminPage(server.address(), "/lag");
  ASSERT_TRUE(page.ok()) << page.status();
  EXPECT_EQ(*page, "{}\n");
  EXPECT_THAT(server.asked(), StartsWith("GET /lag HTTP/1.1\r\nHost: 127.0.0.1:"));
}

TEST(AdminClientTest, SaysWhatIsWrong) {
  EXPECT_THAT(ErrorOf("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
              HasSubstr("/lag was answered \"404 Not Found\""));
  EXPECT_THAT(ErrorOf("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n{}\n"), HasSubstr("cut off"));
  EXPECT_THAT(ErrorOf("SSH-2.0-x\r\n"), HasSubstr("no admin port of weir"));
}

TEST(AdminClientTest, SaysThatNothingListens) {
  Address gone;
  {
    OneAnswer server("");
    gone = server.address();
    EXPECT_FALSE(GetAdminPage(gone, "/lag").ok());
  }
  const auto page = GetAdminPage(gone, "/lag");
  ASSERT_FALSE(page.ok());
  EXPECT_THAT(std::string(MessageOf(page.status())),
              HasSubstr(gone.ToString() + ": Connection refused; is weir running"));
}

}  // namespace
}  // namespace weir
