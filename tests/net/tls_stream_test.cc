// SPDX-License-Identifier: Apache-2.0
#include "gmock/gmock.h"
#include <unistd.h>

#include "proxy/base/status.h"
#include "proxy/net/certificate_authority.h"
#include "proxy/net/streams.h"
#include "proxy/net/tls_context.h"
#include "tests/net/loop_fixture.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::StartsWith;

constexpr absl::Duration kTimeout = absl::Seconds(10);

class TlsStreamTest : public LoopTest {
 protected:
  struct Setup {
    std::vector<std::string> names = {"kubernetes.default", "127.0.0.1", "::1"};
    std::vector<std::string> server_alpn = {"h2", "http/1.1"};
    std::vector<std::string> client_alpn = {"h2", "http/1.1"};
    std::string server_name = "kubernetes.default";
    std::optional<std::string> ca_pem = std::nullopt;  // That of the server's authority unless set.
    bool insecure = false;
  };

  std::shared_ptr<TlsContext> ServerContext(const Setup& setup) {
    const CertificateAndKey issued = authority_.IssueServer(setup.names).value();
    return TlsContext::NewServer({.certificate_pem = issued.certificate_pem,
                                  .private_key_pem = issued.private_key_pem,
                                  .alpn = setup.server_alpn})
        .value();
  }
  std::shared_ptr<TlsContext> ClientContext(const Setup& setup) {
    TlsClientOptions options;
    options.ca_pem = setup.ca_pem.value_or(authority_.certificate_pem());
    options.ca_source = "/etc/ca.crt";
    options.insecure = setup.insecure;
    options.alpn = setup.client_alpn;
    return TlsContext::NewClient(options).value();
  }
  MakeServer TlsServer(const Setup& setup) {
    return [this, context = ServerContext(setup)](Socket socket) {
      server_fd_ = socket.fd();
      return NewTlsServerStream(*dispatcher_, std::move(socket), context, kTimeout);
    };
  }
  void ConnectTls(const Setup& setup) {
    Connect(TlsServer(setup), [&](Socket socket) {
      return NewTlsClientStream(*dispatcher_, std::move(socket), ClientContext(setup),
                                setup.server_name, kTimeout);
    });
  }
  void ConnectTls() {
    ConnectTls(Setup());
    ASSERT_TRUE(client_->up()) << *client_->connected();
    ASSERT_TRUE(server_->up()) << *server_->connected();
  }
  // What the client is told when it cannot connect.
  std::string ClientError(const Setup& setup) {
    ConnectTls(setup);
    EXPECT_TRUE(IsUnavailable(*client_->connected()));
    return std::string(MessageOf(*client_->connected()));
  }

  const CertificateAuthority authority_ = CertificateAuthority::Create().value();
  int server_fd_ = -1;
};

TEST_F(TlsStreamTest, CarriesBytesBothWays) {
  ConnectTls();
  client_->Send("ping");
  server_->Send("pong");
  RunUntil([this] { return server_->received() == "ping" && client_->received() == "pong"; });
}

TEST_F(TlsStreamTest, VerifiesNamesAndAddresses) {
  for (const char* name : {"kubernetes.default", "kubernetes.default.", "127.0.0.1", "::1"}) {
    server_.reset();
    ConnectTls({.server_name = name});
    EXPECT_TRUE(client_->up()) << name << ": " << *client_->connected();
  }
}

TEST_F(TlsStreamTest, VerifiesWildcards) {
  ConnectTls({.names = {"*.default.svc"}, .server_name = "kubernetes.default.svc"});
  EXPECT_TRUE(client_->up());
}

TEST_F(TlsStreamTest, RefusesAnotherName) {
  EXPECT_THAT(
      ClientError({.names = {"a.example", "10.0.0.1"}, .server_name = "kubernetes.default"}),
      MatchesRegex("certificate of 127.0.0.1:[0-9]+ does not verify for \"kubernetes.default\": "
                   "hostname mismatch; it is for \"a.example\", \"10.0.0.1\" "
                   "\\(CA from /etc/ca.crt\\)"));
  EXPECT_THAT(MessageOf(*server_->connected()),
              HasSubstr("the peer does not trust this side's certificate"));
}

TEST_F(TlsStreamTest, RefusesAnotherAddress) {
  EXPECT_THAT(ClientError({.names = {"::1"}, .server_name = "127.0.0.1"}),
              HasSubstr("ip address mismatch; it is for \"::1\""));
}

TEST_F(TlsStreamTest, RefusesAnUnknownAuthority) {
  const std::string other = CertificateAuthority::Create()->certificate_pem();
  EXPECT_THAT(ClientError({.ca_pem = other}),
              AllOf(StartsWith("certificate of 127.0.0.1:"),
                    HasSubstr("does not verify for \"kubernetes.default\": "
                              "unable to get local issuer certificate (CA from /etc/ca.crt)")));
}

TEST_F(TlsStreamTest, RefusesToVerifyWithoutAName) {
  const Address address = Listen(TlsServer({}));
  client_ = std::make_unique<Endpoint>(NewTlsClientStream(
      *dispatcher_, Socket::Connect(address).value(), ClientContext({}), "", kTimeout));
  RunUntil([this] { return client_->connected().has_value(); });
  EXPECT_THAT(MessageOf(*client_->connected()), HasSubstr("no server name to verify"));
}

TEST_F(TlsStreamTest, TakesAnyCertificateWhenToldTo) {
  ConnectTls({.names = {"other"}, .ca_pem = "", .insecure = true});
  EXPECT_TRUE(client_->up());
}

TEST_F(TlsStreamTest, FindsItsAuthorityAmongMany) {
  const std::string bundle = "# some comment\n" +
                             CertificateAuthority::Create()->certificate_pem() +
                             "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" +
                             authority_.certificate_pem();
  ConnectTls({.ca_pem = bundle});
  EXPECT_TRUE(client_->up()) << *client_->connected();
}

struct AlpnCase {
  std::vector<std::string> server, client;
  std::string agreed;
};

TEST_F(TlsStreamTest, AgreesOnAProtocol) {
  const std::vector<AlpnCase> cases = {{{"h2", "http/1.1"}, {"http/1.1", "h2"}, "h2"},
                                       {{"h2", "http/1.1"}, {"http/1.1"}, "http/1.1"},
                                       {{"http/1.1"}, {"h2", "http/1.1"}, "http/1.1"},
                                       {{"h2"}, {"http/1.1"}, ""},
                                       {{"h2"}, {}, ""},
                                       {{}, {"h2"}, ""}};
  for (const AlpnCase& one : cases) {
    server_.reset();
    ConnectTls({.server_alpn = one.server, .client_alpn = one.client});
    EXPECT_EQ(client_->stream().alpn(), one.agreed);
    EXPECT_EQ(server_->stream().alpn(), one.agreed);
  }
}

TEST_F(TlsStreamTest, GivesUpOnASilentPeer) {
  Connect([this](Socket socket) { return NewTcpServerStream(*dispatcher_, std::move(socket)); },
          [this](Socket socket) {
            return NewTlsClientStream(*dispatcher_, std::move(socket), ClientContext({}), "x",
                                      absl::Milliseconds(50));
          });
  EXPECT_TRUE(IsTimeout(*client_->connected()));
  EXPECT_THAT(MessageOf(*client_->connected()),
              MatchesRegex("no TLS handshake with 127.0.0.1:[0-9]+ within 50ms; "
                           "does it speak TLS\\?"));
}

TEST_F(TlsStreamTest, ServerGivesUpOnASilentPeer) {
  const auto context = ServerContext({});
  Connect(
      [this, context](Socket socket) {
        return NewTlsServerStream(*dispatcher_, std::move(socket), context, absl::Milliseconds(50));
      },
      [this](Socket socket) {
        return NewTcpClientStream(*dispatcher_, std::move(socket), kTimeout);
      });
  EXPECT_TRUE(IsTimeout(*server_->connected()));
}

TEST_F(TlsStreamTest, SaysThatThePeerDoesNotSpeakTls) {
  const Address address =
      Listen([this](Socket socket) { return NewTcpServerStream(*dispatcher_, std::move(socket)); });
  client_ = std::make_unique<Endpoint>(NewTlsClientStream(
      *dispatcher_, Socket::Connect(address).value(), ClientContext({}), "x", kTimeout));
  RunUntil([this] { return server_ != nullptr && server_->up(); });
  server_->Send("HTTP/1.1 400 Bad Request\r\n\r\n");
  RunUntil([this] { return client_->connected().has_value(); });
  EXPECT_THAT(MessageOf(*client_->connected()), HasSubstr("failed: wrong version number; "
                                                          "does it speak TLS?"));
}

TEST_F(TlsStreamTest, SaysThatThePeerHungUp) {
  const Address address = Listen([](Socket) { return nullptr; });
  client_ = std::make_unique<Endpoint>(NewTlsClientStream(
      *dispatcher_, Socket::Connect(address).value(), ClientContext({}), "x", kTimeout));
  RunUntil([this] { return client_->connected().has_value(); });
  EXPECT_TRUE(IsUnavailable(*client_->connected())) << *client_->connected();
}

TEST_F(TlsStreamTest, SaysThatThePeerClosedDuringTheHandshake) {
  const Address address =
      Listen([this](Socket socket) { return NewTcpServerStream(*dispatcher_, std::move(socket)); });
  client_ = std::make_unique<Endpoint>(NewTlsClientStream(
      *dispatcher_, Socket::Connect(address).value(), ClientContext({}), "x", kTimeout));
  RunUntil([this] { return server_ != nullptr && !server_->received().empty(); });
  server_->SendAndShutdown("");
  RunUntil([this] { return client_->connected().has_value(); });
  EXPECT_THAT(MessageOf(*client_->connected()),
              HasSubstr("closed the connection during the TLS handshake"));
}

TEST_F(TlsStreamTest, ServerRefusesPlainHttp) {
  Connect(TlsServer({}), [this](Socket socket) {
    ByteStreamPtr stream = NewTcpClientStream(*dispatcher_, std::move(socket), kTimeout);
    stream->Write("");
    dispatcher_->Post([this] { client_->Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n"); });
    return stream;
  });
  EXPECT_THAT(MessageOf(*server_->connected()), HasSubstr("http request; does it speak TLS?"));
}

TEST_F(TlsStreamTest, ClosesEachHalfOnItsOwn) {
  ConnectTls();
  client_->SendAndShutdown("question");
  RunUntil([this] { return server_->ended(); });
  EXPECT_EQ(server_->received(), "question");
  EXPECT_TRUE(server_->failure().ok());
  const std::string answer(1 << 20, 'a');
  server_->SendAndShutdown(answer);
  RunUntil([this] { return client_->ended(); });
  EXPECT_EQ(client_->received(), answer);
  EXPECT_TRUE(client_->failure().ok());
}

TEST_F(TlsStreamTest, EndsWhenThePeerJustCloses) {
  ConnectTls();
  server_->Send("last words");
  RunUntil([this] { return server_->unsent() == 0; });
  RunTurns(5);
  server_.reset();
  RunUntil([this] { return client_->ended() || !client_->failure().ok(); });
  EXPECT_EQ(client_->received(), "last words");
  EXPECT_TRUE(client_->ended()) << client_->failure();
}

TEST_F(TlsStreamTest, ResetIsAnErrorAndStaysOne) {
  ConnectTls();
  client_->set_reading(false);
  server_->set_reading(false);
  client_->Send("unread");
  RunTurns(20);
  server_.reset();
  RunTurns(20);
  client_->set_reading(true);
  RunUntil([this] { return client_->ended() || !client_->failure().ok(); });
  EXPECT_FALSE(client_->ended());
  EXPECT_THAT(MessageOf(client_->failure()), HasSubstr("broke: connection reset by peer"));
  char byte;
  EXPECT_FALSE(client_->stream().Read(&byte, 1).status.ok());
  EXPECT_FALSE(client_->stream().Write("x").status.ok());
}

TEST_F(TlsStreamTest, GarbageInTheStreamIsAnError) {
  ConnectTls();
  // Behind TLS's back.
  const std::string garbage(100, 'G');
  ASSERT_EQ(write(server_fd_, garbage.data(), garbage.size()), 100);
  RunUntil([this] { return !client_->failure().ok(); });
  EXPECT_THAT(MessageOf(client_->failure()), HasSubstr("broke: "));
  EXPECT_EQ(client_->received(), "");
}

TEST_F(TlsStreamTest, CarriesMuchThroughANarrowReader) {
  ConnectTls();
  std::string big;
  for (int i = 0; big.size() < (32u << 20); ++i) big.append(std::to_string(i));
  server_->set_reading(false);
  client_->Send(big);
  RunTurns(200);
  EXPECT_GT(client_->unsent(), 0u);
  // The other direction is not held up by this one.
  server_->Send("meanwhile");
  RunUntil([this] { return client_->received() == "meanwhile"; });
  server_->set_reading(true);
  client_->SendAndShutdown("");
  RunUntil([&] { return server_->ended(); });
  EXPECT_TRUE(server_->received() == big);
}

TEST_F(TlsStreamTest, BothSidesMayFloodEachOther) {
  ConnectTls();
  const std::string big(16 << 20, 'f');
  client_->SendAndShutdown(big);
  server_->SendAndShutdown(big);
  RunUntil([this] { return client_->ended() && server_->ended(); });
  EXPECT_EQ(client_->received().size(), big.size());
  EXPECT_EQ(server_->received().size(), big.size());
}

TEST_F(TlsStreamTest, ReadsOnAfterAnEarlyStop) {
  const Address address = Listen(TlsServer({}));
  ByteStreamPtr stream = NewTlsClientStream(*dispatcher_, Socket::Connect(address).value(),
                                            ClientContext({}), "127.0.0.1", kTimeout);
  // Reads ten bytes a turn; TLS has the rest in its buffer and the socket reports nothing.
  std::string received;
  stream->SetCallbacks({.on_connected = nullptr,
                        .on_readable =
                            [&] {
                              char ten[10];
                              const ByteStream::Result result = stream->Read(ten, sizeof(ten));
                              received.append(ten, result.bytes);
                              if (!result.would_block && !result.end) stream->ReadAgainSoon();
                            },
                        .on_writable = nullptr});
  RunUntil([this] { return server_ != nullptr && server_->up(); });
  server_->Send(std::string(1000, 'r'));
  RunUntil([&] { return received.size() == 1000; });
}

TEST_F(TlsStreamTest, ShowsAClientCertificate) {
  const CertificateAndKey own = authority_.IssueServer({"me"}).value();
  TlsClientOptions options;
  options.ca_pem = authority_.certificate_pem();
  options.certificate_pem = own.certificate_pem;
  options.private_key_pem = own.private_key_pem;
  const auto context = TlsContext::NewClient(options).value();
  Connect(TlsServer({}), [&](Socket socket) {
    return NewTlsClientStream(*dispatcher_, std::move(socket), context, "127.0.0.1", kTimeout);
  });
  EXPECT_TRUE(client_->up());
}

TEST_F(TlsStreamTest, MayBeDestroyedAtAnyStage) {
  const Address address = Listen(TlsServer({}));
  for (int turns = 0; turns < 30; ++turns) {
    client_ = std::make_unique<Endpoint>(NewTlsClientStream(
        *dispatcher_, Socket::Connect(address).value(), ClientContext({}), "127.0.0.1", kTimeout));
    client_->Send("x");
    RunTurns(turns);
    client_.reset();
    server_.reset();
  }
}

}  // namespace
}  // namespace weir
