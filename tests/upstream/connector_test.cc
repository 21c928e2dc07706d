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

class CertificateTest : public ConnectorTest {
 protected:
  CertificateTest() {
    const std::shared_ptr<TlsContext> server = ServerContext();
    SSL_CTX_set_verify(server->get(), SSL_VERIFY_PEER, TakeAnyCertificate);
    dial_ = TlsTarget(server);
    get_.method = "GET";
    get_.target = "/";
    get_.end_of_stream = true;
  }
  CertificateAndKey Issue() const { return authority_.IssueServer({"weir"}).value(); }
  void Open(const CertificateAndKey& own, TlsFiles files = {}) {
    UpstreamTarget target;
    target.host = dial_.host;
    target.port = dial_.port;
    target.tls_server_name = dial_.server_name;
    const UpstreamTls tls{.own = ClientTls::New({.ca_pem = authority_.certificate_pem(),
                                                 .certificate_pem = own.certificate_pem,
                                                 .private_key_pem = own.private_key_pem},
                                                std::move(files), absl::ZeroDuration())
                                     .value(),
                          .callers = dial_.tls};
    upstream_.emplace(*dispatcher_, resolver_, target, UpstreamOptions(), TokenSource::Fixed(""),
                      tls, stats_);
  }
  // The request reaches the server.
  ClientStreamPtr Send(const RequestHead& head, bool as_self) {
    certificates_seen = 0;
    server_.reset();
    ClientStreamPtr stream =
        as_self ? upstream_->SendAsSelf(head, answer_) : upstream_->SendAsCaller(head, answer_);
    RunUntil([&] { return server_ != nullptr && !server_->received().empty(); });
    return stream;
  }
  bool Shown(const RequestHead& head, bool as_self) {
    const ClientStreamPtr stream = Send(head, as_self);
    return certificates_seen > 0;
  }

  DialTarget dial_;
  RequestHead get_;
  NoAnswer answer_;
  StatsRegistry registry_;
  UpstreamStats stats_{registry_};
  std::optional<Upstream> upstream_;
};

TEST_F(CertificateTest, WeirsIsShownOnItsOwnConnectionsOnly) {
  Open(Issue());
  RequestHead upgrade = get_;
  upgrade.upgrade = "websocket";
  upgrade.end_of_stream = false;
  EXPECT_TRUE(Shown(get_, true));
  EXPECT_TRUE(Shown(upgrade, true));
  EXPECT_FALSE(Shown(get_, false));
  EXPECT_FALSE(Shown(upgrade, false));
}

// The connection that is open goes on with what it has under way, and takes nothing new.
TEST_F(CertificateTest, ANewOneIsShownByTheNextRequest) {
  const TempDir directory;
  const auto write = [&directory](const CertificateAndKey& own) {
    return TlsFiles{.ca = "",
                    .certificate = directory.Write("tls.crt", own.certificate_pem),
                    .private_key = directory.Write("tls.key", own.private_key_pem)};
  };
  const CertificateAndKey first = Issue();
  Open(first, write(first));
  const ClientStreamPtr before = Send(get_, true);
  const uint64_t generation = upstream_->credential_generation();
  write(Issue());
  EXPECT_NE(upstream_->credential_generation(), generation);
  EXPECT_TRUE(Shown(get_, true));
  EXPECT_EQ(stats_.own_pool.connects->value(), 2);
}

}  // namespace
}  // namespace weir
