// SPDX-License-Identifier: Apache-2.0
#include "proxy/net/tls_context.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "proxy/base/status.h"
#include "proxy/net/certificate_authority.h"

namespace weir {
namespace {

using testing::HasSubstr;

// A P-256 key under the password "secret"; made for this test.
constexpr char kEncryptedKey[] = R"(-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAi/qVZjSeeymQICCAAw
DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEKxJ+2RevoiCWIiOZj1npBEEgZDO
FYkO5pueJoXCpOSWdr7tbo3QcZ6/oOtcRdImI1VA0sxFkqQ6J1zwpqD1pS9G3V/F
D+kBfWp+v7HNmXTxikpBJw4P+JmzLTT88gLH8093N4KzlmvljVsOhhcgi8VuSNNP
/XricgsAX4X1bFWLXlHKbdEyoXGyDBH4pK30oJ6rtc+uwbG2/xmsIuf/GVwwAOg=
-----END ENCRYPTED PRIVATE KEY-----
)";

class TlsContextTest : public testing::Test {
 protected:
  std::string ServerError(std::string certificate, std::string key) {
    const auto context = TlsContext::NewServer(
        {.certificate_pem = std::move(certificate), .private_key_pem = std::move(key)});
    EXPECT_TRUE(IsInvalidArgument(context.status())) << context.status();
    return std::string(MessageOf(context.status()));
  }
  std::string ClientError(const TlsClientOptions& options) {
    const auto context = TlsContext::NewClient(options);
    EXPECT_TRUE(IsInvalidArgument(context.status())) << context.status();
    return std::string(MessageOf(context.status()));
  }

  const CertificateAuthority authority_ = CertificateAuthority::Create().value();
  const CertificateAndKey own_ = authority_.IssueServer({"a"}).value();
};

TEST_F(TlsContextTest, TakesACertificateWithItsKey) {
  EXPECT_TRUE(
      TlsContext::NewServer({.certificate_pem = own_.certificate_pem + authority_.certificate_pem(),
                             .private_key_pem = own_.private_key_pem})
          .ok());
}

TEST_F(TlsContextTest, SaysWhatIsWrongWithTheCertificate) {
  EXPECT_EQ(ServerError("", own_.private_key_pem),
            "the certificate has no PEM block \"BEGIN CERTIFICATE\"");
  EXPECT_EQ(ServerError(own_.private_key_pem, own_.private_key_pem),
            "the certificate has no PEM block \"BEGIN CERTIFICATE\"");
  EXPECT_THAT(ServerError("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
                          own_.private_key_pem),
              HasSubstr("the certificate does not parse: "));
  EXPECT_THAT(ServerError(own_.certificate_pem.substr(0, 200), own_.private_key_pem),
              HasSubstr("the certificate does not parse: "));
}

TEST_F(TlsContextTest, SaysWhatIsWrongWithTheKey) {
  EXPECT_THAT(ServerError(own_.certificate_pem, ""), HasSubstr("the private key does not parse"));
  EXPECT_THAT(ServerError(own_.certificate_pem, "rubbish"),
              HasSubstr("the private key does not parse"));
  EXPECT_EQ(ServerError(own_.certificate_pem, authority_.IssueServer({"b"})->private_key_pem),
            "the private key does not match the certificate");
  EXPECT_EQ(ServerError(own_.certificate_pem, kEncryptedKey),
            "the private key is encrypted; it must be without a password");
}

TEST_F(TlsContextTest, SaysWhichAuthorityIsWrong) {
  EXPECT_EQ(ClientError({.ca_pem = "rubbish", .ca_source = "/x/ca.crt"}),
            "no CA certificate in /x/ca.crt: no PEM block \"BEGIN CERTIFICATE\"");
  EXPECT_THAT(
      ClientError({.ca_pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                   .ca_source = "/x/ca.crt"}),
      HasSubstr("no CA certificate in /x/ca.crt: "));
}

TEST_F(TlsContextTest, ClientCertificateAndKeyComeTogether) {
  EXPECT_EQ(ClientError(
                {.ca_pem = authority_.certificate_pem(), .certificate_pem = own_.certificate_pem}),
            "a client certificate needs its client key");
  EXPECT_EQ(ClientError(
                {.ca_pem = authority_.certificate_pem(), .private_key_pem = own_.private_key_pem}),
            "a client key needs its client certificate");
}

TEST_F(TlsContextTest, RefusesProtocolNamesThatCannotBeSent) {
  EXPECT_THAT(ClientError({.insecure = true, .alpn = {""}}), HasSubstr("not an ALPN protocol"));
  EXPECT_THAT(ClientError({.insecure = true, .alpn = {std::string(256, 'x')}}),
              HasSubstr("not an ALPN protocol"));
}

TEST_F(TlsContextTest, UsesTheSystemsAuthoritiesWithoutOthers) {
  const auto context = TlsContext::NewClient({});
  ASSERT_TRUE(context.ok()) << context.status();
  EXPECT_EQ((*context)->ca_source(), "the system's store");
}

TEST(CertificateAuthorityTest, NeedsAName) {
  EXPECT_FALSE(CertificateAuthority::Create()->IssueServer({}).ok());
}

TEST(CertificateAuthorityTest, NoTwoAreAlike) {
  EXPECT_NE(CertificateAuthority::Create()->certificate_pem(),
            CertificateAuthority::Create()->certificate_pem());
  EXPECT_NE(*RandomHex(16), *RandomHex(16));
  EXPECT_EQ(RandomHex(16)->size(), 32u);
}

TEST(CertificateAuthorityTest, HashesWithSha256) {
  EXPECT_EQ(Sha256("abc").substr(0, 4), "\xBA\x78\x16\xBF");
  EXPECT_EQ(Sha256("").size(), 32u);
}

}  // namespace
}  // namespace weir
