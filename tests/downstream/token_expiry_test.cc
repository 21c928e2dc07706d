// SPDX-License-Identifier: Apache-2.0
#include "proxy/downstream/token_expiry.h"

#include <string>

#include "proxy/base/strings.h"

namespace weir {
namespace {

// Without padding, URL alphabet.
std::string Base64Url(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  uint32_t bits = 0;
  int count = 0;
  for (const unsigned char c : text) {
    bits = bits << 8 | c;
    for (count += 8; count >= 6; count -= 6) out += kDigits[bits >> (count - 6) & 63];
  }
  if (count > 0) out += kDigits[bits << (6 - count) & 63];
  return out;
}

std::string Jwt(std::string_view claims) {
  return StrCat(Base64Url(R"({"alg":"RS256"})"), ".", Base64Url(claims), ".c2lnbmF0dXJl");
}

TEST(TokenExpiryTest, IsTheClaimOfAJwt) {
  EXPECT_EQ(TokenExpiry(Jwt(R"({"aud":["x"],"exp":1700000000,"iat":1600000000})")),
            absl::FromUnixSeconds(1700000000));
  EXPECT_EQ(TokenExpiry(Jwt(R"({"exp": 1700000000 })")), absl::FromUnixSeconds(1700000000));
}

TEST(TokenExpiryTest, TokenThatIsNoJwtDoesNotExpire) {
  for (const char* token : {"", "opaque", "a.b", "a.b.c", "..", "\xff.\xff.\xff"}) {
    EXPECT_EQ(TokenExpiry(token), absl::InfiniteFuture()) << token;
  }
}

TEST(TokenExpiryTest, JwtWithoutTheClaimDoesNotExpire) {
  EXPECT_EQ(TokenExpiry(Jwt(R"({"sub":"x"})")), absl::InfiniteFuture());
  EXPECT_EQ(TokenExpiry(Jwt(R"({"exp":"soon"})")), absl::InfiniteFuture());
  EXPECT_EQ(TokenExpiry(Jwt(R"({"exp":99999999999999999999})")), absl::InfiniteFuture());
}

TEST(TokenExpiryTest, EarliestOfSeveralCounts) {
  EXPECT_EQ(TokenExpiry(Jwt(R"({"exp":1800000000,"nested":{"exp":1700000000}})")),
            absl::FromUnixSeconds(1700000000));
}

TEST(BearerTokenTest, IsWhatFollowsTheScheme) {
  EXPECT_EQ(BearerToken("Bearer abc"), "abc");
  EXPECT_EQ(BearerToken("bearer abc"), "abc");
  EXPECT_EQ(BearerToken("  BEARER abc  "), "abc");
  EXPECT_EQ(BearerToken("Bearer abc def"), "abc");
}

// The API server splits at each blank, and an empty token is none.
TEST(BearerTokenTest, IsNoneBehindTwoBlanks) {
  EXPECT_EQ(BearerToken("Bearer  abc"), "");
  EXPECT_EQ(BearerToken("  BEARER   abc  "), "");
}

TEST(BearerTokenTest, OtherSchemesHaveNone) {
  for (const char* header : {"", "Bearer", "Bearer ", "Basic abc", "abc", "Bearerabc"}) {
    EXPECT_EQ(BearerToken(header), "") << header;
  }
}

}  // namespace
}  // namespace weir
