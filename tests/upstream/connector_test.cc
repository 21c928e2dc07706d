// SPDX-License-Identifier: Apache-2.0
#include "proxy/upstream/connector.h"

#include "gmock/gmock.h"
#include "openssl/ssl.h"

#include "proxy/base/status.h"
#include "proxy/base/strings.h"
#include "proxy/net/certificate_authority.h"
#include "proxy/net/streams.h"
#include "proxy/upstream/dialed_stream.h"
#include "proxy/upstream/upstream.h"
#include "tests/net/loop_fixture.h"
#include "tests/support/temp_dir.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr absl::Duration kTimeout = absl::Seconds(10);

class ConnectorTest : public LoopTest {
 protected:
  // What a plain or TLS server on loopback is reached by.
  DialTarget PlainTarget() {
    const Address address = Listen(
        [this](Socket socket) { return NewTcpServerStream(*dispatcher_, std::move(socket)); });
    DialTarget target;
    target.host = "127.0.0.1";
    target.port = address.port();
    return target;
  }
  std::shared_ptr<TlsContext> ServerContext() {
    const CertificateAndKey issued = authority_.IssueServer({"kubernetes.default"}).value();
    return TlsContext::NewServer({.certificate_pem = issued.certificate_pem,
                                  .private_key_pem = issued.private_key_pem})
        .value();
  }
  DialTarget TlsTarget(const std::shared_ptr<TlsContext>& server) {
    const Address address = Listen([this, server](Socket socket) {
      return NewTlsServerStream(*dispatcher_, std::move(socket), server, kTimeout);
    });
    DialTarget target;
    target.host = "127.0.0.1";
    target.port = address.port();
    target.server_name = "kubernetes.default";
    target.tls =
        ClientTls::New({.ca_pem = authority_.certificate_pem(), .ca_source = "/etc/ca.crt"})
            .value();
    return target;
  }
  // Nothing listens there any more.
  Address Closed() {
    const Socket socket = Socket::Listen(Loopback(), false).value();
    return socket.LocalAddress().value();
  }

  void Dial(const DialTarget& target, const std::vector<std::string>& alpn = {"h2", "http/1.1"}) {
    Connector connector = NewConnector(*dispatcher_, resolver_, target);
    std::optional<absl::StatusOr<ByteStreamPtr>> dialed;
    const RequestHandle handle =
        connector(alpn, [&](absl::StatusOr<ByteStreamPtr> stream) { dialed = std::move(stream); });
    EXPECT_FALSE(dialed.has_value());
    RunUntil([&] { return dialed.has_value(); });
    ASSERT_TRUE(dialed->ok()) << dialed->status();
    Take(*std::move(*dialed));
  }
  void Take(ByteStreamPtr stream) {
    client_ = std::make_unique<Endpoint>(std::move(stream));
    RunUntil([this] { return client_->connected().has_value(); });
  }
  std::string Failure() const { return std::string(MessageOf(*client_->connected())); }

  Resolver resolver_;
  const CertificateAuthority authority_ = CertificateAuthority::Create().value();
};

TEST_F(ConnectorTest, BracketsIpv6Addresses) {
  EXPECT_EQ(HostPort("10.0.0.1", 443), "10.0.0.1:443");
  EXPECT_EQ(HostPort("kubernetes.default.svc", 443), "kubernetes.default.svc:443");
  EXPECT_EQ(HostPort("fd00::1", 6443), "[fd00::1]:6443");
}

TEST_F(ConnectorTest, ConnectsInPlainTcp) {
  Dial(PlainTarget());
  ASSERT_TRUE(client_->up()) << Failure();
  client_->Send("hello");
  RunUntil([this] { return server_ != nullptr && server_->received() == "hello"; });
  server_->SendAndShutdown("good bye");
  RunUntil([this] { return client_->ended(); });
  EXPECT_EQ(client_->received(), "good bye");
}

TEST_F(ConnectorTest, ConnectsWithTlsAndOffersBothVersions) {
  Dial(TlsTarget(ServerContext()));
  ASSERT_TRUE(client_->up()) << Failure();
  EXPECT_EQ(client_->stream().alpn(), "h2");
}

TEST_F(ConnectorTest, OffersHttp1OnlyWhereThatIsAskedFor) {
  Dial(TlsTarget(ServerContext()), {"http/1.1"});
  ASSERT_TRUE(client_->up()) << Failure();
  EXPECT_EQ(client_->stream().alpn(), "http/1.1");
}

TEST_F(ConnectorTest, NamesTheCaFileWhenTheCertificateDoesNotVerify) {
  DialTarget target = TlsTarget(ServerContext());
  target.server_name = "elsewhere.example";
  Dial(target);
  ASSERT_FALSE(client_->up());
  EXPECT_THAT(
      Failure(),
      AllOf(StartsWith(StrCat("cannot connect to the API server at 127.0.0.1:", target.port, ": ")),
            HasSubstr("elsewhere.example"), HasSubstr("/etc/ca.crt")));
}

TEST_F(ConnectorTest, SaysWhatToCheckWhenNothingListens) {
  const Address address = Closed();
  DialTarget target;
  target.host = "127.0.0.1";
  target.port = address.port();
  Dial(target);
  ASSERT_FALSE(client_->up());
  EXPECT_TRUE(IsUnavailable(*client_->connected()));
  EXPECT_THAT(Failure(), AllOf(HasSubstr(address.ToString()), HasSubstr("connection refused")));
}

TEST_F(ConnectorTest, SaysWhatToCheckWhenTheNameIsUnknown) {
  DialTarget target;
  target.host = "no-such-host.invalid";
  Connector connector = NewConnector(*dispatcher_, resolver_, target);
  std::optional<absl::StatusOr<ByteStreamPtr>> dialed;
  const RequestHandle handle =
      connector({}, [&](absl::StatusOr<ByteStreamPtr> stream) { dialed = std::move(stream); });
  RunUntil([&] { return dialed.has_value(); });
  ASSERT_FALSE(dialed->ok());
  EXPECT_THAT(MessageOf(dialed->status()),
              AllOf(HasSubstr("no-such-host.invalid:443"), HasSubstr("DNS")));
}

TEST_F(ConnectorTest, CancellingADialEndsIt) {
  Connector connector = NewConnector(*dispatcher_, resolver_, PlainTarget());
  bool called = false;
  RequestHandle handle =
      connector({}, [&](const absl::StatusOr<ByteStreamPtr>& /*stream*/) { called = true; });
  handle.reset();
  RunTurns(20);
  EXPECT_FALSE(called);
}

TEST_F(ConnectorTest, TriesTheNextAddressWhenOneFails) {
  const auto target = std::make_shared<const DialTarget>(PlainTarget());
  Take(NewDialedStream(*dispatcher_, target, nullptr,
                       {Closed(), Address::FromIp("127.0.0.1", target->port).value()},
                       dispatcher_->Now() + kTimeout));
  ASSERT_TRUE(client_->up()) << Failure();
  client_->Send("hello");
  RunUntil([this] { return server_ != nullptr && server_->received() == "hello"; });
}

TEST_F(ConnectorTest, NamesEveryAddressThatFailed) {
  auto target = std::make_shared<DialTarget>();
  target->host = "kubernetes.default";
  const Address first = Closed();
  const Address second = Closed();
  Take(NewDialedStream(*dispatcher_, target, nullptr, {first, second},
                       dispatcher_->Now() + kTimeout));
  ASSERT_FALSE(client_->up());
  EXPECT_THAT(Failure(), AllOf(HasSubstr("kubernetes.default:443"), HasSubstr(first.ToString()),
                               HasSubstr(second.ToString())));
}

TEST_F(ConnectorTest, WithoutAddressesOrTimeItFailsLater) {
  auto target = std::make_shared<DialTarget>();
  target->host = "kubernetes.default";
  Take(NewDialedStream(*dispatcher_, target, nullptr, {}, dispatcher_->Now() + kTimeout));
  EXPECT_FALSE(client_->up());
  Take(NewDialedStream(*dispatcher_, target, nullptr, {Closed()}, dispatcher_->Now()));
  EXPECT_FALSE(client_->up());
}

// The server asks for a client certificate and takes note of what it gets.
int certificates_seen = 0;
int TakeAnyCertificate(int /*verified*/, X509_STORE_CTX* /*store*/) {
  ++certificates_seen;
  return 1;
}

struct NoAnswer final : public ResponseHandler {
  void OnInformational(ResponseHead /*head*/) override {}
  void OnHead(ResponseHead /*head*/) override {}
  void OnResponseBody(std::string_view /*bytes*/) override {}
  void OnResponseEnd(HeaderList /*trailers*/) override {}
  void OnResponseFailed(absl::Status /*reason*/, bool /*sent*/) override {}
  void OnRequestWritable() override {}
};

TEST_F(ConnectorTest, WeirsCertificateIsShownOnItsOwnConnectionsOnly) {
  const std::shared_ptr<TlsContext> server = ServerContext();
  SSL_CTX_set_verify(server->get(), SSL_VERIFY_PEER, TakeAnyCertificate);
  const DialTarget dial = TlsTarget(server);
  const CertificateAndKey own = authority_.IssueServer({"weir"}).value();

  UpstreamTarget target;
  target.host = dial.host;
  target.port = dial.port;
  target.tls_server_name = dial.server_name;
  const std::shared_ptr<ClientTls> own_tls =
      ClientTls::New({.ca_pem = authority_.certificate_pem(),
                      .certificate_pem = own.certificate_pem,
                      .private_key_pem = own.private_key_pem})
          .value();
  StatsRegistry registry;
  UpstreamStats stats(registry);
  Upstream upstream(*dispatcher_, resolver_, target, UpstreamOptions(), TokenSource::Fixed(""),
                    {.own = own_tls, .callers = dial.tls}, stats);

  RequestHead head;
  head.method = "GET";
  head.target = "/";
  head.end_of_stream = true;
  RequestHead upgrade = head;
  upgrade.upgrade = "websocket";
  upgrade.end_of_stream = false;
  const auto shown = [&](const RequestHead& request, bool as_self) {
    certificates_seen = 0;
    server_.reset();
    NoAnswer answer;
    const ClientStreamPtr stream =
        as_self ? upstream.SendAsSelf(request, answer) : upstream.SendAsCaller(request, answer);
    RunUntil([&] { return server_ != nullptr && !server_->received().empty(); });
    return certificates_seen > 0;
  };
  EXPECT_TRUE(shown(head, true));
  EXPECT_TRUE(shown(upgrade, true));
  EXPECT_FALSE(shown(head, false));
  EXPECT_FALSE(shown(upgrade, false));
}

// Its connections that are open go on with what they have under way, and take nothing new.
TEST_F(ConnectorTest, ANewCertificateIsShownByTheNextRequest) {
  const std::shared_ptr<TlsContext> server = ServerContext();
  SSL_CTX_set_verify(server->get(), SSL_VERIFY_PEER, TakeAnyCertificate);
  const DialTarget dial = TlsTarget(server);
  const TempDir directory;
  const CertificateAndKey first = authority_.IssueServer({"weir"}).value();
  const TlsFiles files{.ca = "",
                       .certificate = directory.Write("tls.crt", first.certificate_pem),
                       .private_key = directory.Write("tls.key", first.private_key_pem)};
  const std::shared_ptr<ClientTls> own_tls =
      ClientTls::New({.ca_pem = authority_.certificate_pem(),
                      .certificate_pem = first.certificate_pem,
                      .private_key_pem = first.private_key_pem},
                     files, absl::ZeroDuration())
          .value();
  UpstreamTarget target;
  target.host = dial.host;
  target.port = dial.port;
  target.tls_server_name = dial.server_name;
  StatsRegistry registry;
  UpstreamStats stats(registry);
  Upstream upstream(*dispatcher_, resolver_, target, UpstreamOptions(), TokenSource::Fixed(""),
                    {.own = own_tls, .callers = dial.tls}, stats);
  RequestHead head;
  head.method = "GET";
  head.target = "/";
  head.end_of_stream = true;
  NoAnswer answer;
  std::vector<ClientStreamPtr> streams;
  const auto connects = [&] { return registry.Sum("weir_http_client_connects_total"); };
  const auto send = [&] {
    server_ = nullptr;
    streams.push_back(upstream.SendAsSelf(head, answer));
    RunTurns(20);
  };
  send();
  RunUntil([&] { return connects() == 1 && server_ != nullptr; });
  const uint64_t generation = upstream.credential_generation();
  certificates_seen = 0;
  const CertificateAndKey second = authority_.IssueServer({"weir"}).value();
  directory.Write("tls.crt", second.certificate_pem);
  directory.Write("tls.key", second.private_key_pem);
  EXPECT_NE(upstream.credential_generation(), generation);
  send();
  RunUntil([&] { return connects() == 2 && server_ != nullptr; });
  EXPECT_GT(certificates_seen, 0);
}

}  // namespace
}  // namespace weir
