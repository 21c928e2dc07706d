// SPDX-License-Identifier: Apache-2.0
//
// HTTP at both ends: versions, and clients that do not speak it.
#include "tests/integration/integration.h"
#include "tests/integration/raw_connection.h"

namespace weir {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpIntegrationTest : public testing::Test {
 protected:
  void SetUp() override { weir_ = std::make_unique<WeirUnderTest>(server_); }
  std::string Say(std::string_view bytes) {
    RawConnection connection(weir_->port(), weir_->ca_pem(), {"http/1.1"});
    connection.Write(bytes);
    return connection.ReadToEnd();
  }
  void ExpectHealthy() {
    TestClient client(weir_->client_options());
    EXPECT_EQ(client.Get("/version").status, 200);
  }

  FakeApiServer server_;
  std::unique_ptr<WeirUnderTest> weir_;
};

TEST_F(HttpIntegrationTest, GarbageIsABadRequest) {
  EXPECT_THAT(Say("this is not HTTP\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Say("GET /version\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Say("GET /version HTTP/1.1\r\nno colon\r\n\r\n"), StartsWith("HTTP/1.1 400 "));
  ExpectHealthy();
}

TEST_F(HttpIntegrationTest, AmbiguousLengthIsABadRequest) {
  EXPECT_THAT(Say("POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\n"
                  "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(Say("POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nHost: x\r\n"
                  "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
              StartsWith("HTTP/1.1 400 "));
  ExpectHealthy();
}

TEST_F(HttpIntegrationTest, HugeHeaderIsTooLarge) {
  EXPECT_THAT(Say(StrCat("GET /version HTTP/1.1\r\nHost: x\r\nX-Long: ", std::string(2 << 20, 'x'),
                         "\r\n\r\n")),
              StartsWith("HTTP/1.1 431 "));
  ExpectHealthy();
}

TEST_F(HttpIntegrationTest, GarbageInHttp2EndsTheConnection) {
  RawConnection connection(weir_->port(), weir_->ca_pem(), {"h2"});
  connection.Write("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + std::string(100, '\xff'));
  connection.ReadToEnd();
  ExpectHealthy();
}

TEST_F(HttpIntegrationTest, PlainTextOnTheTlsPortEndsTheConnection) {
  RawConnection connection(weir_->port(), "", {});
  connection.Write("GET /version HTTP/1.1\r\nHost: x\r\n\r\n");
  connection.ReadToEnd();
  ExpectHealthy();
}

TEST_F(HttpIntegrationTest, Http10IsAnsweredAndClosed) {
  const std::string answer =
      Say("GET /api/v1/configmaps?resourceVersion=0 HTTP/1.0\r\nHost: x\r\n"
          "Authorization: Bearer owner-token\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr(" 200 "));
  EXPECT_THAT(answer, testing::EndsWith("\"items\":[]}\n"));
}

TEST_F(HttpIntegrationTest, PipelinedRequestsAreAnsweredInOrder) {
  const std::string answer =
      Say("GET /version HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer owner-token\r\n\r\n"
          "GET /healthz HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer owner-token\r\n"
          "Connection: close\r\n\r\n");
  const size_t version = answer.find("gitVersion");
  ASSERT_NE(version, std::string::npos) << answer;
  EXPECT_NE(answer.find("\r\n\r\nok", version), std::string::npos) << answer;
}

TEST_F(HttpIntegrationTest, ClientThatVanishesLeavesNothingBehind) {
  server_.Create("configmaps", "default", ConfigMapBody("a"));
  {
    RawConnection connection(weir_->port(), weir_->ca_pem(), {"http/1.1"});
    connection.Write(
        "GET /api/v1/configmaps?watch=1&resourceVersion=0 HTTP/1.1\r\nHost: x\r\n"
        "Authorization: Bearer owner-token\r\n\r\n");
    EXPECT_THAT(connection.ReadUntil("\"name\":\"a\""), StartsWith("HTTP/1.1 200 "));
    EXPECT_EQ(weir_->Stat("weir_downstream_watch_streams"), 1);
  }
  EXPECT_TRUE(WaitFor([this] { return weir_->Stat("weir_downstream_watch_streams") == 0; }));
}

TEST(Http1UpstreamIntegrationTest, EverythingWorksOverHttp1Upstream) {
  FakeApiServer server({.alpn = {"http/1.1"}});
  server.Create("configmaps", "default", ConfigMapBody("a"));
  WeirUnderTest weir(server);
  TestClient client(weir.client_options());
  const auto watch =
      client.Watch("/api/v1/configmaps?watch=1&resourceVersion=0&allowWatchBookmarks=true");
  EXPECT_EQ(watch->UntilInitialEnd().size(), 2u);
  EXPECT_EQ(client.Send("POST", "/api/v1/namespaces/default/configmaps", ConfigMapBody("b")).status,
            201);
  EXPECT_EQ(watch->UntilVersion(server.version()).back().name, "b");
  EXPECT_EQ(client.Get("/api/v1/configmaps").status, 200);
  server.CutConnections();
  server.Create("configmaps", "default", ConfigMapBody("c"));
  EXPECT_EQ(watch->UntilVersion(server.version()).back().name, "c");
}

}  // namespace
}  // namespace weir
