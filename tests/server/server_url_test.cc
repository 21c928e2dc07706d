// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/server_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

std::string Describe(std::string_view url) {
  const auto parsed = ServerUrl::Parse(url);
  if (!parsed.ok()) return StrCat("error: ", MessageOf(parsed.status()));
  return StrCat(parsed->tls ? "tls " : "plain ", parsed->host, " ", parsed->port, " ",
                parsed->path);
}

TEST(ServerUrlTest, TakesUrlsApart) {
  EXPECT_EQ(Describe("https://10.0.0.1:6443"), "tls 10.0.0.1 6443 ");
  EXPECT_EQ(Describe("https://api.example.com"), "tls api.example.com 443 ");
  EXPECT_EQ(Describe("HTTPS://api.example.com/"), "tls api.example.com 443 ");
  EXPECT_EQ(Describe("http://localhost:8001"), "plain localhost 8001 ");
  EXPECT_EQ(Describe("http://localhost"), "plain localhost 80 ");
  EXPECT_EQ(Describe("https://[::1]:6443"), "tls ::1 6443 ");
  EXPECT_EQ(Describe("https://[fd00::a]"), "tls fd00::a 443 ");
  EXPECT_EQ(Describe("https://rancher.local/k8s/clusters/c-1/"),
            "tls rancher.local 443 /k8s/clusters/c-1");
}

TEST(ServerUrlTest, SaysWhatIsWrong) {
  const struct {
    const char* url;
    const char* mistake;
  } kCases[] = {
      {"", "must begin with https://"},
      {"10.0.0.1:6443", "must begin with https://"},
      {"ftp://x", "must begin with https://"},
      {"://x", "must begin with https://"},
      {"https://", "no valid host name: \"\""},
      {"https:///path", "no valid host name: \"\""},
      {"https://:443", "no valid host name: \"\""},
      {"https://a b", "no valid host name"},
      {"https://a:0", "no port from 1 to 65535"},
      {"https://a:65536", "no port from 1 to 65535"},
      {"https://a:", "no port from 1 to 65535"},
      {"https://a:b", "no port from 1 to 65535"},
      {"https://::1", "no valid host name"},
      {"https://[::1", "a [ without a ]"},
      {"https://[::1]x", "text after the ]"},
      {"https://[10.0.0.1]", "no IPv6 address in brackets"},
      {"https://user:pass@a", "no user name"},
      {"https://a/?x=1", "no query"},
      {"https://a#x", "no fragment"},
      {"https://a/b c", "a blank or a control character"},
  };
  for (const auto& c : kCases) EXPECT_THAT(Describe(c.url), testing::HasSubstr(c.mistake)) << c.url;
}

}  // namespace
}  // namespace weir
