// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/client_tls.h"

#include <gtest/gtest.h>

#include "proxy/base/log.h"
#include "proxy/net/certificate_authority.h"
#include "tests/support/temp_dir.h"

namespace weir {
namespace {

class ClientTlsTest : public testing::Test {
 protected:
  ClientTlsTest() { SetLogLevel(LogLevel::kOff); }
  ~ClientTlsTest() override { SetLogLevel(LogLevel::kInfo); }

  static CertificateAndKey Issue() {
    return CertificateAuthority::Create()->IssueServer({"weir"}).value();
  }
  static std::string NewCa() { return CertificateAuthority::Create()->certificate_pem(); }
  // Of files that hold what `options` does.
  std::shared_ptr<ClientTls> Open(absl::Duration reread = {}) {
    options_.ca_pem = NewCa();
    const CertificateAndKey own = Issue();
    options_.certificate_pem = own.certificate_pem;
    options_.private_key_pem = own.private_key_pem;
    const TlsFiles files{.ca = directory_.Write("ca.crt", options_.ca_pem),
                         .certificate = directory_.Write("tls.crt", own.certificate_pem),
                         .private_key = directory_.Write("tls.key", own.private_key_pem)};
    return ClientTls::New(options_, files, reread).value();
  }
  static std::shared_ptr<TlsContext> Context(ClientTls& tls) { return tls.ContextFor({}).value(); }

  TempDir directory_;
  TlsClientOptions options_;
};

TEST_F(ClientTlsTest, SaysWhatDoesNotParse) {
  EXPECT_FALSE(ClientTls::New({.ca_pem = "no PEM", .ca_source = "/etc/ca.crt"}).ok());
}

TEST_F(ClientTlsTest, OneContextPerOffer) {
  const auto tls = Open();
  const auto all = Context(*tls);
  EXPECT_EQ(tls->ContextFor(options_.alpn).value(), all);
  const auto narrow = tls->ContextFor({"http/1.1"}).value();
  EXPECT_NE(narrow, all);
  EXPECT_EQ(tls->ContextFor({"http/1.1"}).value(), narrow);
  EXPECT_EQ(Context(*tls), all);
  EXPECT_EQ(tls->generation(), 0u);
}

TEST_F(ClientTlsTest, FollowsTheCa) {
  const auto tls = Open();
  const auto before = Context(*tls);
  const auto narrow = tls->ContextFor({"http/1.1"}).value();
  directory_.Write("ca.crt", NewCa());
  EXPECT_EQ(tls->generation(), 1u);
  EXPECT_NE(Context(*tls), before);
  EXPECT_NE(tls->ContextFor({"http/1.1"}).value(), narrow);
  EXPECT_EQ(tls->generation(), 1u);
}

// They are written one after the other.
TEST_F(ClientTlsTest, WaitsForTheKeyOfACertificate) {
  const auto tls = Open();
  const auto before = Context(*tls);
  const CertificateAndKey next = Issue();
  directory_.Write("tls.crt", next.certificate_pem);
  EXPECT_EQ(tls->generation(), 0u);
  EXPECT_EQ(Context(*tls), before);
  directory_.Write("tls.key", next.private_key_pem);
  EXPECT_EQ(tls->generation(), 1u);
  EXPECT_NE(Context(*tls), before);
}

// No CA would mean the system's.
TEST_F(ClientTlsTest, GoesOnWhenAFileIsEmptyOrGone) {
  const auto tls = Open();
  const auto before = Context(*tls);
  for (const char* content : {"", "\n", "no PEM"}) {
    directory_.Write("ca.crt", content);
    EXPECT_EQ(Context(*tls), before) << content;
  }
  std::filesystem::remove(directory_.Path("ca.crt"));
  EXPECT_EQ(Context(*tls), before);
  EXPECT_EQ(tls->generation(), 0u);
  directory_.Write("ca.crt", NewCa());
  EXPECT_EQ(tls->generation(), 1u);
}

TEST_F(ClientTlsTest, ReadsNoMoreOftenThanItIsTold) {
  const auto tls = Open(absl::Hours(1));
  const auto before = Context(*tls);
  directory_.Write("ca.crt", NewCa());
  EXPECT_EQ(Context(*tls), before);
}

TEST_F(ClientTlsTest, WhatIsNotFromAFileStays) {
  const auto tls = ClientTls::New({.ca_pem = NewCa()}, {}, absl::ZeroDuration()).value();
  EXPECT_EQ(Context(*tls), Context(*tls));
  EXPECT_EQ(tls->generation(), 0u);
}

}  // namespace
}  // namespace weir
