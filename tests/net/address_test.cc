// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/address.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/status.h"

namespace weir {
namespace {

using testing::HasSubstr;

TEST(AddressTest, ParsesBothFamilies) {
  for (const std::string_view text :
       {"127.0.0.1:6443", "0.0.0.0:0", "[::1]:443", "[2001:db8::1]:65535"}) {
    const auto address = Address::Parse(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), text);
  }
  EXPECT_EQ(Address::Parse("[::1]:443")->ip(), "::1");
  EXPECT_EQ(Address::Parse("[::1]:443")->port(), 443);
}

TEST(AddressTest, RefusesWhatIsNotOne) {
  for (const std::string_view text :
       {"", "localhost:80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.1:80", "::1:443", "[::1]", "[::1:443", "[::1]x:443", ":443", "1.2.3.4:80 ",
        "[1.2.3.4%lo]:80", "[fe80::1%nosuch]:80"}) {
    EXPECT_FALSE(Address::Parse(text).ok()) << text;
  }
  EXPECT_FALSE(Address::FromIp(std::string_view("127.0.0.1\0x", 11), 1).ok());
}

TEST(AddressTest, SaysWhatIsWrong) {
  EXPECT_THAT(MessageOf(Address::Parse("myhost").status()),
              HasSubstr(R"(address "myhost" has no port; write "host:port" or "[ipv6]:port")"));
  EXPECT_THAT(MessageOf(Address::Parse("myhost:1").status()), HasSubstr("is not an IP address"));
}

TEST(AddressTest, KnowsLoopback) {
  EXPECT_TRUE(Address::Parse("127.8.9.1:1")->is_loopback());
  EXPECT_TRUE(Address::Parse("[::1]:1")->is_loopback());
  EXPECT_TRUE(Address::Parse("[::ffff:127.0.0.1]:1")->is_loopback());
  EXPECT_FALSE(Address::Parse("10.0.0.1:1")->is_loopback());
  EXPECT_FALSE(Address::Parse("[::2]:1")->is_loopback());
  EXPECT_FALSE(Address().is_loopback());
}

TEST(AddressTest, SplitsHostAndPort) {
  EXPECT_EQ(*SplitHostPort("kubernetes.default.svc:443"),
            std::make_pair(std::string("kubernetes.default.svc"), uint16_t{443}));
  EXPECT_EQ(*SplitHostPort("[fd00::1]:6443"),
            std::make_pair(std::string("fd00::1"), uint16_t{6443}));
  EXPECT_FALSE(SplitHostPort("host").ok());
}

TEST(AddressTest, TellsIpLiteralsFromNames) {
  EXPECT_TRUE(IsIpLiteral("10.0.0.1"));
  EXPECT_TRUE(IsIpLiteral("fd00::1"));
  EXPECT_FALSE(IsIpLiteral("10.0.0"));
  EXPECT_FALSE(IsIpLiteral("kubernetes"));
  EXPECT_FALSE(IsIpLiteral("[::1]"));
}

}  // namespace
}  // namespace weir
