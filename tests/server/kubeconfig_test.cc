// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/kubeconfig.h"

#include <filesystem>
#include <fstream>
#include <map>

#include "absl/strings/escaping.h"
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr char kCa[] = "-----BEGIN CERTIFICATE-----\nca\n-----END CERTIFICATE-----\n";
constexpr char kCertificate[] = "-----BEGIN CERTIFICATE-----\nme\n-----END CERTIFICATE-----\n";
constexpr char kKey[] = "-----BEGIN EC PRIVATE KEY-----\nkey\n-----END EC PRIVATE KEY-----\n";

std::string Base64(const std::string& text) { return absl::Base64Escape(text); }

// Writes files into a directory of its own.
class KubeconfigTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    directory_ = StrCat(testing::TempDir(), "/weir_", info->test_suite_name(), "_", info->name());
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void Write(const std::string& name, std::string_view text) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << text;
  }

  // A kubeconfig of one context, cluster and user.
  static std::string OneOfEach(std::string_view cluster, std::string_view user) {
    return StrCat(
        "apiVersion: v1\nkind: Config\ncurrent-context: dev\n"
        "contexts:\n- name: dev\n  context: {cluster: c, user: u, namespace: ns}\n"
        "clusters:\n- name: c\n  cluster: {",
        cluster, "}\nusers:\n- name: u\n  user: {", user, "}\n");
  }

  Kubeconfig MustParse(std::string_view text, std::string_view context = "") {
    auto kubeconfig = ParseKubeconfig(directory_ + "/config", text, context);
    EXPECT_TRUE(kubeconfig.ok()) << kubeconfig.status().ToString();
    return kubeconfig.ok() ? *std::move(kubeconfig) : Kubeconfig{};
  }

  static std::string Mistakes(std::string_view text, std::string_view context = "") {
    const auto kubeconfig = ParseKubeconfig("kc", text, context);
    EXPECT_FALSE(kubeconfig.ok()) << text;
    return std::string(MessageOf(kubeconfig.status()));
  }

  std::string directory_;
};

TEST_F(KubeconfigTest, ReadsEmbeddedData) {
  const Kubeconfig read = MustParse(OneOfEach(
      StrCat("server: 'https://10.0.0.1:6443/k8s/', certificate-authority-data: ", Base64(kCa),
             ", tls-server-name: api.local"),
      StrCat("client-certificate-data: ", Base64(kCertificate),
             ", client-key-data: ", Base64(kKey))));
  EXPECT_TRUE(read.target.tls);
  EXPECT_EQ(read.target.host, "10.0.0.1");
  EXPECT_EQ(read.target.port, 6443);
  EXPECT_EQ(read.target.base_path, "/k8s");
  EXPECT_EQ(read.target.tls_server_name, "api.local");
  EXPECT_EQ(read.target.ca_pem, kCa);
  EXPECT_EQ(read.target.ca_source, "clusters[0].cluster.certificate-authority-data");
  EXPECT_EQ(read.target.client_certificate_pem, kCertificate);
  EXPECT_EQ(read.target.client_key_pem, kKey);
  EXPECT_EQ(read.target.files.ca, "");
  EXPECT_EQ(read.target.files.certificate, "");
  EXPECT_EQ(read.target.token, "");
  EXPECT_EQ(read.namespace_name, "ns");
}

TEST_F(KubeconfigTest, ReadsFilesRelativeToItself) {
  Write("ca.crt", kCa);
  Write("me.crt", kCertificate);
  Write("me.key", kKey);
  Write("config",
        OneOfEach("server: 'https://h', certificate-authority: ca.crt",
                  StrCat("client-certificate: ", directory_, "/me.crt, client-key: ./me.key")));
  const auto read = LoadKubeconfig(directory_ + "/config", "");
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->target.ca_pem, kCa);
  EXPECT_EQ(read->target.ca_source, directory_ + "/ca.crt");
  EXPECT_EQ(read->target.client_certificate_pem, kCertificate);
  EXPECT_EQ(read->target.client_key_pem, kKey);
  EXPECT_EQ(read->target.files.ca, directory_ + "/ca.crt");
  EXPECT_EQ(read->target.files.certificate, directory_ + "/me.crt");
  EXPECT_EQ(read->target.files.private_key, directory_ + "/./me.key");
}

TEST_F(KubeconfigTest, EmbeddedDataWinsOverAFile) {
  const Kubeconfig read =
      MustParse(OneOfEach(StrCat("server: 'https://h', certificate-authority: not-there, "
                                 "certificate-authority-data: ",
                                 Base64(kCa)),
                          "token: t"));
  EXPECT_EQ(read.target.ca_pem, kCa);
}

TEST_F(KubeconfigTest, ReadsTokens) {
  EXPECT_EQ(MustParse(OneOfEach("server: 'https://h'", "token: ' t0k '")).target.token, "t0k");
  Write("token", "from-file\n");
  const Kubeconfig read =
      MustParse(OneOfEach("server: 'https://h'", "token: inline, tokenFile: token"));
  EXPECT_EQ(read.target.token, "");
  EXPECT_EQ(read.target.token_file, directory_ + "/token");
}

TEST_F(KubeconfigTest, ReadsJson) {
  const Kubeconfig read = MustParse(
      R"({"apiVersion":"v1","kind":"Config","current-context":"a","preferences":{},
          "contexts":[{"name":"a","context":{"cluster":"c","user":"u"}}],
          "clusters":[{"name":"c","cluster":{"server":"http://127.0.0.1:8001"}}],
          "users":[{"name":"u","user":{}}]})");
  EXPECT_FALSE(read.target.tls);
  EXPECT_EQ(read.target.port, 8001);
  EXPECT_EQ(read.namespace_name, "default");
}

TEST_F(KubeconfigTest, ChoosesTheContextByName) {
  const std::string text =
      "current-context: a\n"
      "contexts:\n"
      "- {name: a, context: {cluster: c1, user: u}}\n"
      "- {name: b, context: {cluster: c2, user: u}}\n"
      "- {name: b, context: {cluster: c1, user: u}}\n"
      "clusters:\n"
      "- {name: c1, cluster: {server: https://one}}\n"
      "- {name: c2, cluster: {server: https://two, proxy-url: ''}}\n"
      "users: [{name: u, user: {token: t, exec: null}}]\n";
  EXPECT_EQ(MustParse(text).target.host, "one");
  EXPECT_EQ(MustParse(text, "b").target.host, "two");
  EXPECT_EQ(Mistakes(text, "prod"),
            "kc:1:1: no context of the name \"prod\"; there are \"a\", \"b\", \"b\"");
}

TEST_F(KubeconfigTest, AnInsecureClusterNeedsNoAuthority) {
  EXPECT_TRUE(
      MustParse(OneOfEach("server: 'https://h', insecure-skip-tls-verify: true", "token: t"))
          .target.insecure_skip_tls_verify);
  EXPECT_THAT(Mistakes(OneOfEach(StrCat("server: 'https://h', insecure-skip-tls-verify: true, "
                                        "certificate-authority-data: ",
                                        Base64(kCa)),
                                 "token: t")),
              HasSubstr("contradicts certificate-authority"));
  EXPECT_THAT(
      Mistakes(OneOfEach("server: 'https://h', insecure-skip-tls-verify: maybe", "token: t")),
      HasSubstr("must be true or false"));
}

TEST_F(KubeconfigTest, RefusesByNameWhatWeirCannotDo) {
  const struct {
    const char* user;
    const char* mistake;
  } kCases[] = {
      {"exec: {command: aws}",
       "kc:12:16: users[0].user.exec: not supported: Weir runs no credential"},
      {"auth-provider: {name: gcp}", "users[0].user.auth-provider: not supported"},
      {"username: a, password: b", "users[0].user.username: not supported: API servers take no"},
      {"token: t, as: admin", "users[0].user.as: not supported: Weir never impersonates"},
      {"token: t, as-groups: [a]", "users[0].user.as-groups: not supported"},
  };
  for (const auto& c : kCases) {
    EXPECT_THAT(Mistakes(OneOfEach("server: 'https://h'", c.user)), HasSubstr(c.mistake)) << c.user;
  }
  EXPECT_THAT(Mistakes(OneOfEach("server: 'https://h', proxy-url: 'http://p'", "token: t")),
              HasSubstr("clusters[0].cluster.proxy-url: not supported"));
}

TEST_F(KubeconfigTest, SaysWhatIsMissing) {
  EXPECT_EQ(Mistakes("a: b"),
            "kc:1:1: current-context: not set; set it, or choose one with --context; there are no "
            "contexts in it");
  EXPECT_THAT(Mistakes(""), HasSubstr("not a kubeconfig"));
  EXPECT_THAT(Mistakes("current-context: x\ncontexts: [{name: x}]"),
              HasSubstr("kc:2:12: contexts[0].context: missing"));
  EXPECT_THAT(Mistakes("current-context: x\ncontexts: [{name: x, context: {}}]"),
              AllOf(HasSubstr("contexts[0].context.cluster: not set"),
                    HasSubstr("contexts[0].context.user: not set")));
  EXPECT_THAT(
      Mistakes("current-context: x\ncontexts: [{name: x, context: {cluster: c, user: u}}]\n"
               "users: [{name: v, user: {}}]"),
      AllOf(HasSubstr("contexts[0].context.cluster: no cluster of the name \"c\"; there are "
                      "no clusters in it"),
            HasSubstr("no user of the name \"u\"; there are \"v\"")));
  EXPECT_THAT(Mistakes(OneOfEach("", "token: t")),
              HasSubstr("clusters[0].cluster.server: must begin with https://"));
  EXPECT_THAT(Mistakes(OneOfEach("server: 'https://h'", "")), HasSubstr("has no credential"));
}

TEST_F(KubeconfigTest, SaysWhatIsWrongWithCredentials) {
  const std::string key = StrCat("client-key-data: ", Base64(kKey));
  const std::string certificate = StrCat("client-certificate-data: ", Base64(kCertificate));
  const auto mistakes = [&](const std::string& user) {
    return Mistakes(OneOfEach("server: 'https://h'", user));
  };
  EXPECT_THAT(mistakes(key), HasSubstr("has a client-key but no client-certificate"));
  EXPECT_THAT(mistakes(certificate), HasSubstr("has a client-certificate but no client-key"));
  EXPECT_THAT(mistakes("client-key-data: '%%%', " + certificate),
              AllOf(HasSubstr("client-key-data: is not base64")));
  EXPECT_THAT(mistakes(StrCat("client-key-data: ", Base64(kCertificate), ", ", certificate)),
              HasSubstr("holds no PEM block of a private key"));
  EXPECT_THAT(mistakes("client-key: /nowhere/key, " + certificate),
              HasSubstr("client-key: cannot read \"/nowhere/key\": No such file"));
  EXPECT_THAT(mistakes("tokenFile: /nowhere/token"), HasSubstr("cannot read \"/nowhere/token\""));
  EXPECT_THAT(mistakes("token: 'a b'"), HasSubstr("holds blanks"));
  EXPECT_THAT(mistakes("token: [a]"), HasSubstr("users[0].user.token: must be a text, not a list"));
}

TEST_F(KubeconfigTest, RefusesDuplicateKeys) {
  EXPECT_THAT(Mistakes(OneOfEach("server: 'https://a', server: 'https://b'", "token: t")),
              HasSubstr("clusters[0].cluster.server: given a second time"));
}

TEST_F(KubeconfigTest, NamesAFileThatIsNotThere) {
  EXPECT_EQ(MessageOf(LoadKubeconfig("/nowhere/config", "").status()),
            "cannot read \"/nowhere/config\": No such file or directory");
}

class InClusterTest : public KubeconfigTest {
 protected:
  absl::StatusOr<Kubeconfig> Load(std::map<std::string, std::string> variables) {
    return LoadInCluster(
        [variables](const std::string& name) -> std::optional<std::string> {
          const auto it = variables.find(name);
          return it == variables.end() ? std::nullopt : std::optional(it->second);
        },
        directory_);
  }
  const std::map<std::string, std::string> pod_ = {{"KUBERNETES_SERVICE_HOST", "10.96.0.1"},
                                                   {"KUBERNETES_SERVICE_PORT", "443"}};
};

TEST_F(InClusterTest, ReadsWhatAPodIsGiven) {
  Write("token", "t");
  Write("ca.crt", kCa);
  Write("namespace", "operators\n");
  const auto read = Load(pod_);
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_TRUE(read->target.tls);
  EXPECT_EQ(read->target.host, "10.96.0.1");
  EXPECT_EQ(read->target.port, 443);
  EXPECT_EQ(read->target.token_file, directory_ + "/token");
  EXPECT_EQ(read->target.ca_pem, kCa);
  EXPECT_EQ(read->target.ca_source, directory_ + "/ca.crt");
  EXPECT_EQ(read->target.files.ca, directory_ + "/ca.crt");
  EXPECT_EQ(read->namespace_name, "operators");
}

TEST_F(InClusterTest, TakesAnIpv6Service) {
  Write("token", "t");
  Write("ca.crt", kCa);
  const auto read =
      Load({{"KUBERNETES_SERVICE_HOST", "fd00::1"}, {"KUBERNETES_SERVICE_PORT", "6443"}});
  ASSERT_TRUE(read.ok()) << read.status().ToString();
  EXPECT_EQ(read->target.host, "fd00::1");
  EXPECT_EQ(read->target.port, 6443);
  EXPECT_EQ(read->namespace_name, "default");
}

TEST_F(InClusterTest, SaysWhatIsMissing) {
  EXPECT_THAT(std::string(MessageOf(Load({}).status())),
              AllOf(StartsWith("not in a pod"), EndsWith("--kubeconfig")));
  EXPECT_THAT(
      std::string(MessageOf(Load(pod_).status())),
      AllOf(HasSubstr("/token\": No such file"), HasSubstr("automountServiceAccountToken")));
  Write("token", " \n");
  EXPECT_THAT(std::string(MessageOf(Load(pod_).status())), HasSubstr("/token\" is empty"));
  Write("token", "t");
  EXPECT_THAT(std::string(MessageOf(Load(pod_).status())), HasSubstr("/ca.crt\": No such file"));
  Write("ca.crt", "not a certificate");
  EXPECT_THAT(std::string(MessageOf(Load(pod_).status())), HasSubstr("holds no PEM certificate"));
  EXPECT_THAT(std::string(MessageOf(Load({{"KUBERNETES_SERVICE_HOST", "10.0.0.1"},
                                          {"KUBERNETES_SERVICE_PORT", "https"}})
                                        .status())),
              AllOf(HasSubstr("KUBERNETES_SERVICE_PORT \"https\""), HasSubstr("no port")));
}

}  // namespace
}  // namespace weir
