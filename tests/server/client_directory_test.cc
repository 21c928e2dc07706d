// SPDX-License-Identifier: Apache-2.0
#include "proxy/server/client_directory.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/status.h"
#include "proxy/base/strings.h"

namespace weir {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class ClientDirectoryTest : public testing::Test {
 protected:
  ClientDirectoryTest() {
    std::string pattern = testing::TempDir() + "weir-client-XXXXXX";
    root_ = mkdtemp(pattern.data());
  }
  ~ClientDirectoryTest() override { std::filesystem::remove_all(root_); }

  std::string Read(const std::string& name) {
    std::ifstream file(root_ + "/clients/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
  }
  mode_t Mode(const std::string& name) {
    struct stat info = {};
    EXPECT_EQ(stat((root_ + "/clients/" + name).c_str(), &info), 0) << name;
    return info.st_mode & 0777;
  }

  std::string root_;
  ClientDirectoryFiles files_{.ca_pem = "-----BEGIN CERTIFICATE-----\nx\n",
                              .token = "secret",
                              .namespace_name = "team-a",
                              .server_url = "https://127.0.0.1:6443"};
};

TEST_F(ClientDirectoryTest, HoldsWhatAServiceAccountMountHoldsAndAKubeconfig) {
  const ClientDirectory directory(root_ + "/clients");
  ASSERT_TRUE(directory.WriteAll(files_).ok());
  EXPECT_EQ(Read("ca.crt"), files_.ca_pem);
  EXPECT_EQ(Read("token"), "secret");
  EXPECT_EQ(Read("namespace"), "team-a");
  EXPECT_THAT(Read("kubeconfig"),
              AllOf(HasSubstr("https://127.0.0.1:6443"), HasSubstr("namespace: team-a")));
}

TEST_F(ClientDirectoryTest, OnlyTheTokenIsASecret) {
  const mode_t old = umask(077);
  const ClientDirectory directory(root_ + "/clients");
  ASSERT_TRUE(directory.WriteAll(files_).ok());
  umask(old);
  EXPECT_EQ(Mode("token"), 0600u);
  EXPECT_EQ(Mode("ca.crt"), 0644u);
  EXPECT_EQ(Mode("namespace"), 0644u);
  EXPECT_EQ(Mode("kubeconfig"), 0644u);
}

TEST_F(ClientDirectoryTest, NewTokenReplacesTheOldOne) {
  const ClientDirectory directory(root_ + "/clients");
  ASSERT_TRUE(directory.WriteAll(files_).ok());
  ASSERT_TRUE(directory.WriteToken("rotated").ok());
  EXPECT_EQ(Read("token"), "rotated");
  EXPECT_EQ(Mode("token"), 0600u);
  // Nothing half-written stays behind.
  size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(root_ + "/clients")) {
    count += entry.is_regular_file() ? 1 : 0;
  }
  EXPECT_EQ(count, 4u);
}

TEST_F(ClientDirectoryTest, WhatALastRunLeftIsReplaced) {
  std::filesystem::create_directories(root_ + "/clients");
  for (const char* name : {"token", "token.new", "ca.crt.new"}) {
    std::ofstream(root_ + "/clients/" + name) << "old";
  }
  const ClientDirectory directory(root_ + "/clients");
  ASSERT_TRUE(directory.WriteAll(files_).ok());
  EXPECT_EQ(Read("token"), "secret");
}

TEST_F(ClientDirectoryTest, LinkPutInTheWayIsNotFollowed) {
  std::filesystem::create_directories(root_ + "/clients");
  std::ofstream(root_ + "/precious") << "precious";
  std::filesystem::create_symlink(root_ + "/precious", root_ + "/clients/token.new");
  std::filesystem::create_symlink(root_ + "/precious", root_ + "/clients/token");
  const ClientDirectory directory(root_ + "/clients");
  ASSERT_TRUE(directory.WriteAll(files_).ok());
  EXPECT_EQ(Read("token"), "secret");
  std::ifstream precious(root_ + "/precious");
  std::string text;
  precious >> text;
  EXPECT_EQ(text, "precious");
}

TEST_F(ClientDirectoryTest, FailureNamesThePathAndTheCause) {
  std::ofstream(root_ + "/file") << "x";
  const absl::Status written = ClientDirectory(root_ + "/file/clients").WriteAll(files_);
  EXPECT_FALSE(written.ok());
  EXPECT_THAT(std::string(MessageOf(written)), HasSubstr(root_ + "/file/clients"));
}

}  // namespace
}  // namespace weir
